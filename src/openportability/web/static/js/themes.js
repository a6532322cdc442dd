// The choice of colours, at once: the form is sent in the background and the page takes the colours itself.

/** @param {Document} page */
export function themes(page) {
  const form = /** @type {HTMLFormElement | null} */ (page.querySelector("form[data-themes]"));
  form?.addEventListener("submit", (event) => {
    const chosen = /** @type {SubmitEvent} */ (event).submitter;
    if (!(chosen instanceof HTMLButtonElement)) return;
    event.preventDefault();
    const body = new URLSearchParams({ theme: chosen.value });
    fetch(form.action, { method: "POST", body, redirect: "manual" }).catch(() => form.submit());
    if (chosen.value === "auto") delete page.documentElement.dataset.theme;
    else page.documentElement.dataset.theme = chosen.value;
    for (const one of form.querySelectorAll("button")) {
      one.setAttribute("aria-pressed", String(one === chosen));
    }
  });
}
