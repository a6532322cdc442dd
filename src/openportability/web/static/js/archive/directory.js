// The directory of a zip, read a piece at a time.
// The layout: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, section 4.
import { joined, u16, u32, u64 } from "./bytes.js";
import { CENTRAL } from "./ending.js";
import { Broken, Invalid } from "./errors.js";

/** @typedef {import("./names.js").Names} Names */
/** @typedef {import("./types.js").Batch} Batch */
/** @typedef {import("./types.js").Caps} Caps */
/** @typedef {import("./types.js").Entry} Entry */
/** @typedef {import("./types.js").Source} Source */
/** @typedef {import("./ending.js").End} End */

const CENTRAL_BYTES = 46;
const FULL_16 = 0xffff;
const FULL_32 = 0xffffffff;
// The longest record of the directory: name, extra field and comment have 16 bits each.
const LARGEST_BYTES = CENTRAL_BYTES + 3 * FULL_16;
const PIECE_BYTES = 1 << 18;

/**
 * Yield all entries; those that `names` sees to be none of our business are only counted.
 * @param {Source} source
 * @param {End} end
 * @param {Caps} caps
 * @param {Names} names
 */
export async function* directory(source, end, caps, names) {
  await checkCount(source, end, caps);
  let held = /** @type {Uint8Array} */ (new Uint8Array(0));
  let readTo = end.at;
  const endsAt = end.at + end.size;
  let number = 0;
  while (held.length || readTo < endsAt) {
    if (held.length < LARGEST_BYTES && readTo < endsAt) {
      const piece = await source.read(readTo, Math.min(PIECE_BYTES, endsAt - readTo));
      if (!piece.length) throw new Broken();
      held = joined(held, piece);
      readTo += piece.length;
    }
    const whole = held.length - (readTo === endsAt ? CENTRAL_BYTES : LARGEST_BYTES);
    const [found, place] = batch(held, whole, end, caps, names);
    number += found.entries.length + found.others;
    if (number > caps.entries) throw new Invalid("archive.limits", { cap: "entries" });
    yield found;
    held = held.slice(place);
    if (readTo === endsAt && held.length) throw new Broken();
  }
  // A writer without zip64 counts past 65,535 from the beginning again.
  if (number !== end.count && number % (FULL_16 + 1) !== end.count) throw new Broken();
}

/**
 * Refuse too many entries before any is read: as the end says, else by their signatures.
 * @param {Source} source
 * @param {End} end
 * @param {Caps} caps
 */
async function checkCount(source, end, caps) {
  const room = Math.floor(end.size / CENTRAL_BYTES);
  if (end.count > room) throw new Broken();
  if (end.count > caps.entries) throw new Invalid("archive.limits", { cap: "entries" });
  if (room <= caps.entries) return;
  let number = 0;
  // Whoever reads on from the last three bytes sees a signature that two pieces share.
  for (let at = end.at, last = end.at + end.size - 4; at <= last && number <= caps.entries; ) {
    const piece = await source.read(at, Math.min(PIECE_BYTES, last + 4 - at));
    for (let place = piece.indexOf(0x50); place >= 0; place = piece.indexOf(0x50, place + 1)) {
      if (place + 4 <= piece.length && u32(piece, place) === CENTRAL) number += 1;
    }
    at += Math.max(1, piece.length - 3);
  }
  if (number > caps.entries) throw new Invalid("archive.limits", { cap: "entries" });
}

/**
 * Read the records that begin at or before `whole`; return also where the next one does.
 * @param {Uint8Array} held
 * @param {number} whole
 * @param {End} end
 * @param {Caps} caps
 * @param {Names} names
 * @returns {[Batch, number]}
 */
function batch(held, whole, end, caps, names) {
  // A letter for each byte, and for those below 128 the right one.
  const letters = new TextDecoder("windows-1252").decode(held);
  const entries = [];
  let [place, others] = [0, 0];
  while (place <= whole) {
    const [entry, extraAt, after] = central(held, place, end, caps);
    if (names.isOther(letters.slice(place + CENTRAL_BYTES, extraAt))) others += 1;
    else entries.push({ ...entry, rawName: held.slice(place + CENTRAL_BYTES, extraAt) });
    place = after;
  }
  return [{ entries, others }, place];
}

/**
 * Return a record without its name, where that ends, and where the next record begins.
 * @param {Uint8Array} held
 * @param {number} place
 * @param {End} end
 * @param {Caps} caps
 * @returns {[Omit<Entry, "rawName">, number, number]}
 */
function central(held, place, end, caps) {
  const extraAt = place + CENTRAL_BYTES + u16(held, place + 28);
  const commentAt = extraAt + u16(held, place + 30);
  const after = commentAt + u16(held, place + 32);
  if (u32(held, place) !== CENTRAL || after > held.length) throw new Broken();
  if (extraAt - place - CENTRAL_BYTES > caps.name_bytes) throw new Invalid("archive.limits", { cap: "path" });
  const said = [u32(held, place + 24), u32(held, place + 20), u32(held, place + 42)];
  const [size, packed, offset] = said.includes(FULL_32) ? large(held.subarray(extraAt, commentAt), said) : said;
  if (offset + end.shift >= end.at) throw new Broken();
  const entry = {
    flags: u16(held, place + 8),
    method: u16(held, place + 10),
    packed,
    size,
    crc: u32(held, place + 16),
    headerAt: offset + end.shift,
    dataAt: -1,
  };
  return [entry, extraAt, after];
}

/**
 * Put the 64-bit values of the zip64 field in the places of those that are full.
 * @param {Uint8Array} extra
 * @param {number[]} values
 */
export function large(extra, values) {
  for (let at = 0; at + 4 <= extra.length; at += 4 + u16(extra, at + 2)) {
    if (u16(extra, at) !== 1) continue;
    const end = Math.min(extra.length, at + 4 + u16(extra, at + 2));
    let next = at + 4;
    return values.map((value) => {
      if (value !== FULL_32 || next + 8 > end) return value;
      next += 8;
      return u64(extra, next - 8);
    });
  }
  return values;
}
