// Tick boxes of a list: all of the page at once, how many are chosen with those of other pages, and buttons that need a tick
// wait for one.

/** @param {Document} page */
export function ticks(page) {
  for (const form of page.querySelectorAll("form[data-ticks]")) {
    const all = form.querySelector("[data-ticks-all]");
    const whole = all?.querySelector("input");
    if (!(all instanceof HTMLElement) || !whole) continue;
    const boxes = () =>
      /** @type {HTMLInputElement[]} */ ([...form.querySelectorAll(".person__pick")]);
    const elsewhere = form.querySelectorAll("input[type=hidden][name=match_ids]").length;
    const line = form.querySelector("[data-ticks-chosen]");
    const count = form.querySelector("[data-ticks-count]");
    const inWords = new Intl.NumberFormat(page.documentElement.lang);
    const show = () => {
      const ticked = boxes().filter((box) => box.checked).length;
      whole.checked = ticked > 0 && ticked === boxes().length;
      whole.indeterminate = ticked > 0 && !whole.checked;
      for (const button of form.querySelectorAll("[data-ticks-needed]")) {
        button.toggleAttribute("disabled", ticked + elsewhere === 0);
      }
      line?.toggleAttribute("hidden", ticked + elsewhere === 0);
      if (count) count.textContent = inWords.format(ticked + elsewhere);
    };
    whole.addEventListener("change", () => {
      for (const box of boxes()) box.checked = whole.checked;
    });
    form.addEventListener("change", show);
    // The browser may bring ticks back after this has run.
    addEventListener("pageshow", show);
    all.hidden = false;
    show();
  }
}
