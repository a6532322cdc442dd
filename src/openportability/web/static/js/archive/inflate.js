// Bytes out of a zip, bounded: stored and deflated entries, in pieces, or as a source of their own.
import { Invalid } from "./errors.js";

/** @typedef {import("./types.js").Caps} Caps */
/** @typedef {import("./types.js").Entry} Entry */
/** @typedef {import("./types.js").Pieces} Pieces */
/** @typedef {import("./types.js").Source} Source */

export const STORED = 0;
export const DEFLATED = 8;

// Small, for all that one piece unpacks to is in memory at once.
const PIECE_BYTES = 1 << 14;
// Small files may be packed better than the cap allows.
const RATIO_FROM_BYTES = 1 << 20;
const MOST_REWINDS = 64;

/** @param {Entry} entry */
export function checkReadable(entry) {
  if (entry.flags & 1) throw new Invalid("archive.encrypted");
  if (entry.method !== STORED && entry.method !== DEFLATED) throw new Invalid("archive.method");
}

/**
 * Yield what lies packed there, in pieces.
 * @param {Source} source
 * @param {number} at
 * @param {number} packed
 * @param {number} method
 * @param {Caps} caps
 * @param {string} name
 * @returns {Pieces}
 */
export async function* unpack(source, at, packed, method, caps, name) {
  if (method === STORED) {
    yield* piecesOf(source, at, packed, name);
    return;
  }
  const inflate = new DecompressionStream("deflate-raw");
  const writer = inflate.writable.getWriter();
  const reader = inflate.readable.getReader();
  const taken = { bytes: 0 };
  const fed = feed(piecesOf(source, at, packed, name), writer, taken);
  let given = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error) => damaged(error, name));
      if (done) break;
      given += value.length;
      if (given > RATIO_FROM_BYTES && given > taken.bytes * caps.ratio) {
        throw new Invalid("archive.limits", { cap: "ratio" });
      }
      yield value;
    }
    await fed;
  } finally {
    // Whoever stops early, by an error or by choice, stops the feeding as well.
    reader.cancel().catch(() => {});
    writer.abort().catch(() => {});
  }
}

/**
 * @param {Pieces} pieces
 * @param {WritableStreamDefaultWriter<any>} writer
 * @param {{bytes: number}} taken
 */
async function feed(pieces, writer, taken) {
  try {
    for await (const piece of pieces) {
      taken.bytes += piece.length;
      await writer.write(piece);
    }
    await writer.close();
  } catch (error) {
    // It reaches the one who reads: there it is told.
    await writer.abort(error).catch(() => {});
  }
}

/**
 * @param {unknown} error
 * @param {string} name
 * @returns {never}
 */
function damaged(error, name) {
  throw error instanceof Invalid ? error : new Invalid("archive.corrupt_file", { file: name });
}

/**
 * @param {Source} source
 * @param {number} at
 * @param {number} length
 * @param {string} name
 * @returns {Pieces}
 */
export async function* piecesOf(source, at, length, name) {
  const endsAt = at + length;
  while (at < endsAt) {
    const read = source.read(at, Math.min(PIECE_BYTES, endsAt - at));
    const piece = await read.catch((error) => damaged(error, name));
    if (!piece.length) throw new Invalid("archive.corrupt_file", { file: name });
    at += piece.length;
    yield piece;
  }
}

/**
 * Return what `begin` yields as a source. Going back begins anew: not too often, and `most` bytes in all.
 * @param {() => Pieces} begin
 * @param {number} size
 * @param {number} most
 * @returns {Source}
 */
export function inflatedSource(begin, size, most) {
  let pieces = begin();
  let held = /** @type {Uint8Array} */ (new Uint8Array(0));
  let heldAt = 0;
  let rewinds = 0;
  let left = most;
  /** @param {number} at */
  const rewind = async (at) => {
    if (at >= heldAt) return;
    rewinds += 1;
    if (rewinds > MOST_REWINDS) throw new Invalid("archive.limits", { cap: "nesting" });
    await pieces.return(undefined);
    [pieces, held, heldAt] = [begin(), new Uint8Array(0), 0];
  };
  return {
    size,
    async read(at, length) {
      const wanted = Math.max(0, Math.min(length, size - at));
      const out = new Uint8Array(wanted);
      if (wanted) await rewind(at);
      let filled = 0;
      while (filled < wanted) {
        const skip = at + filled - heldAt;
        if (skip >= held.length) {
          heldAt += held.length;
          const { done, value } = await pieces.next();
          held = done ? new Uint8Array(0) : value;
          left -= held.length;
          if (left < 0) throw new Invalid("archive.limits", { cap: "nesting" });
          if (!held.length) break;
          continue;
        }
        const part = held.subarray(skip, skip + wanted - filled);
        out.set(part, filled);
        filled += part.length;
      }
      return out.subarray(0, filled);
    },
  };
}
