// Bytes of a file, wherever they lie: a blob that is never held whole, and what a zip announces of its entries.

/** @typedef {import("./types.js").Source} Source */

const WINDOW_BYTES = 1 << 16;

/**
 * Return a blob as a source. Small reads near each other become one.
 * @param {Blob} blob
 * @returns {Source}
 */
export function sourceOf(blob) {
  let heldAt = 0;
  let held = new Uint8Array(0);
  return {
    size: blob.size,
    async read(at, length) {
      const end = Math.min(at + length, blob.size);
      if (end <= at) return new Uint8Array(0);
      if (at < heldAt || end > heldAt + held.length) {
        const until = Math.max(end, Math.min(at + WINDOW_BYTES, blob.size));
        held = new Uint8Array(await blob.slice(at, until).arrayBuffer());
        heldAt = at;
      }
      return held.subarray(at - heldAt, end - heldAt);
    },
  };
}

/**
 * @param {Uint8Array} first
 * @param {Uint8Array} second
 */
export function joined(first, second) {
  if (!first.length) return second;
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/**
 * @param {Uint8Array} bytes
 * @param {number} at
 */
export function u16(bytes, at) {
  return bytes[at] | (bytes[at + 1] << 8);
}

/**
 * @param {Uint8Array} bytes
 * @param {number} at
 */
export function u32(bytes, at) {
  return (u16(bytes, at) | (u16(bytes, at + 2) << 16)) >>> 0;
}

/**
 * Numbers above 2^53 come out rounded: no file is so large, so they fit nowhere.
 * @param {Uint8Array} bytes
 * @param {number} at
 */
export function u64(bytes, at) {
  return u32(bytes, at) + u32(bytes, at + 4) * 2 ** 32;
}

const CRCS = Uint32Array.from({ length: 256 }, (_, number) => {
  let crc = number;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/**
 * Go on with a CRC-32, begun with 0.
 * @param {number} before
 * @param {Uint8Array} bytes
 */
export function crc32(before, bytes) {
  let crc = ~before;
  for (let at = 0; at < bytes.length; at++) crc = CRCS[(crc ^ bytes[at]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}
