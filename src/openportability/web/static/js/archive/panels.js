// What the page shows of a reading: the panels of archives/_reading.html, filled in. Words come from the page.

/** @typedef {import("./types.js").Archive} Archive */
/** @typedef {import("./types.js").Notice} Notice */
/** @typedef {Omit<Archive, "lists"> & {lists: {kind: string, count: number}[]}} Found */
/** @typedef {{words: Record<string, [string, string]>, unsaid: Record<string, string>}} Words */

export class Panels {
  /**
   * @param {Document} page
   * @param {Words} words
   */
  constructor(page, words) {
    this.page = page;
    this.words = words;
    this.number = new Intl.NumberFormat(page.documentElement.lang || undefined);
    this.size = new Intl.NumberFormat(page.documentElement.lang || undefined, { style: "unit", unit: "kilobyte" });
    this.day = new Intl.DateTimeFormat(page.documentElement.lang || undefined, { dateStyle: "long", timeZone: "UTC" });
  }

  /** @param {string} name */
  panel(name) {
    return /** @type {HTMLElement} */ (this.page.querySelector(`[data-archive-panel="${name}"]`));
  }

  /**
   * Show these panels and no other; the last one gets the focus.
   * @param {string[]} names
   */
  show(...names) {
    for (const panel of this.page.querySelectorAll("[data-archive-panel]")) {
      /** @type {HTMLElement} */ (panel).hidden = !names.includes(panel.getAttribute("data-archive-panel") ?? "");
    }
    if (!names.length) return;
    const last = this.panel(names[names.length - 1]);
    (last.hasAttribute("tabindex") ? last : /** @type {HTMLElement | null} */ (last.querySelector("[tabindex]")))?.focus();
    last.scrollIntoView({ block: "nearest" });
  }

  /**
   * Say what went wrong, in the words of the page.
   * @param {Notice} notice
   */
  problem({ code, detail }) {
    const [happened, next] = this.words.words[code] ?? this.words.words["svc.internal"];
    this.say("problem", this.filled(happened, detail), this.filled(next, detail));
  }

  /**
   * @param {string} name of a panel with one notice
   * @param {string} happened
   * @param {string} next
   */
  say(name, happened, next) {
    told(this.panel(name), happened, next);
  }

  /** @param {{done: number, total: number}} progress */
  progress({ done, total }) {
    const bar = /** @type {HTMLProgressElement} */ (this.panel("reading").querySelector("progress"));
    const share = Math.min(1, done / total);
    bar.max = 1;
    bar.value = share;
    const words = /** @type {HTMLElement} */ (this.panel("reading").querySelector(".progress__words > :last-child"));
    words.textContent = new Intl.NumberFormat(this.number.resolvedOptions().locale, { style: "percent" }).format(share);
  }

  /** Forget how far the last reading was. */
  begin() {
    this.panel("reading").querySelector("progress")?.removeAttribute("value");
  }

  /**
   * @param {Found} found
   * @param {number} bytes what would be sent
   */
  found(found, bytes) {
    const panel = this.panel("found");
    for (const stat of panel.querySelectorAll("[data-kind]")) {
      const list = found.lists.find((each) => each.kind === stat.getAttribute("data-kind"));
      /** @type {HTMLElement} */ (stat).hidden = !list;
      /** @type {HTMLElement} */ (stat.lastElementChild).textContent = list ? this.number.format(list.count) : "";
    }
    const { owner, generatedAt } = found;
    this.fill("owner", owner && (owner.handle ? `${owner.handle} (${owner.id})` : owner.id));
    this.fill("made", generatedAt && this.day.format(new Date(generatedAt)));
    this.fill("ignored", this.number.format(found.ignored));
    this.fill("size", `(${this.size.format(Math.ceil(bytes / 1000))})`);
    this.repeat("notices", found.warnings, (notice, { code, detail }) => {
      const [happened, next] = this.words.words[code];
      told(notice, this.filled(happened, detail), this.filled(next, detail));
    });
    this.repeat("files", found.files, (row, file) => {
      const cells = [file.file, ...[file.count, file.duplicates, file.skipped].map((each) => this.number.format(each))];
      row.querySelectorAll("th, td").forEach((cell, at) => (cell.textContent = cells[at]));
    });
  }

  /** @param {string} name */
  slot(name) {
    return /** @type {HTMLElement} */ (this.panel("found").querySelector(`[data-slot="${name}"]`));
  }

  /**
   * @param {string} name
   * @param {string | null} text
   */
  fill(name, text) {
    this.slot(name).textContent = text ?? this.slot(name).dataset.unsaid ?? "";
  }

  /**
   * Put a copy of the slot's template there for each item.
   * @template T
   * @param {string} name
   * @param {T[]} items
   * @param {(copy: DocumentFragment, item: T) => void} fill
   */
  repeat(name, items, fill) {
    const slot = this.slot(name);
    const pattern = /** @type {HTMLTemplateElement} */ (slot.querySelector("template"));
    slot.replaceChildren(pattern);
    for (const item of items) {
      const copy = /** @type {DocumentFragment} */ (pattern.content.cloneNode(true));
      fill(copy, item);
      slot.append(copy);
    }
  }

  /**
   * @param {string} text with `%(name)s` in it
   * @param {Notice["detail"]} detail
   */
  filled(text, detail) {
    return text.replace(/%\((\w+)\)s/g, (_, name) => {
      const value = detail[name] ?? this.words.unsaid[name] ?? "…";
      return typeof value === "number" ? this.number.format(value) : value;
    });
  }
}

/**
 * @param {ParentNode} notice
 * @param {string} happened
 * @param {string} next
 */
function told(notice, happened, next) {
  const [title, text] = notice.querySelectorAll(".notice__words > p");
  title.textContent = happened;
  text.textContent = next;
}
