// The archive page: an archive is read here, shown, and only its lists are handed over. Without this script the form sends
// the file itself, as every form does.
import { Panels } from "./panels.js";

/** @typedef {import("./worker.js").Task} Task */

class Desk {
  /** @param {HTMLFormElement} form */
  constructor(form) {
    this.form = form;
    this.told = JSON.parse(document.querySelector("[data-archive-told]")?.textContent ?? "");
    this.panels = new Panels(document, this.told);
    this.handing = /** @type {HTMLButtonElement} */ (document.querySelector('[data-archive-do="hand-over"]'));
    this.input = /** @type {HTMLInputElement} */ (form.querySelector("input[type=file]"));
    /** @type {File[]} */
    this.files = [];
    /** @type {Worker | null} */
    this.worker = null;
    /** Waits for a place in the queue. */
    this.turn = 0;
    this.body = new Uint8Array(0);
    this.mediaType = "";
  }

  open() {
    if (wasCutOff(this.told.stand)) this.panels.show("cut-off");
    for (const part of document.querySelectorAll("[data-archive-with]")) /** @type {HTMLElement} */ (part).hidden = false;
    for (const part of document.querySelectorAll("[data-archive-without]")) /** @type {HTMLElement} */ (part).hidden = true;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.read();
    });
    this.input.addEventListener("change", () => this.choose(this.input.files));
    // What is read depends on the boxes as well.
    this.form.addEventListener("change", ({ target }) => {
      if (target !== this.input && this.files.length) this.read();
    });
    const actions = { cancel: this.cancel, again: this.again, "hand-over": this.handOver, "send-whole": this.sendWhole };
    for (const [name, action] of Object.entries(actions)) {
      document.querySelector(`[data-archive-do="${name}"]`)?.addEventListener("click", () => action.call(this));
    }
    const frame = this.form.querySelector("[data-drop]");
    frame?.addEventListener("drop", (event) => {
      const files = /** @type {DragEvent} */ (event).dataTransfer?.files;
      if (files?.length) this.choose(files);
    });
  }

  /** @param {FileList | null} files */
  choose(files) {
    this.files = [...(files ?? [])];
    if (this.files.length) this.read();
  }

  read() {
    this.stop();
    this.forget();
    if (!this.files.length) {
      this.panels.problem({ code: "archive.not_chosen", detail: {} });
      this.panels.show("problem");
      return;
    }
    this.panels.begin();
    this.panels.show("reading");
    this.worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.worker.addEventListener("message", ({ data }) => this.hear(data));
    this.worker.addEventListener("error", () => {
      this.stop();
      this.panels.show("unable");
    });
    this.worker.postMessage(this.task());
  }

  /** @returns {Task} */
  task() {
    const chosen = new FormData(this.form);
    const { formats, caps, mine } = this.told;
    const network = this.network();
    return {
      uploads: this.files.map((file) => ({ name: file.name, blob: file })),
      format: formats[network],
      caps,
      also: chosen.get("also") ? formats[network].lists.map((/** @type {{kind: string}} */ list) => list.kind) : [],
      mine: mine[network] ?? [],
    };
  }

  network() {
    return String(new FormData(this.form).get("network") ?? Object.keys(this.told.formats)[0]);
  }

  /** @param {any} told */
  hear(told) {
    if (told.progress) {
      this.panels.progress(told.progress);
      return;
    }
    this.stop();
    if (told.problem) {
      this.panels.problem(told.problem);
      this.panels.show("problem");
      return;
    }
    this.body = told.body;
    this.mediaType = told.mediaType;
    this.panels.found(told.found, told.body.length);
    this.panels.show("found");
  }

  stop() {
    this.worker?.terminate();
    this.worker = null;
  }

  cancel() {
    this.again();
  }

  /** Nothing that was read before is handed over any more, in whatever line it stands. */
  forget() {
    clearTimeout(this.turn);
    arrived();
    this.body = new Uint8Array(0);
    this.handing.disabled = false;
  }

  again() {
    this.stop();
    this.forget();
    this.files = [];
    this.input.value = "";
    this.panels.show();
    this.input.focus();
  }

  handOver() {
    this.panels.show("found", "sending");
    this.send();
  }

  async send() {
    const { body } = this;
    this.handing.disabled = true;
    setOut(this.told.stand);
    try {
      const address = `${this.form.dataset.archive}?${new URLSearchParams({ network: this.network() })}`;
      const headers = { "Content-Type": this.mediaType };
      const answer = await fetch(address, { method: "POST", headers, body });
      const said = await answer.json();
      if (answer.ok) {
        arrived();
        location.assign(`${this.form.action}/${said.archive_id}`);
        return;
      }
      if (body !== this.body) return;
      this.panels.say("refused", said.title, said.detail);
      this.panels.show("found", "refused");
      if (said.code === "svc.queue") {
        // The place is kept for who comes back when told.
        this.turn = setTimeout(() => this.send(), 1000 * Number(answer.headers.get("Retry-After")));
        return;
      }
    } catch {
      this.panels.show("found", "unsent");
    }
    arrived();
    this.handing.disabled = false;
  }

  sendWhole() {
    this.form.submit();
  }
}

/** What reading here needs of a browser; one that lacks it sends the file, as without script. */
function isAble() {
  return "Worker" in window && "DecompressionStream" in window && "CompressionStream" in window && Boolean(crypto.subtle);
}

// --- lists on their way -----------------------------------------------------------------------
// This browser remembers them until there was an answer. So whoever closes the page meanwhile is asked first, and told at
// the next visit if nothing arrived. Here and not in a file of their own: each file is one more to be fetched.

const MARK = "lists-on-their-way";

/** @param {BeforeUnloadEvent} event */
const ask = (event) => event.preventDefault();

/**
 * Lists set out.
 * @param {string} stand what the server has now: another word as soon as lists have come
 */
function setOut(stand) {
  addEventListener("beforeunload", ask);
  try {
    localStorage.setItem(MARK, stand);
  } catch {
    // A browser that may not remember tells nothing later; it still asks.
  }
}

/** There was an answer, or nobody waits for one any more. */
function arrived() {
  removeEventListener("beforeunload", ask);
  try {
    localStorage.removeItem(MARK);
  } catch {
    // Then nothing is remembered.
  }
}

/**
 * Tell once whether lists set out and never arrived.
 * @param {string} stand
 */
function wasCutOff(stand) {
  try {
    const before = localStorage.getItem(MARK);
    localStorage.removeItem(MARK);
    return before === stand;
  } catch {
    return false;
  }
}

const form = /** @type {HTMLFormElement | null} */ (document.querySelector("form[data-archive]"));
if (form && isAble()) new Desk(form).open();
