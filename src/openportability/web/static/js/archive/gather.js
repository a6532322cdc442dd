// What a person brought, to the files to be read: zips, a zip in a zip, files chosen by hand.
import { sourceOf } from "./bytes.js";
import { Invalid } from "./errors.js";
import { piecesOf } from "./inflate.js";
import { Use, nameOf } from "./names.js";
import { browse, inside, read } from "./zip.js";

/** @typedef {import("./names.js").Names} Names */
/** @typedef {import("./types.js").Batch} Batch */
/** @typedef {import("./types.js").Caps} Caps */
/** @typedef {import("./types.js").Entry} Entry */
/** @typedef {import("./types.js").Place} Place */
/** @typedef {import("./types.js").Readable} Readable */
/** @typedef {import("./types.js").Root} Root */
/** @typedef {import("./types.js").Source} Source */
/** @typedef {import("./types.js").Upload} Upload */

/** All that was found, before anything of it was read. */
export class Gathered {
  /**
   * @param {Names} names
   * @param {Caps} caps
   */
  constructor(names, caps) {
    this.names = names;
    this.caps = caps;
    /** @type {Map<string, Root>} */
    this.roots = new Map();
    this.seen = counts();
    this.files = 0;
    // Whether the directory of a zip had to be made again, and whether a zip could be opened at all.
    this.rebuilt = this.zipped = false;
  }

  /** How many files were left alone. */
  get ignored() {
    return total(this.seen) - this.seen[Use.LITTER] - this.seen[Use.READ];
  }

  /**
   * @param {string} key
   * @param {string} name
   * @param {Readable} file
   */
  add(key, name, file) {
    const root = this.roots.get(key) ?? { name, files: [] };
    this.roots.set(key, root);
    root.files.push(file);
    this.files += 1;
    if (this.files > this.caps.files) throw new Invalid("archive.limits", { cap: "files" });
  }

  /**
   * @param {Upload} upload
   * @param {number} number
   * @param {boolean} mayIgnore
   */
  async take(upload, number, mayIgnore) {
    const place = this.names.loose(upload.name);
    const source = sourceOf(upload.blob);
    if (place.use === Use.READ) {
      this.seen[place.use] += 1;
      const pieces = () => piecesOf(source, 0, source.size, place.path);
      // Files chosen by hand belong together, whichever way they came.
      this.add("by hand", "", { place, size: source.size, pieces });
    } else if (place.use === Use.KNOWN) {
      this.seen[place.use] += 1;
    } else {
      try {
        await this.open(upload.name, source, number, false);
      } catch (error) {
        // One of several that neither is a zip nor says so was chosen along with the others.
        const isZip = !(error instanceof Invalid) || error.code !== "archive.not_zip" || place.use === Use.ZIP;
        if (isZip || !mayIgnore) throw error;
        this.seen[place.use] += 1;
      }
    }
  }

  /**
   * @param {string} name
   * @param {Source} source
   * @param {number} number
   * @param {boolean} nested
   */
  async open(name, source, number, nested) {
    const { found, rebuilt } = await browse(source, this.caps, this.names, (batches) => this.sort(batches));
    this.rebuilt ||= rebuilt;
    this.zipped = true;
    const { seen, places, entries } = found;
    if (!nested && seen[Use.ZIP] === 1 && total(seen) - seen[Use.LITTER] === 1) {
      await this.open(name, inside(source, entries[0], this.caps), number, true);
      return;
    }
    for (const use of Object.keys(seen)) this.seen[use] += seen[use];
    places.forEach((place, index) => {
      if (place.use !== Use.READ) return;
      const entry = entries[index];
      const pieces = () => read(source, entry, this.caps);
      const rootName = `${name.toLowerCase()}/${place.root}`;
      this.add(`${number}/${place.root}`, rootName, { place, size: entry.size, pieces });
    });
  }

  /** @param {AsyncIterable<Batch>} batches */
  async sort(batches) {
    const [seen, places, entries] = [counts(), /** @type {Place[]} */ ([]), /** @type {Entry[]} */ ([])];
    for await (const batch of batches) {
      seen[Use.OTHER] += batch.others;
      for (const entry of batch.entries) {
        const place = this.names.place(nameOf(entry));
        seen[place.use] += 1;
        // One zip is kept in case there is nothing else.
        if (place.use !== Use.READ && (place.use !== Use.ZIP || seen[Use.ZIP] > 1)) continue;
        places.push(place);
        entries.push(entry);
        if (entries.length > this.caps.files) throw new Invalid("archive.limits", { cap: "files" });
      }
    }
    return { seen, places, entries };
  }
}

/**
 * Find what is to be read. Throw for a zip that cannot be opened or is unsafe.
 * @param {Upload[]} uploads
 * @param {Names} names
 * @param {Caps} caps
 */
export async function gather(uploads, names, caps) {
  const found = new Gathered(names, caps);
  for (const [number, upload] of uploads.entries()) {
    await found.take(upload, number, uploads.length > 1);
  }
  return found;
}

/** @returns {Record<string, number>} */
function counts() {
  return Object.fromEntries(Object.values(Use).map((use) => [use, 0]));
}

/** @param {Record<string, number>} seen */
function total(seen) {
  return Object.values(seen).reduce((sum, count) => sum + count, 0);
}
