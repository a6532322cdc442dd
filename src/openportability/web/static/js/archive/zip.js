// Files in a zip that nobody should trust, on any source, however large: found by its directory, or else by its local headers.
import { crc32, u16, u32 } from "./bytes.js";
import { directory } from "./directory.js";
import { findEnd } from "./ending.js";
import { Broken, Invalid } from "./errors.js";
import { checkReadable, inflatedSource, unpack } from "./inflate.js";
import { nameOf } from "./names.js";
import { scan } from "./scan.js";

/** @typedef {import("./names.js").Names} Names */
/** @typedef {import("./types.js").Batch} Batch */
/** @typedef {import("./types.js").Caps} Caps */
/** @typedef {import("./types.js").Entry} Entry */
/** @typedef {import("./types.js").Source} Source */

const LOCAL = 0x04034b50;
const LOCAL_BYTES = 30;

/**
 * Let `gather` look at every entry but those that `names` sees to be none of our business, then find the bytes of those it
 * kept. Where the directory is of no use, the local headers are read instead, and `gather` is called again.
 * @template {{entries: Entry[]}} T
 * @param {Source} source
 * @param {Caps} caps
 * @param {Names} names
 * @param {(batches: AsyncIterable<Batch>) => Promise<T>} gather
 * @returns {Promise<{found: T, rebuilt: boolean}>}
 */
export async function browse(source, caps, names, gather) {
  let end = null;
  try {
    end = await findEnd(source);
    if (end) {
      const found = await gather(directory(source, end, caps, names));
      await locate(source, found.entries, end.at);
      return { found, rebuilt: false };
    }
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
  }
  return { found: await gather(scan(source, caps, names, end !== null)), rebuilt: true };
}

/**
 * Yield an entry's bytes; at the end it must be what the zip announced.
 * @param {Source} source
 * @param {Entry} entry
 * @param {Caps} caps
 */
export async function* read(source, entry, caps) {
  let crc = 0;
  let size = 0;
  for await (const piece of opened(source, entry, caps)) {
    crc = crc32(crc, piece);
    size += piece.length;
    yield piece;
  }
  if (crc !== entry.crc || size !== entry.size) {
    throw new Invalid("archive.corrupt_file", { file: nameOf(entry) });
  }
}

/**
 * Return an entry as a source, without writing it anywhere.
 * @param {Source} source
 * @param {Entry} entry
 * @param {Caps} caps
 */
export function inside(source, entry, caps) {
  return inflatedSource(() => opened(source, entry, caps), entry.size, caps.nested_bytes);
}

/**
 * @param {Source} source
 * @param {Entry} entry
 * @param {Caps} caps
 */
function opened(source, entry, caps) {
  checkReadable(entry);
  return unpack(source, entry.dataAt, entry.packed, entry.method, caps, nameOf(entry));
}

/**
 * Find where the bytes of these entries begin; no two may share any.
 * @param {Source} source
 * @param {Entry[]} entries
 * @param {number} until
 */
async function locate(source, entries, until) {
  for (const entry of entries) {
    const header = await source.read(entry.headerAt, LOCAL_BYTES);
    if (header.length < LOCAL_BYTES || u32(header, 0) !== LOCAL) throw new Broken();
    const [nameBytes, extraBytes] = [u16(header, 26), u16(header, 28)];
    const name = await source.read(entry.headerAt + LOCAL_BYTES, nameBytes);
    if (name.length !== entry.rawName.length || name.some((byte, at) => byte !== entry.rawName[at])) throw new Broken();
    entry.dataAt = entry.headerAt + LOCAL_BYTES + nameBytes + extraBytes;
  }
  let endsAt = 0;
  for (const entry of [...entries].sort((one, other) => one.headerAt - other.headerAt)) {
    const overlaps = entry.headerAt < endsAt;
    endsAt = entry.dataAt + entry.packed;
    if (overlaps || endsAt > until) {
      throw new Invalid("archive.corrupt_file", { file: nameOf(entry) });
    }
  }
}
