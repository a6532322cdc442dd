// Where things end in JSON that has not come whole.

const BLANKS = /[ \t\n\v\f\r]*/y;
const SCALAR = /[-+.0-9A-Za-z]+/y;

/**
 * Return where the blanks end that begin here; there may be none.
 * @param {string} text
 * @param {number} at
 */
export function blanksEnd(text, at) {
  BLANKS.lastIndex = at;
  BLANKS.test(text);
  return BLANKS.lastIndex;
}

/**
 * Return where a row ends that begins here; -1: not in this text; 0: this is no row. And whether it is plain: nothing but
 * names, texts and brackets.
 * @param {string} text
 * @param {number} begins
 */
export function rowEnd(text, begins) {
  const first = text[begins];
  if (first !== "{" && first !== "[" && first !== '"') {
    SCALAR.lastIndex = begins;
    if (!SCALAR.test(text)) return { end: 0, isPlain: false };
    const end = SCALAR.lastIndex;
    const mayGoOn = end === text.length && !/^(?:true|false|null)$/.test(text.slice(begins));
    return { end: mayGoOn ? -1 : end, isPlain: false };
  }
  let depth = 0;
  let isPlain = true;
  for (let at = begins; at < text.length; at++) {
    const letter = text.charCodeAt(at);
    if (letter === 0x22) {
      at = stringEnd(text, at);
      if (at < 0) return { end: -1, isPlain };
    } else if (letter === 0x7b || letter === 0x5b) {
      depth += 1;
    } else if (letter === 0x7d || letter === 0x5d) {
      depth -= 1;
    } else if (letter !== 0x20 && letter !== 0x0a && letter !== 0x2c && letter !== 0x3a) {
      isPlain = false;
    }
    if (depth === 0) return { end: at + 1, isPlain };
  }
  return { end: -1, isPlain };
}

/**
 * Return where a text's closing quotation mark stands; -1: not here.
 * @param {string} text
 * @param {number} begins
 */
function stringEnd(text, begins) {
  for (let at = text.indexOf('"', begins + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let slashes = 0;
    while (text.charCodeAt(at - 1 - slashes) === 0x5c) slashes += 1;
    if (slashes % 2 === 0) return at;
  }
  return -1;
}
