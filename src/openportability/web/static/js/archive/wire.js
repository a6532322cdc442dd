// What was read, as it travels: the form of docs/reference/archive-wire.md.
import { joined } from "./bytes.js";
import { checksum, sha256 } from "./keys.js";

/** @typedef {import("./types.js").Archive} Archive */

export const MEDIA_TYPE = "application/vnd.openportability.archive";

// Three letters and the version.
const MARK = [0x4f, 0x50, 0x41, 1];

/**
 * Return the form of what was read.
 * @param {Archive} found
 */
export async function encode(found) {
  const lists = [];
  const blocks = [];
  for (const [kind, ids] of found.lists) {
    const block = await packed(ids);
    blocks.push(block);
    lists.push({ kind, count: ids.length, bytes: block.length, sha256: await checksum(ids) });
  }
  const head = {
    owner: found.owner,
    generated_at: found.generatedAt,
    lists,
    read: found.files,
    warnings: found.warnings,
    ignored: found.ignored,
  };
  const text = new TextEncoder().encode(JSON.stringify(head));
  const start = new Uint8Array(8);
  start.set(MARK);
  new DataView(start.buffer).setUint32(4, text.length, true);
  const body = /** @type {Uint8Array[]} */ ([start, text, ...blocks]).reduce(joined);
  return joined(body, await sha256(body));
}

/**
 * The differences between neighbours, 8 bytes each: all lowest bytes first, then all second-lowest, and so on; deflated.
 * @param {BigUint64Array} ids
 */
async function packed(ids) {
  const count = ids.length;
  const steps = ids.map((id, at) => (at ? id - ids[at - 1] : id));
  // Every machine that browsers run on keeps its lowest bytes first.
  const bytes = new Uint8Array(steps.buffer);
  const shuffled = new Uint8Array(bytes.length);
  for (let plane = 0; plane < 8; plane++) {
    for (let at = 0; at < count; at++) shuffled[plane * count + at] = bytes[at * 8 + plane];
  }
  const deflated = new Blob([shuffled]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(deflated).arrayBuffer());
}
