// One archive: which of those given, whose it is, its lists, and what the person should know.
//
// The twin of the server's `archives/archive.py`: both give the same for the same files, and a test compares them.
import { Invalid } from "./errors.js";
import { gather } from "./gather.js";
import { actorId, readOwners } from "./ids.js";
import { filesOf, readLists } from "./lists.js";
import { Names, Use } from "./names.js";
import { readManifest, shown } from "./text.js";

/** @typedef {import("./gather.js").Gathered} Gathered */
/** @typedef {import("./text.js").Manifest} Manifest */
/** @typedef {import("./types.js").Archive} Archive */
/** @typedef {import("./types.js").Notice} Notice */
/** @typedef {import("./types.js").Owner} Owner */
/** @typedef {import("./types.js").Readable} Readable */
/** @typedef {import("./types.js").Reading} Reading */
/** @typedef {import("./types.js").Root} Root */
/** @typedef {import("./types.js").Upload} Upload */

/**
 * Read an archive. `check` sees the owner before any list is read, and refuses by throwing.
 * @param {Upload[]} uploads
 * @param {Reading} how
 * @returns {Promise<Archive>}
 */
export async function readArchive(uploads, how) {
  const reader = new Reader(how);
  const found = await gather(uploads, reader.names, how.caps);
  const [chosen, others] = await reader.choose(found);
  const owner = (await reader.owner(chosen)) ?? (await reader.owner(others));
  how.check?.(owner);
  const manifests = await reader.manifestsOf(chosen);
  const dates = manifests.map((manifest) => manifest.generatedAt);
  const { lists, files } = await readLists(chosen, manifests, reader.names, how, reader.warn);
  if (found.rebuilt) reader.warn("archive.directory_rebuilt");
  return {
    owner,
    generatedAt: dates.filter((date) => date !== null).sort()[0] ?? null,
    lists,
    files,
    warnings: reader.warnings,
    ignored: found.ignored,
  };
}

/** One archive being read; collects what the person should know. */
class Reader {
  /** @param {Reading} how */
  constructor(how) {
    this.how = how;
    this.names = new Names(how.format, how.also);
    /** @type {Map<string, Manifest | null>} */
    this.manifests = new Map();
    /** @type {Notice[]} */
    this.warnings = [];
    /** @type {import("./lists.js").Warn} */
    this.warn = (code, detail = {}) => void this.warnings.push({ code, detail });
  }

  /**
   * Return the archive to read (or the two that make one), and those without a list.
   * @param {Gathered} found
   * @returns {Promise<[Root[], Root[]]>}
   */
  async choose(found) {
    const roots = [...found.roots.values()];
    const full = roots.filter((root) => this.kinds(root).size);
    const bare = roots.filter((root) => !this.kinds(root).size);
    if (!full.length) throw new Invalid(nothing(found, bare));
    if (full.length === 1 || (full.length === 2 && this.areHalves(full[0], full[1]))) return [full, bare];
    let [newest, date] = [full[0], await this.date(full[0])];
    for (const root of full.slice(1)) {
      const other = await this.date(root);
      if (other > date || (other === date && root.name > newest.name)) [newest, date] = [root, other];
    }
    this.warn("archive.several", { date: date ? date.slice(0, 10) : shown(newest.name), count: full.length });
    return [[newest], bare];
  }

  /**
   * The kinds without which an archive is of no use, of those that this one has.
   * @param {Root} root
   */
  kinds(root) {
    const entries = root.files.map((file) => this.names.lists.get(file.place.stem));
    return new Set(entries.flatMap((entry) => (entry && !entry.opt_in ? [entry.kind] : [])));
  }

  /**
   * @param {Root} one
   * @param {Root} other
   */
  areHalves(one, other) {
    const there = this.kinds(other);
    return ![...this.kinds(one)].some((kind) => there.has(kind));
  }

  /** @param {Root} root */
  async date(root) {
    return (await this.manifest(root))?.generatedAt ?? "";
  }

  /** @param {Root[]} roots */
  async manifestsOf(roots) {
    const found = [];
    for (const root of roots) found.push(await this.manifest(root));
    return found.filter((manifest) => manifest !== null);
  }

  /** @param {Root} root */
  async manifest(root) {
    const known = this.manifests.get(root.name);
    if (known !== undefined) return known;
    const [file] = filesOf(root, this.how.format.manifest_stem);
    const manifest = file ? await this.forgiven(file, readManifest(file, this.how.format, this.how.caps), null) : null;
    if (manifest?.partial) this.warn("archive.partial");
    this.manifests.set(root.name, manifest);
    return manifest;
  }

  /**
   * Go on without a file that only tells more about the lists.
   * @template T
   * @param {Readable} file
   * @param {Promise<T>} reading
   * @param {T} instead
   */
  async forgiven(file, reading, instead) {
    try {
      return await reading;
    } catch (error) {
      const forgivable = ["archive.corrupt_file", "archive.wrong_list"];
      if (!(error instanceof Invalid) || !forgivable.includes(error.code)) throw error;
      this.warn("archive.corrupt_file", { file: file.place.path });
      return instead;
    }
  }

  /**
   * Return whose archive it says it is; all that speak of it must agree.
   * @param {Root[]} roots
   */
  async owner(roots) {
    /** @type {Owner[]} */
    const said = [];
    const { format, caps } = this.how;
    for (const root of roots) {
      for (const file of filesOf(root, format.owner_stem)) {
        said.push(...(await this.forgiven(file, readOwners(format, file, caps), [])));
      }
    }
    for (const manifest of await this.manifestsOf(roots)) {
      const id = actorId(manifest.ownerId);
      if (id) said.push({ id, handle: manifest.ownerHandle });
    }
    if (new Set(said.map((owner) => owner.id)).size > 1) throw new Invalid("archive.inconsistent");
    return said.find((owner) => owner.handle) ?? said[0] ?? null;
  }
}

/**
 * Say what that was, which had no list in it.
 * @param {Gathered} found
 * @param {Root[]} bare
 */
function nothing(found, bare) {
  if (found.seen[Use.CLASSIC]) return "archive.classic";
  if (found.seen[Use.KNOWN] || bare.length) return "archive.no_lists";
  return found.zipped ? "archive.not_archive" : "archive.not_zip";
}
