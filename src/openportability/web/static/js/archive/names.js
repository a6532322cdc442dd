// What a path in an archive is: read, known by name alone, or none of our business.
import { Invalid } from "./errors.js";

/** @typedef {import("./types.js").ArchiveFormat} ArchiveFormat */
/** @typedef {import("./types.js").Entry} Entry */
/** @typedef {import("./types.js").ListEntry} ListEntry */
/** @typedef {import("./types.js").Place} Place */

/** What is done with a file. Litter is what computers leave behind: it is not even counted. */
export const Use = Object.freeze({
  READ: "read",
  ZIP: "zip", // another zip: opened if there is nothing else
  KNOWN: "known", // shows that this is an archive; never opened
  CLASSIC: "classic", // shows that this is an old archive; never opened
  OTHER: "other",
  LITTER: "litter",
});

// A part's number, of at most six digits: none is the first.
const PART = "(?:[-_]part([0-9]{1,6})|_([0-9]{1,6}))?\\.(?:js|json)";
const PLACE = /^(?:([^/]+)\/)??(?:data\/)?([^/]+)$/;
const DRIVE = /^[a-z]:/;
// A path without anything odd, of whose kind nothing is of use.
const LETTERS = "[^/\\\\.:\\x00-\\x1f]+";
const STEP = `(?!_)${LETTERS}(?:\\.${LETTERS})*`;
const OTHER = `(?:${STEP}/)*${STEP}(?<!\\.(?:js|json|zip))$`;
const UTF_8 = 1 << 11;
// The upper half of code page 437, in which zips write names that they do not say are UTF-8.
const OLD_LETTERS =
  "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀" +
  "αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0";

/** Sorts paths by the format of a network's archives. */
export class Names {
  /**
   * @param {ArchiveFormat} format
   * @param {string[]} also kinds of lists that the person asked for
   */
  constructor(format, also) {
    const wanted = format.lists.filter((entry) => !entry.opt_in || also.includes(entry.kind));
    /** @type {Map<string, ListEntry>} */
    this.lists = new Map(wanted.map((entry) => [entry.stem, entry]));
    this.read = files([...this.lists.keys(), format.owner_stem, format.manifest_stem]);
    this.known = files([...format.known_stems, ...format.lists.map((entry) => entry.stem)]);
    this.classic = format.classic.map((pattern) => new RegExp(`^(?:${pattern})`));
    const unless = format.classic.map((pattern) => `(?!${pattern})`).join("");
    this.other = new RegExp(`^${unless}${OTHER}`, "i");
  }

  /**
   * True for most of what `place` calls `OTHER`, and nothing else: a glance, for there may be millions.
   * @param {string} letters the bytes of a path, a letter each
   */
  isOther(letters) {
    return this.other.test(letters);
  }

  /**
   * Say what a path is. Throw for one that leads out of the archive.
   * @param {string} name
   * @returns {Place}
   */
  place(name) {
    const path = normal(name);
    const parts = path.split("/");
    if (parts.includes("..") || path.startsWith("/") || DRIVE.test(path)) {
      throw new Invalid("archive.unsafe_path");
    }
    const last = parts[parts.length - 1];
    if (!last || parts.includes("__macosx") || last.startsWith("._") || last === ".ds_store") {
      return placed(Use.LITTER, path);
    }
    const [, root = "", file = ""] = PLACE.exec(path) ?? [];
    const found = this.read.exec(file);
    if (found) {
      const part = Number(found[2] ?? found[3] ?? 0);
      return { use: Use.READ, path, root, stem: found[1], part };
    }
    if (this.known.test(file)) return placed(Use.KNOWN, path);
    if (this.classic.some((pattern) => pattern.test(path))) return placed(Use.CLASSIC, path);
    return placed(last.endsWith(".zip") ? Use.ZIP : Use.OTHER, path);
  }

  /**
   * Say what a file chosen by hand is: the folders it came from do not matter.
   * @param {string} name
   */
  loose(name) {
    const path = normal(name);
    return this.place(path.slice(path.lastIndexOf("/") + 1));
  }
}

/**
 * The path of an entry as it was written; bytes that are not text become marks.
 * @param {Entry} entry
 */
export function nameOf(entry) {
  if (entry.flags & UTF_8) return new TextDecoder("utf-8", { ignoreBOM: true }).decode(entry.rawName);
  return Array.from(entry.rawName, (byte) => (byte < 128 ? String.fromCharCode(byte) : OLD_LETTERS[byte - 128])).join("");
}

/**
 * @param {string} use
 * @param {string} path
 * @returns {Place}
 */
function placed(use, path) {
  return { use, path, root: "", stem: "", part: 0 };
}

/** @param {string[]} stems */
function files(stems) {
  const either = stems.map((stem) => stem.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).sort();
  return new RegExp(`^(${either.join("|")})${PART}$`);
}

/**
 * Return the one spelling of a path, for comparing.
 * @param {string} name
 */
function normal(name) {
  return name.replaceAll("\\", "/").toLowerCase().replace(/^(?:\.\/)+/, "");
}
