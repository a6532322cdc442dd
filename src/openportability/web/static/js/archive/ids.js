// Rows of lists to sorted, distinct ids: wrappers, ids, links, parts.
import { Invalid } from "./errors.js";
import { distinct, merged } from "./keys.js";
import { rowsOf } from "./rows.js";
import { escaped, isObject, own, shown, textsIn } from "./text.js";

/** @typedef {import("./types.js").ArchiveFormat} ArchiveFormat */
/** @typedef {import("./types.js").Caps} Caps */
/** @typedef {import("./types.js").ListEntry} ListEntry */
/** @typedef {import("./types.js").Owner} Owner */
/** @typedef {import("./types.js").ReadFile} ReadFile */
/** @typedef {import("./types.js").Readable} Readable */

const ID = /^[1-9][0-9]{0,19}$/;
const MOST_ID = "18446744073709551615";

/** A number that is no longer the one it was. */
class Rounded extends Error {}

/**
 * Return the ids of a list from all its parts, and what each part gave.
 * @param {ArchiveFormat} format
 * @param {ListEntry} entry
 * @param {Readable[]} parts
 * @param {Caps} caps
 * @returns {Promise<{ids: BigUint64Array, files: ReadFile[]}>}
 */
export async function readList(format, entry, parts, caps) {
  const left = { bytes: caps.list_bytes };
  let rowsLeft = caps.rows;
  let ids = /** @type {BigUint64Array} */ (new BigUint64Array(0));
  const files = [];
  for (const part of parts) {
    const sieve = new Sieve(format, entry.wrapper, caps);
    await sieve.takeAll(part, left, rowsLeft);
    rowsLeft -= sieve.count;
    const before = ids.length;
    ids = merged(ids, distinct(sieve.ids.subarray(0, sieve.taken)));
    files.push({
      file: part.place.path,
      kind: entry.kind,
      count: sieve.count,
      duplicates: sieve.taken - (ids.length - before),
      skipped: sieve.count - sieve.taken,
    });
  }
  return { ids, files };
}

/**
 * Return whose archive it is, by the file that says so.
 * @param {ArchiveFormat} format
 * @param {Readable} file
 * @param {Caps} caps
 */
export async function readOwners(format, file, caps) {
  /** @type {Owner[]} */
  const owners = [];
  for await (const rows of rowsOf(file, { bytes: caps.manifest_bytes })) {
    for (const { value } of rows) {
      const row = own(value, format.owner_wrapper) === undefined ? value : own(value, format.owner_wrapper);
      const id = actorId(own(row, format.owner_id_field));
      if (id) owners.push({ id, handle: shown(own(row, format.owner_handle_field)) });
    }
  }
  if (!owners.length) throw new Invalid("archive.corrupt_file", { file: file.place.path });
  return owners;
}

/**
 * Return an id in its one spelling, or null for anything else.
 * @param {unknown} value
 */
export function actorId(value) {
  try {
    return numberOf(value)?.toString() ?? null;
  } catch {
    return null;
  }
}

/** Takes the rows of one file and keeps their ids. */
class Sieve {
  /**
   * @param {ArchiveFormat} format
   * @param {string} wrapper
   * @param {Caps} caps
   */
  constructor(format, wrapper, caps) {
    this.format = format;
    this.wrapper = wrapper;
    this.caps = caps;
    const hosts = [...format.link_hosts].sort().map(escaped).join("|");
    this.link = new RegExp(`^https://(?:${hosts})${escaped(format.link_path)}\\?([!"$-~]*)$`);
    this.ids = new BigUint64Array(1024);
    this.taken = this.count = this.right = this.wrong = 0;
    this.rounded = false;
  }

  /**
   * Take every row. Throw for a file that is not what its name says.
   * @param {Readable} file
   * @param {{bytes: number}} left
   * @param {number} mostRows
   */
  async takeAll(file, left, mostRows) {
    const path = { file: file.place.path };
    for await (const rows of rowsOf(file, left)) {
      for (const row of rows) {
        this.count += 1;
        if (this.count > mostRows) throw new Invalid("archive.limits", { cap: "rows" });
        this.keep(this.take(row.value, row.letters));
      }
    }
    // Told last, for a file that is damaged as well is damaged.
    if (this.rounded) throw new Invalid("archive.rounded_ids", path);
    if (this.wrong * 2 > this.count) throw new Invalid("archive.wrong_list", path);
    if (this.count && !this.right) throw new Invalid("archive.corrupt_file", path);
  }

  /** @param {bigint | null} id */
  keep(id) {
    if (id === null) return;
    if (this.taken === this.ids.length) {
      const more = new BigUint64Array(this.taken * 2);
      more.set(this.ids);
      this.ids = more;
    }
    this.ids[this.taken++] = id;
  }

  /**
   * @param {unknown} item
   * @param {number} letters
   */
  take(item, letters) {
    try {
      return this.idIn(item, letters);
    } catch (error) {
      if (!(error instanceof Rounded)) throw error;
      this.rounded = true;
      return null;
    }
  }

  /**
   * @param {unknown} item
   * @param {number} letters
   */
  idIn(item, letters) {
    if (!isObject(item)) return null;
    const { id_field: idField, link_field: linkField } = this.format;
    let row = own(item, this.wrapper);
    if (!isObject(row)) {
      if (!Object.hasOwn(item, idField) && !Object.hasOwn(item, linkField)) {
        const values = Object.values(item);
        if (values.length === 1 && isObject(values[0])) this.wrong += 1;
        return null;
      }
      // Archives of before 2020 have no wrapper.
      row = item;
    }
    this.right += 1;
    // No text has more than three bytes a letter.
    if (letters * 3 > this.caps.row_bytes && weight(item) > this.caps.row_bytes) return null;
    return Object.hasOwn(row, idField) ? numberOf(row[idField]) : this.linked(own(row, linkField));
  }

  /**
   * Return the id in a link to someone's page. What the link is otherwise is never used.
   * @param {unknown} link
   */
  linked(link) {
    const found = typeof link === "string" ? this.link.exec(link) : null;
    if (!found) return null;
    const name = `${this.format.link_parameter}=`;
    const values = found[1].split("&").filter((pair) => pair === name.slice(0, -1) || pair.startsWith(name));
    return values.length === 1 ? numberOf(values[0].slice(name.length)) : null;
  }
}

/** @param {unknown} value */
function numberOf(value) {
  if (typeof value === "string") {
    const isId = ID.test(value) && (value.length < MOST_ID.length || value <= MOST_ID);
    return isId ? BigInt(value) : null;
  }
  if (typeof value !== "number") return null;
  if (value > Number.MAX_SAFE_INTEGER) throw new Rounded();
  return value >= 1 && Number.isInteger(value) ? BigInt(value) : null;
}

/** @param {unknown} item */
function weight(item) {
  const encoder = new TextEncoder();
  let bytes = 0;
  for (const text of textsIn(item)) bytes += encoder.encode(text).length;
  return bytes;
}
