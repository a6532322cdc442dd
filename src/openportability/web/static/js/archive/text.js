// A file of an archive: the script in front of its JSON, its index, the names and times in it.
import { Invalid } from "./errors.js";

/** @typedef {import("./types.js").ArchiveFormat} ArchiveFormat */
/** @typedef {import("./types.js").Caps} Caps */
/** @typedef {import("./types.js").Readable} Readable */

/**
 * What the index says: a second opinion, never a reason to open anything. `lists` go by their name in lower case.
 * @typedef {object} Manifest
 * @property {unknown} ownerId
 * @property {string} ownerHandle
 * @property {string | null} generatedAt
 * @property {boolean} partial
 * @property {Map<string, {files: number, rows: number | null}>} lists
 */

// Byte order mark, blanks, `window.some.name = `; each may be missing.
const BEFORE = /^\ufeff?[ \t\r\n]*(?:window\.[A-Za-z0-9_$.]+[ \t\r\n]*=[ \t\r\n]*)?/;
// All of it, and the bracket behind it, stand in so many bytes.
export const BEFORE_BYTES = 1024;
const BEHIND = /[ \t\r\n;]*$/;
const MOST_LETTERS = 100;
// JSON deeper than that is no index.
const MOST_DEPTH = 900;
const MOMENT =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ]([01]\d|2[0-3]):(\d\d)(?::(\d\d)(?:\.\d{1,6})?)?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))?)?$/;
// What counts as a blank around a name.
const AROUND = /^[ \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+|[ \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$/g;

/**
 * Return where the JSON begins. Throw where it does not begin as it should.
 * @param {string} text the first kilobyte, or all there is
 * @param {string} opening
 * @param {string} file
 */
export function startOf(text, opening, file) {
  // The mark is one letter and three bytes; all else that may stand there is one and one.
  const most = text.startsWith("\ufeff") ? BEFORE_BYTES - 2 : BEFORE_BYTES;
  const start = /** @type {RegExpExecArray} */ (BEFORE.exec(text.slice(0, most)))[0].length;
  if (start >= most || text[start] !== opening) throw new Invalid("archive.corrupt_file", { file });
  return start;
}

/**
 * Return what a manifest says, as far as it can be understood.
 * @param {Readable} readable
 * @param {ArchiveFormat} format
 * @param {Caps} caps
 * @returns {Promise<Manifest>}
 */
export async function readManifest(readable, format, caps) {
  const file = readable.place.path;
  const corrupt = new Invalid("archive.corrupt_file", { file });
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let text = "";
  let bytes = 0;
  for await (const piece of readable.pieces()) {
    bytes += piece.length;
    if (bytes > caps.manifest_bytes) throw corrupt;
    text += decodedOr(corrupt, decoder, piece);
  }
  text += decodedOr(corrupt, decoder);
  const json = text.slice(startOf(text, "{", file));
  const behind = /** @type {RegExpExecArray} */ (BEHIND.exec(json))[0];
  if (behind.split(";").length > 2 || depthOf(json) > MOST_DEPTH) throw corrupt;
  try {
    return understood(JSON.parse(json.slice(0, json.length - behind.length)), format);
  } catch {
    throw corrupt;
  }
}

/**
 * Decode the next bytes, or the end; throw `error` for what is no text.
 * @param {Error} error
 * @param {TextDecoder} decoder
 * @param {Uint8Array} [piece]
 */
export function decodedOr(error, decoder, piece) {
  try {
    return piece ? decoder.decode(/** @type {any} */ (piece), { stream: true }) : decoder.decode();
  } catch {
    throw error;
  }
}

/**
 * @param {any} tree
 * @param {ArchiveFormat} format
 * @returns {Manifest}
 */
function understood(tree, format) {
  const [user, about] = [part(tree, "userInfo"), part(tree, "archiveInfo")];
  /** @type {Manifest["lists"]} */
  const lists = new Map();
  for (const [key, value] of Object.entries(part(tree, "dataTypes"))) {
    if (!isObject(value) || !Array.isArray(own(value, "files"))) continue;
    const counts = value.files.map((/** @type {unknown} */ each) => own(each, "count"));
    const known = counts.filter((/** @type {unknown} */ count) => typeof count === "string" && /^\d{1,11}$/.test(count));
    const rows = known.reduce((/** @type {number} */ sum, /** @type {string} */ count) => sum + Number(count), 0);
    lists.set(key.toLowerCase(), { files: counts.length, rows: known.length === counts.length ? rows : null });
  }
  return {
    ownerId: own(user, format.owner_id_field),
    ownerHandle: shown(own(user, "userName")),
    generatedAt: moment(own(about, "generationDate")),
    partial: own(about, "isPartialArchive") === true,
    lists,
  };
}

/**
 * Return a name from a file as one that can be stored and shown, or nothing.
 * @param {unknown} text
 */
export function shown(text) {
  if (typeof text !== "string") return "";
  const letters = Array.from(text).slice(0, MOST_LETTERS).join("");
  // eslint-disable-next-line no-control-regex -- they have no place in a name
  return letters.replace(/[\x00-\x1f\x7f-\x9f]/g, "").replace(/\p{Surrogate}/gu, "?").replace(AROUND, "");
}

/**
 * Return the second that a file names, in UTC, or null for anything else.
 * @param {unknown} text
 */
export function moment(text) {
  const found = typeof text === "string" ? MOMENT.exec(text) : null;
  if (!found) return null;
  const [, year, month, day, hours = "0", minutes = "0", seconds = "0", sign, aheadHours, aheadMinutes] = found;
  if (Number(minutes) > 59 || Number(seconds) > 59) return null;
  const at = new Date(0);
  at.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  if (at.getUTCMonth() !== Number(month) - 1 || at.getUTCDate() !== Number(day) || year === "0000") return null;
  at.setUTCHours(Number(hours), Number(minutes), Number(seconds));
  const ahead = sign ? (Number(aheadHours) * 60 + Number(aheadMinutes)) * (sign === "+" ? 1 : -1) : 0;
  at.setTime(at.getTime() - ahead * 60_000);
  if (at.getUTCFullYear() < 1 || at.getUTCFullYear() > 9999) return null;
  return at.toISOString().replace(".000Z", "Z");
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, any>}
 */
export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Return what stands under a name in the JSON itself.
 * @param {unknown} value
 * @param {string} name
 */
export function own(value, name) {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/**
 * @param {unknown} tree
 * @param {string} key
 */
function part(tree, key) {
  const value = own(tree, key);
  return isObject(value) ? value : {};
}

/** @param {string} json */
function depthOf(json) {
  let [depth, most] = [0, 0];
  for (const [mark] of json.matchAll(/"(?:[^"\\]|\\.)*"|[[{]|[\]}]/gs)) {
    if (mark === "[" || mark === "{") most = Math.max(most, ++depth);
    else if (mark === "]" || mark === "}") depth--;
  }
  return most;
}

/**
 * Yield every text in a value, names included.
 * @param {unknown} value
 * @returns {Generator<string>}
 */
export function* textsIn(value) {
  const left = [value];
  while (left.length) {
    const each = left.pop();
    if (typeof each === "string") yield each;
    else if (Array.isArray(each)) for (const one of each) left.push(one);
    else if (typeof each === "object" && each) for (const [name, one] of Object.entries(each)) left.push(name, one);
  }
}

/**
 * Return a text as a pattern for it.
 * @param {string} text
 */
export function escaped(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
