// The rows of a list, as they come: incremental JSON, with no more than a row in memory.
//
// It accepts what the server's JSON reader accepts. A row is looked at letter by letter only as far as its end; the
// browser's own JSON.parse does the rest.
import { blanksEnd, rowEnd } from "./ends.js";
import { Invalid } from "./errors.js";
import { BEFORE_BYTES, decodedOr, startOf } from "./text.js";

/** @typedef {import("./types.js").Readable} Readable */

// A row that is longer, the blanks before it included, has no end that one could wait for.
const ENDLESS_ROW_BYTES = 3 << 14;
const MOST_ARRAYS = 4096;
const BEHIND_BYTES = 1 << 16;
const MOST_INTEGER = 2n ** 63n - 1n;

/**
 * Yield the rows of a file, some at a time, each with the letters it has. Throw where they cannot be told.
 * @param {Readable} readable
 * @param {{bytes: number}} left how much may be read; what was read is taken off
 */
export async function* rowsOf(readable, left) {
  const rows = new Rows(readable.place.path);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  for await (const piece of readable.pieces()) {
    left.bytes -= piece.length;
    if (left.bytes < 0) throw new Invalid("archive.limits", { cap: "list" });
    yield rows.take(decodedOr(rows.corrupt, decoder, piece));
  }
  yield rows.end(decodedOr(rows.corrupt, decoder));
}

class Rows {
  /** @param {string} file */
  constructor(file) {
    this.file = file;
    this.corrupt = new Invalid("archive.corrupt_file", { file });
    this.text = "";
    // What comes next: the beginning, a first row or the end, a row, a comma or the end, nothing.
    this.next = "start";
  }

  /** @param {string} more */
  take(more) {
    this.text += more;
    return this.next === "start" && this.text.length < BEFORE_BYTES ? [] : this.read();
  }

  /** @param {string} more */
  end(more) {
    this.text += more;
    const rows = this.read();
    if (this.next !== "nothing" || !/^[ \t\n\v\f\r]*(?:;[ \t\r\n]*)?$/.test(this.text)) throw this.corrupt;
    return rows;
  }

  /** Take all whole rows off the text. */
  read() {
    const rows = [];
    let at = 0;
    if (this.next === "start") {
      at = startOf(this.text, "[", this.file) + 1;
      this.next = "row or end";
    }
    while (this.next !== "nothing") {
      const begins = blanksEnd(this.text, at);
      if (begins === this.text.length) break;
      const letter = this.text[begins];
      if (letter === "]" && this.next !== "row") {
        this.next = "nothing";
        at = begins + 1;
      } else if (this.next === "comma or end") {
        if (letter !== ",") throw this.corrupt;
        this.next = "row";
        at = begins + 1;
      } else {
        const { end, isPlain } = rowEnd(this.text, begins);
        if (end === 0) throw this.corrupt;
        if (end < 0) break;
        const row = this.text.slice(begins, end);
        if (end - at > ENDLESS_ROW_BYTES || isMaze(row)) throw this.corrupt;
        rows.push(this.row(row, isPlain));
        this.next = "comma or end";
        at = end;
      }
    }
    this.text = this.text.slice(at);
    const most = this.next === "nothing" ? BEHIND_BYTES : ENDLESS_ROW_BYTES;
    if (this.text.length > most) throw this.corrupt;
    return rows;
  }

  /**
   * @param {string} text
   * @param {boolean} isPlain nothing but names, texts and brackets
   */
  row(text, isPlain) {
    try {
      const value = JSON.parse(isPlain ? text : spaced(text));
      if (!isPlain) checkNumbers(/^["[{]/.test(text) ? text.replace(STRINGS, "") : text);
      if (text.includes("\\u")) checkTexts(value);
      return { value, letters: text.length };
    } catch {
      throw this.corrupt;
    }
  }
}

const STRINGS = /"(?:[^"\\]|\\.)*"/g;

/**
 * Replace two blanks that JSON.parse does not know.
 * @param {string} text
 */
function spaced(text) {
  if (!/[\v\f]/.test(text)) return text;
  return text.replace(/"(?:[^"\\]|\\.)*"|[\v\f]/g, (found) => (found.length > 1 ? found : " "));
}

/**
 * Arrays have no place in a row; the server's reader stops at so many.
 * @param {string} row
 */
function isMaze(row) {
  return row.length > MOST_ARRAYS && row.split("[").length - 1 > MOST_ARRAYS;
}

/**
 * Numbers that do not fit into 64 bits are an error wherever they stand, for the server's reader has no place for them.
 * @param {string} outside a row without its texts
 */
function checkNumbers(outside) {
  for (const [number, more] of outside.matchAll(/-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?/g)) {
    const whole = /^-?[0-9]+$/.test(number);
    const fits = whole ? number.length < 21 && BigInt(number.replace("-", "")) <= MOST_INTEGER : isFinite(Number(number));
    if (!fits) throw new RangeError(more);
  }
}

/**
 * The second half of a pair of surrogates, alone, is no text.
 * @param {unknown} value
 */
function checkTexts(value) {
  for (const text of textsIn(value)) if (/[\udc00-\udfff]/u.test(text)) throw new TypeError();
}

/**
 * Yield every text in a value, names included.
 * @param {unknown} value
 * @returns {Generator<string>}
 */
export function* textsIn(value) {
  const left = [value];
  while (left.length) {
    const each = left.pop();
    if (typeof each === "string") yield each;
    else if (Array.isArray(each)) for (const one of each) left.push(one);
    else if (typeof each === "object" && each) for (const [name, one] of Object.entries(each)) left.push(name, one);
  }
}
