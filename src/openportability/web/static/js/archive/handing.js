// Lists that are on their way: this browser remembers them until there was an answer. So whoever closes the page meanwhile
// is asked first, and told at the next visit if nothing arrived.
const MARK = "lists-on-their-way";

/** @param {BeforeUnloadEvent} event */
const ask = (event) => event.preventDefault();

/**
 * Lists set out.
 * @param {string} stand what the server has now: another word as soon as lists have come
 */
export function begin(stand) {
  addEventListener("beforeunload", ask);
  try {
    localStorage.setItem(MARK, stand);
  } catch {
    // A browser that may not remember tells nothing later; it still asks.
  }
}

/** There was an answer, or nobody waits for one any more. */
export function end() {
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
export function wasCutOff(stand) {
  try {
    const before = localStorage.getItem(MARK);
    localStorage.removeItem(MARK);
    return before === stand;
  } catch {
    return false;
  }
}
