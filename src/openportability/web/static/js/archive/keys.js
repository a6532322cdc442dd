// Lists of ids as sorted, distinct 64-bit numbers, and their checksum.

// The longest number, and the end of its line.
const LINE_BYTES = 21;

/**
 * Sort in place and return what is distinct.
 * @param {BigUint64Array} ids
 */
export function distinct(ids) {
  ids.sort();
  let kept = 0;
  for (let at = 0; at < ids.length; at++) {
    if (!at || ids[at] !== ids[at - 1]) ids[kept++] = ids[at];
  }
  return ids.slice(0, kept);
}

/**
 * Return two lists as one.
 * @param {BigUint64Array} first
 * @param {BigUint64Array} second
 */
export function merged(first, second) {
  if (!first.length) return second;
  const both = new BigUint64Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return distinct(both);
}

/**
 * Return the SHA-256 of a list in its reference form: decimal, one a line, sorted.
 * @param {BigUint64Array} ids
 */
export async function checksum(ids) {
  const text = new Uint8Array(ids.length * LINE_BYTES);
  const encoder = new TextEncoder();
  let filled = 0;
  for (let at = 0; at < ids.length; at += 4096) {
    const lines = `${Array.from(ids.subarray(at, at + 4096)).join("\n")}\n`;
    filled += encoder.encodeInto(lines, text.subarray(filled)).written;
  }
  const digest = await sha256(text.subarray(0, filled));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Return the SHA-256 of bytes.
 * @param {Uint8Array} bytes
 */
export async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", /** @type {any} */ (bytes)));
}
