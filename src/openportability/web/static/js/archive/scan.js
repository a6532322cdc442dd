// A zip without a directory: from one local header to the next. Only whole signatures are looked at, and only so many that
// begin nothing: no file is a puzzle.
import { u16, u32 } from "./bytes.js";
import { BEFORE_BYTES, BEHIND_BYTES, described, unmarked } from "./descriptor.js";
import { large } from "./directory.js";
import { Invalid } from "./errors.js";
import { checkReadable } from "./inflate.js";
import { nameOf } from "./names.js";

/** @typedef {import("./names.js").Names} Names */
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
const SIZES_FOLLOW = 8;
// What is read at once: a little where an entry may be short, and more the longer it turns out to be.
const FIRST_BYTES = 1 << 10;
const PIECE_BYTES = 1 << 18;
const ENTRIES_IN_A_BATCH = 1000;

/**
 * Yield all entries; those that `names` sees to be none of our business are only counted. `ends`: an end record shows
 * that the zip is not cut.
 * @param {Source} source
 * @param {Caps} caps
 * @param {Names} names
 * @param {boolean} ends
 */
export async function* scan(source, caps, names, ends) {
  const walk = new Walk(source, caps, ends);
  let at = MARKERS.has(await walk.signature(0)) ? 4 : 0;
  const first = await walk.signature(at);
  if (first !== LOCAL && !AFTER_ENTRIES.has(first)) throw new Invalid("archive.not_zip");
  // A letter for each byte, and for those below 128 the right one.
  const letters = new TextDecoder("windows-1252");
  /** @type {Entry[]} */
  let entries = [];
  let [number, others] = [0, 0];
  while (at < source.size && !AFTER_ENTRIES.has(await walk.signature(at))) {
    const [entry, after] = await walk.local(at);
    at = after;
    number += 1;
    if (number > caps.entries) throw new Invalid("archive.limits", { cap: "entries" });
    if (names.isOther(letters.decode(entry.rawName))) others += 1;
    else entries.push(entry);
    if (number % ENTRIES_IN_A_BATCH === 0) {
      yield { entries, others };
      [entries, others] = [[], 0];
    }
  }
  yield { entries, others };
}

/** The way through one zip. */
class Walk {
  /**
   * @param {Source} source
   * @param {Caps} caps
   * @param {boolean} ends
   */
  constructor(source, caps, ends) {
    this.source = source;
    this.caps = caps;
    this.ends = ends;
    // Signatures that began nothing.
    this.false = 0;
  }

  /** @param {number} at */
  async signature(at) {
    const bytes = await this.source.read(at, 4);
    return bytes.length === 4 ? u32(bytes, 0) : 0;
  }

  /**
   * Return the entry whose header begins here, and where what follows it does.
   * @param {number} at
   * @returns {Promise<[Entry, number]>}
   */
  async local(at) {
    const header = await this.source.read(at, LOCAL_BYTES);
    if (header.length < LOCAL_BYTES) throw new Invalid("archive.truncated");
    if (u32(header, 0) !== LOCAL) throw new Invalid("archive.corrupt_file", { file: "zip" });
    const [nameBytes, extraBytes] = [u16(header, 26), u16(header, 28)];
    if (nameBytes > this.caps.name_bytes) throw new Invalid("archive.limits", { cap: "path" });
    const fields = { flags: u16(header, 6), method: u16(header, 8), crc: u32(header, 14), headerAt: at };
    const said = [u32(header, 22), u32(header, 18)];
    const names = await this.source.read(at + LOCAL_BYTES, nameBytes + extraBytes);
    const [size, packed] = large(names.subarray(nameBytes), said);
    const dataAt = at + LOCAL_BYTES + nameBytes + extraBytes;
    const entry = { ...fields, packed, size, dataAt, rawName: names.slice(0, nameBytes) };
    let after = dataAt + packed;
    if (entry.flags & SIZES_FOLLOW) {
      checkReadable(entry);
      after = await this.findSizes(entry);
    }
    if (after > this.source.size) throw this.cut(entry);
    return [entry, after];
  }

  /**
   * Find the end of an entry whose sizes stand behind it: where a descriptor tells how many bytes lie before itself.
   * Return where the next entry begins.
   * @param {Entry} entry
   */
  async findSizes(entry) {
    // A local header is longer than what stands before a signature, so there is so much.
    let begins = entry.dataAt - BEFORE_BYTES;
    for (let look = FIRST_BYTES; ; look = Math.min(2 * look, PIECE_BYTES)) {
      const piece = await this.source.read(begins, look);
      const isLast = begins + piece.length >= this.source.size;
      const until = isLast ? piece.length : piece.length - BEHIND_BYTES;
      const after = this.endIn(entry, piece, begins, until);
      if (after) return after;
      if (isLast) break;
      begins += until - BEFORE_BYTES;
    }
    const tail = await this.source.read(this.source.size - BEFORE_BYTES, BEFORE_BYTES);
    const after = unmarked(entry, tail, this.source.size);
    if (after) return after;
    throw this.cut(entry);
  }

  /**
   * Look at every signature in a piece; return where what follows the entry begins, or 0.
   * @param {Entry} entry
   * @param {Uint8Array} piece
   * @param {number} begins
   * @param {number} until
   */
  endIn(entry, piece, begins, until) {
    for (let place = piece.indexOf(0x50, BEFORE_BYTES); place >= 0 && place < until; place = piece.indexOf(0x50, place + 1)) {
      if (place + 4 > piece.length || piece[place + 1] !== 0x4b) continue;
      const found = u32(piece, place);
      if (found !== DESCRIPTOR && found !== LOCAL && !AFTER_ENTRIES.has(found)) continue;
      const after =
        found === DESCRIPTOR
          ? described(entry, piece.subarray(place, place + BEHIND_BYTES), begins + place)
          : unmarked(entry, piece.subarray(place - BEFORE_BYTES, place), begins + place);
      if (after) return after;
      this.false += 1;
      if (this.false > this.caps.false_signatures) throw new Invalid("archive.limits", { cap: "signatures" });
    }
    return 0;
  }

  /** @param {Entry} entry */
  cut(entry) {
    if (!this.ends) return new Invalid("archive.truncated");
    return new Invalid("archive.corrupt_file", { file: nameOf(entry) });
  }
}
