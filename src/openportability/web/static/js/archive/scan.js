// A zip without a directory: from one local header to the next.
import { u16, u32, u64 } from "./bytes.js";
import { large } from "./directory.js";
import { Invalid } from "./errors.js";
import { STORED, checkReadable } from "./inflate.js";
import { nameOf } from "./names.js";

/** @typedef {import("./types.js").Caps} Caps */
/** @typedef {import("./types.js").Entry} Entry */
/** @typedef {import("./types.js").Source} Source */

const LOCAL = 0x04034b50;
const DESCRIPTOR = 0x08074b50;
const LOCAL_BYTES = 30;
// What may follow the last entry: the directory, its end, the end for large zips, and their signature.
const AFTER_ENTRIES = new Set([0x02014b50, 0x06054b50, 0x06064b50, 0x08064b50]);
// A marker in front of the first entry of a zip that was made to be split.
const MARKERS = new Set([DESCRIPTOR, 0x30304b50]);
const PIECE_BYTES = 1 << 16;
// The longest descriptor, and the two letters that follow it.
const BEHIND_BYTES = 26;

/**
 * Yield every entry. `ends`: an end record shows that the zip is not cut.
 * @param {Source} source
 * @param {Caps} caps
 * @param {boolean} ends
 */
export async function* scan(source, caps, ends) {
  let at = MARKERS.has(await signature(source, 0)) ? 4 : 0;
  const first = await signature(source, at);
  if (first !== LOCAL && !AFTER_ENTRIES.has(first)) throw new Invalid("archive.not_zip");
  let number = 0;
  while (at < source.size) {
    if (AFTER_ENTRIES.has(await signature(source, at))) return;
    const [entry, after] = await local(source, at, caps, ends);
    at = after;
    number += 1;
    if (number > caps.entries) throw new Invalid("archive.limits", { cap: "entries" });
    yield { entries: [entry], others: 0 };
  }
}

/**
 * @param {Source} source
 * @param {number} at
 */
async function signature(source, at) {
  const bytes = await source.read(at, 4);
  return bytes.length === 4 ? u32(bytes, 0) : 0;
}

/**
 * @param {Source} source
 * @param {number} at
 * @param {Caps} caps
 * @param {boolean} ends
 * @returns {Promise<[Entry, number]>}
 */
async function local(source, at, caps, ends) {
  const header = await source.read(at, LOCAL_BYTES);
  if (header.length < LOCAL_BYTES) throw new Invalid("archive.truncated");
  if (u32(header, 0) !== LOCAL) throw new Invalid("archive.corrupt_file", { file: "zip" });
  const [nameBytes, extraBytes] = [u16(header, 26), u16(header, 28)];
  if (nameBytes > caps.name_bytes) throw new Invalid("archive.limits", { cap: "path" });
  const names = await source.read(at + LOCAL_BYTES, nameBytes + extraBytes);
  const [size, packed] = large(names.subarray(nameBytes), [u32(header, 22), u32(header, 18)]);
  const entry = {
    rawName: names.slice(0, nameBytes),
    flags: u16(header, 6),
    method: u16(header, 8),
    packed,
    size,
    crc: u32(header, 14),
    headerAt: at,
    dataAt: at + LOCAL_BYTES + nameBytes + extraBytes,
  };
  let after = entry.dataAt + packed;
  if (entry.flags & 8) {
    checkReadable(entry);
    after = await findSizes(source, entry, ends);
  }
  if (after > source.size) throw cut(entry, ends);
  return [entry, after];
}

/**
 * Find the end of an entry whose sizes stand behind it: where a descriptor tells how many bytes lie before itself.
 * Return where the next entry begins.
 * @param {Source} source
 * @param {Entry} entry
 * @param {boolean} ends
 */
async function findSizes(source, entry, ends) {
  for (let at = entry.dataAt; at < source.size; at += PIECE_BYTES) {
    const piece = await source.read(at, PIECE_BYTES);
    for (let place = piece.indexOf(0x50); place >= 0; place = piece.indexOf(0x50, place + 1)) {
      if (place + 1 < piece.length && piece[place + 1] !== 0x4b) continue;
      const after = await describedAt(source, entry, at + place);
      if (after) return after;
    }
  }
  const after = await unmarkedBefore(source, entry, source.size);
  if (after) return after;
  throw cut(entry, ends);
}

/**
 * @param {Source} source
 * @param {Entry} entry
 * @param {number} at
 */
async function describedAt(source, entry, at) {
  const found = await signature(source, at);
  if (found !== DESCRIPTOR) {
    return found === LOCAL || AFTER_ENTRIES.has(found) ? unmarkedBefore(source, entry, at) : 0;
  }
  const behind = (await source.read(at, BEHIND_BYTES)).slice();
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
 * A descriptor may lack its mark; then what follows it shows where it ends.
 * @param {Source} source
 * @param {Entry} entry
 * @param {number} at
 */
async function unmarkedBefore(source, entry, at) {
  if (entry.method === STORED) return 0;
  for (const wide of [false, true]) {
    const begins = at - (wide ? 20 : 12);
    if (begins < entry.dataAt) continue;
    const behind = await source.read(begins, at - begins);
    const [packed, size] = sizes(behind, 4, wide);
    if (packed === begins - entry.dataAt) {
      Object.assign(entry, { packed, size, crc: u32(behind, 0) });
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

/**
 * @param {Entry} entry
 * @param {boolean} ends
 */
function cut(entry, ends) {
  if (!ends) return new Invalid("archive.truncated");
  return new Invalid("archive.corrupt_file", { file: nameOf(entry) });
}
