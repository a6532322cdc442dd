// The lists of the archive that was chosen, against what its index announced.
import { readList } from "./ids.js";

/** @typedef {import("./names.js").Names} Names */
/** @typedef {import("./text.js").Manifest} Manifest */
/** @typedef {import("./types.js").ReadFile} ReadFile */
/** @typedef {import("./types.js").Readable} Readable */
/** @typedef {import("./types.js").Reading} Reading */
/** @typedef {import("./types.js").Root} Root */
/** @typedef {(code: string, detail?: Record<string, string | number>) => void} Warn */

/**
 * Return the lists of these roots by their kinds, and what each file gave.
 * @param {Root[]} roots
 * @param {Manifest[]} manifests
 * @param {Names} names
 * @param {Reading} how
 * @param {Warn} warn
 */
export async function readLists(roots, manifests, names, how, warn) {
  /** @type {Map<string, BigUint64Array>} */
  const lists = new Map();
  /** @type {ReadFile[]} */
  const files = [];
  const watch = watching(roots, names, how);
  for (const [stem, entry] of names.lists) {
    const parts = roots.flatMap((root) => filesOf(root, stem)).map(watch);
    if (parts.length) {
      const read = await readList(how.format, entry, parts, how.caps);
      lists.set(entry.kind, read.ids);
      files.push(...read.files);
      compare(stem, manifests, read.files, warn);
    } else if (!entry.opt_in) {
      warn("archive.missing_list", { file: stem });
    }
  }
  return { lists, files };
}

/**
 * The parts of one file, in order.
 * @param {Root} root
 * @param {string} stem
 */
export function filesOf(root, stem) {
  const files = root.files.filter((file) => file.place.stem === stem);
  return files.sort((one, other) => one.place.part - other.place.part || (one.place.path < other.place.path ? -1 : 1));
}

/**
 * Return what makes a file tell how far all lists are read.
 * @param {Root[]} roots
 * @param {Names} names
 * @param {Reading} how
 * @returns {(file: Readable) => Readable}
 */
function watching(roots, names, { progress }) {
  const files = roots.flatMap((root) => root.files).filter((file) => names.lists.has(file.place.stem));
  const total = files.reduce((sum, file) => sum + file.size, 0);
  let done = 0;
  return (file) => ({
    ...file,
    async *pieces() {
      for await (const piece of file.pieces()) {
        done += piece.length;
        progress?.(done, total);
        yield piece;
      }
    },
  });
}

/**
 * @param {string} stem
 * @param {Manifest[]} manifests
 * @param {ReadFile[]} files
 * @param {Warn} warn
 */
function compare(stem, manifests, files, warn) {
  for (const { file, skipped } of files) {
    if (skipped) warn("archive.skipped_rows", { file, count: skipped });
  }
  const key = stem.replaceAll("-", "");
  const expected = manifests.map((manifest) => manifest.lists.get(key)).find((said) => said);
  if (!expected) return;
  const count = files.reduce((sum, file) => sum + file.count, 0);
  if (files.length < expected.files) {
    warn("archive.part_missing", { file: stem, expected: expected.files, count: files.length });
  } else if (expected.rows !== null && expected.rows !== count) {
    warn("archive.count_mismatch", { file: stem, expected: expected.rows, count });
  }
}
