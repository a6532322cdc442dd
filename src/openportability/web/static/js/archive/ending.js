// The end of a zip, which says where its directory is.
// The layout: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, section 4.
import { u16, u32, u64 } from "./bytes.js";
import { Broken } from "./errors.js";

/** @typedef {import("./types.js").Source} Source */
/** Where the directory is, how many entries it should have, and how many bytes stand before the zip itself. */
/** @typedef {{at: number, size: number, shift: number, count: number}} End */

export const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const END_BYTES = 22;
const FULL_16 = 0xffff;
// Ends that are looked at; a zip has one.
const MOST_ENDS = 64;

/**
 * @param {Source} source
 * @returns {Promise<End | null>}
 */
export async function findEnd(source) {
  const tailAt = Math.max(0, source.size - END_BYTES - FULL_16);
  const tail = (await source.read(tailAt, source.size - tailAt)).slice();
  const ends = [];
  // What looks like an end may stand in the comment behind the real one.
  for (let at = tail.lastIndexOf(0x50, tail.length - END_BYTES); at >= 0 && ends.length < MOST_ENDS; ) {
    if (u32(tail, at) === END && at + END_BYTES + u16(tail, at + 20) <= tail.length) {
      const { end, isLikely } = await readEnd(source, tailAt + at, tail.subarray(at, at + END_BYTES));
      if (isLikely) return end;
      ends.push(end);
    }
    at = at ? tail.lastIndexOf(0x50, at - 1) : -1;
  }
  if (!ends.length) return null;
  const first = ends.find((end) => end);
  if (!first) throw new Broken();
  return first;
}

/**
 * Return what an end says, if it can be true, and whether a directory begins where it says.
 * @param {Source} source
 * @param {number} at
 * @param {Uint8Array} record
 * @returns {Promise<{end: End | null, isLikely: boolean}>}
 */
async function readEnd(source, at, record) {
  let first = null;
  const said = [at, u16(record, 10), u32(record, 12), u32(record, 16)];
  for (const [endsAt, count, size, offset] of [...(await readEnd64(source, at)), said]) {
    const shift = endsAt - size - offset;
    if (shift < 0 || (count === 0 && at > 0)) continue;
    const end = { at: endsAt - size, size, shift, count };
    const begins = await source.read(end.at, 4);
    if (count === 0 || (begins.length === 4 && u32(begins, 0) === CENTRAL)) return { end, isLikely: true };
    first ??= end;
  }
  return { end: first, isLikely: false };
}

/**
 * Return what the end of a large zip says, if there is one: also where it would not be needed.
 * @param {Source} source
 * @param {number} endAt
 */
async function readEnd64(source, endAt) {
  const locator = endAt < 20 ? new Uint8Array(20) : (await source.read(endAt - 20, 20)).slice();
  if (u32(locator, 0) !== LOCATOR_64) return [];
  const found = [];
  // Where bytes were put before the zip, the locator is wrong and the record right before it.
  for (const at of [u64(locator, 8), endAt - 20 - 56]) {
    if (at < 0 || at > endAt - 76) continue;
    const record = await source.read(at, 56);
    if (u32(record, 0) === END_64) found.push([at, u64(record, 32), u64(record, 40), u64(record, 48)]);
  }
  return found;
}
