// The rows of a list, as they come: incremental JSON, with no more than a row in memory.
//
// It accepts what the server's JSON reader accepts. A row is looked at letter by letter only as far as its end; the
// browser's own JSON.parse does the rest.
import { joined } from "./bytes.js";
import { blanksEnd, rowEnd } from "./ends.js";
import { Invalid } from "./errors.js";
import { BEFORE_BYTES, decodedOr, startOf } from "./text.js";

/** @typedef {import("./types.js").Readable} Readable */

// What is parsed at once: the bites of a file begin at multiples of this, counted from where its JSON does, however it
// comes. So what is found in one bite, and in which order, is the same on the server.
const BITE_BYTES = 1 << 14;
// A row may end so many bites behind the one before it; beyond, nothing can be said about what follows.
const MOST_BITES = 3;
const MOST_ARRAYS_IN_A_BITE = 4096;
const BEHIND_BYTES = 1 << 16;
const MOST_INTEGER = 2n ** 63n - 1n;
const BRACKET = 0x5b;

/**
 * Yield the rows of a file, some at a time, each with the letters it has. Throw where they cannot be told.
 * @param {Readable} readable
 * @param {{bytes: number}} left how much may be read; what was read is taken off
 */
export async function* rowsOf(readable, left) {
  const rows = new Rows(readable.place.path);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  for await (const { bite, begins } of bitesOf(readable.pieces())) {
    left.bytes -= bite.length - begins;
    if (left.bytes < 0) throw new Invalid("archive.limits", { cap: "list" });
    if (arraysIn(bite, rows.bite ? 0 : begins + 1) > MOST_ARRAYS_IN_A_BITE) throw rows.corrupt;
    yield rows.take(decodedOr(rows.corrupt, decoder, bite));
  }
  rows.end(decodedOr(rows.corrupt, decoder));
}

/**
 * Yield a file in bites. The JSON begins somewhere in the first, and with all the others.
 * @param {import("./types.js").Pieces} pieces
 */
async function* bitesOf(pieces) {
  let held = /** @type {Uint8Array} */ (new Uint8Array(0));
  let begins = -1;
  for await (const piece of pieces) {
    held = joined(held, piece);
    if (begins < 0) {
      begins = held.indexOf(BRACKET);
      // Where there is none by then, the first bite is refused.
      if (begins < 0 && held.length < BEFORE_BYTES) continue;
      begins = Math.max(begins, 0);
    }
    for (; held.length >= begins + BITE_BYTES; begins = 0) {
      yield { bite: held.subarray(0, begins + BITE_BYTES), begins };
      held = held.subarray(begins + BITE_BYTES);
    }
  }
  if (held.length) yield { bite: held, begins: Math.max(begins, 0) };
}

/**
 * Arrays have no place in a row; the server's reader stops at so many.
 * @param {Uint8Array} bite
 * @param {number} from
 */
function arraysIn(bite, from) {
  let count = 0;
  for (let at = bite.indexOf(BRACKET, from); at >= 0; at = bite.indexOf(BRACKET, at + 1)) count += 1;
  return count;
}

class Rows {
  /** @param {string} file */
  constructor(file) {
    this.file = file;
    this.corrupt = new Invalid("archive.corrupt_file", { file });
    this.text = "";
    // What comes next: the beginning, a first row or the end, a row, a comma or the end, nothing.
    this.next = "start";
    // The bite that comes, and the one in which the last row ended.
    this.bite = this.rowBite = 0;
  }

  /** @param {string} more */
  take(more) {
    const held = this.text.length;
    this.text += more;
    const semicolon = this.next === "nothing" ? this.text.indexOf(";") : -1;
    const isClosed = semicolon >= 0 && semicolon <= held;
    if (!isClosed && this.bite - this.rowBite > MOST_BITES) throw this.corrupt;
    const rows = this.read();
    if (rows.length) this.rowBite = this.bite;
    this.bite += 1;
    return rows;
  }

  /** @param {string} more */
  end(more) {
    this.text += more;
    this.read();
    if (this.next !== "nothing") throw this.corrupt;
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
        rows.push(this.row(row, isPlain));
        this.next = "comma or end";
        at = end;
      }
    }
    this.text = this.text.slice(at);
    if (this.next === "nothing") this.checkEnd();
    return rows;
  }

  /** Behind the list there is nothing but blanks, and one semicolon with not too many more. */
  checkEnd() {
    const semicolon = this.text.indexOf(";");
    const isLong = semicolon >= 0 && this.text.length - semicolon > BEHIND_BYTES;
    if (isLong || !/^[ \t\n\v\f\r]*(?:;[ \t\r\n]*)?$/.test(this.text)) throw this.corrupt;
  }

  /**
   * @param {string} text
   * @param {boolean} isPlain nothing but names, texts and brackets
   */
  row(text, isPlain) {
    try {
      const value = JSON.parse(isPlain ? text : spaced(text));
      if (!isPlain) checkNumbers(/^["[{]/.test(text) ? text.replace(STRINGS, "") : text);
      if (text.includes("\\u")) checkTexts(text);
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
 * The second half of a pair of surrogates, alone, is no text; nor where a later one of the same name replaces it.
 * @param {string} row
 */
function checkTexts(row) {
  for (const [text] of row.matchAll(STRINGS)) {
    if (text.includes("\\u") && /[\udc00-\udfff]/u.test(JSON.parse(text))) throw new TypeError();
  }
}
