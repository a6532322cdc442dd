// What the modules of this folder hand to each other. Types alone: nothing here runs.

/**
 * What a network's archive looks like; `ArchiveFormat` of the server, which explains the fields.
 * @typedef {object} ArchiveFormat
 * @property {ListEntry[]} lists
 * @property {string} owner_stem
 * @property {string} owner_wrapper
 * @property {string} owner_id_field
 * @property {string} owner_handle_field
 * @property {string} manifest_stem
 * @property {string} id_field
 * @property {string} link_field
 * @property {string[]} link_hosts
 * @property {string} link_path
 * @property {string} link_parameter
 * @property {string[]} known_stems
 * @property {string[]} classic
 */

/** @typedef {{stem: string, wrapper: string, kind: string, opt_in: boolean}} ListEntry */

/**
 * The most that reading may cost; `Caps` of the server.
 * @typedef {object} Caps
 * @property {number} entries
 * @property {number} false_signatures
 * @property {number} name_bytes
 * @property {number} files
 * @property {number} list_bytes
 * @property {number} manifest_bytes
 * @property {number} ratio
 * @property {number} nested_bytes
 * @property {number} rows
 * @property {number} row_bytes
 */

/** One file that a person chose. @typedef {{name: string, blob: Blob}} Upload */

/** Bytes that can be read at any place. @typedef {{size: number, read: (at: number, length: number) => Promise<Uint8Array>}} Source */

/** @typedef {AsyncGenerator<Uint8Array>} Pieces */

/** Some entries of a zip, and how many more that are none of our business. @typedef {{entries: Entry[], others: number}} Batch */

/**
 * One file of a zip. `dataAt` is -1 until it was looked up.
 * @typedef {object} Entry
 * @property {Uint8Array} rawName
 * @property {number} flags
 * @property {number} method
 * @property {number} packed
 * @property {number} size
 * @property {number} crc
 * @property {number} headerAt
 * @property {number} dataAt
 */

/** What one path is; `use` is a value of `Use`. @typedef {{use: string, path: string, root: string, stem: string, part: number}} Place */

/** One file to be read. @typedef {{place: Place, size: number, pieces: () => Pieces}} Readable */

/** The files of one archive. @typedef {{name: string, files: Readable[]}} Root */

/** @typedef {{id: string, handle: string}} Owner */

/** @typedef {{file: string, kind: string, count: number, duplicates: number, skipped: number}} ReadFile */

/** @typedef {{code: string, detail: Record<string, string | number>}} Notice */

/**
 * What was read.
 * @typedef {object} Archive
 * @property {Owner | null} owner
 * @property {string | null} generatedAt
 * @property {Map<string, BigUint64Array>} lists
 * @property {ReadFile[]} files
 * @property {Notice[]} warnings
 * @property {number} ignored
 */

/**
 * How an archive is read.
 * @typedef {object} Reading
 * @property {ArchiveFormat} format
 * @property {Caps} caps
 * @property {string[]} also
 * @property {(owner: Owner | null) => void} [check]
 * @property {(done: number, total: number) => void} [progress]
 */

export {};
