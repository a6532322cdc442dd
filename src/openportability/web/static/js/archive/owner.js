// Whose lists may be handed over. The server decides the same again.
import { Invalid } from "./errors.js";

/** @typedef {import("./types.js").Owner} Owner */
/** An account of the person at the network the archive is from. @typedef {{id: string, handle: string, proved: boolean}} Mine */

/**
 * Throw for an archive that is somebody else's, or nobody's.
 * @param {Owner | null} owner
 * @param {Mine[]} mine
 */
export function checkOwner(owner, mine) {
  const proved = mine.filter((account) => account.proved);
  if (!owner) {
    if (proved.length !== 1) throw new Invalid("archive.no_owner");
    return;
  }
  if (!mine.length || mine.some((account) => account.id === owner.id)) return;
  const yours = proved[0] ?? mine[0];
  throw new Invalid("archive.other_owner", { owner: owner.handle || owner.id, mine: yours.handle || yours.id });
}
