// Sizes of an entry that stand behind it.
import { u32, u64 } from "./bytes.js";
import { STORED } from "./inflate.js";

/** @typedef {import("./types.js").Entry} Entry */

/** The longest descriptor without a mark, and the longest with one and two letters of what follows. */
export const BEFORE_BYTES = 20;
export const BEHIND_BYTES = 26;

/**
 * Put the sizes that a descriptor tells into its entry, if they fit; return where what follows begins, or 0.
 * @param {Entry} entry
 * @param {Uint8Array} behind from the signature on
 * @param {number} at
 */
export function described(entry, behind, at) {
  for (const wide of [false, true]) {
    const width = wide ? 24 : 16;
    if (behind.length < width) continue;
    const [packed, size] = sizes(behind, 8, wide);
    const follows = behind.subarray(width, width + 2);
    const isNext = follows.length === 0 || (follows[0] === 0x50 && follows[1] === 0x4b);
    if (packed === at - entry.dataAt && isNext) {
      Object.assign(entry, { packed, size, crc: u32(behind, 4) });
      return at + width;
    }
  }
  return 0;
}

/**
 * A descriptor may lack its mark; then what follows it, at `at`, shows where it ends.
 * @param {Entry} entry
 * @param {Uint8Array} before
 * @param {number} at
 */
export function unmarked(entry, before, at) {
  if (entry.method === STORED) return 0;
  for (const wide of [false, true]) {
    const width = wide ? 20 : 12;
    if (at - width < entry.dataAt) continue;
    const own = before.subarray(before.length - width);
    const [packed, size] = sizes(own, 4, wide);
    if (packed === at - width - entry.dataAt) {
      Object.assign(entry, { packed, size, crc: u32(own, 0) });
      return at;
    }
  }
  return 0;
}

/**
 * @param {Uint8Array} bytes
 * @param {number} at
 * @param {boolean} wide
 */
function sizes(bytes, at, wide) {
  return wide ? [u64(bytes, at), u64(bytes, at + 8)] : [u32(bytes, at), u32(bytes, at + 4)];
}
