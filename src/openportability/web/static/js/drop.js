// Files may be dropped anywhere on the frame around a file field, not only on the field itself.

/** @param {Document} page */
export function drops(page) {
  for (const frame of page.querySelectorAll("[data-drop]")) {
    const field = frame.querySelector("input[type=file]");
    if (!(field instanceof HTMLInputElement)) continue;
    const over = (/** @type {boolean} */ is) => frame.classList.toggle("drop--over", is);
    frame.addEventListener("dragover", (event) => {
      event.preventDefault();
      over(true);
    });
    frame.addEventListener("dragleave", () => over(false));
    frame.addEventListener("drop", (event) => {
      event.preventDefault();
      over(false);
      const files = /** @type {DragEvent} */ (event).dataTransfer?.files;
      if (files?.length) field.files = files;
    });
  }
}
