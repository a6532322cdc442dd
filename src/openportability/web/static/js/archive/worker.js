// Reads archives off the page's own thread: the page stays quick, and closing the worker stops it at once.
import { readArchive } from "./archive.js";
import { Invalid } from "./errors.js";
import { checkOwner } from "./owner.js";
import { MEDIA_TYPE, encode } from "./wire.js";

// How often the page is told how far it is.
const TELL_MS = 100;

/** @typedef {import("./types.js").Upload} Upload */
/** @typedef {import("./types.js").Reading} Reading */
/** @typedef {Reading & {uploads: Upload[], mine: import("./owner.js").Mine[]}} Task */

addEventListener("message", async (/** @type {MessageEvent<Task>} */ { data: task }) => {
  let told = 0;
  /** @type {Reading["progress"]} */
  const progress = (done, total) => {
    if (performance.now() - told < TELL_MS) return;
    told = performance.now();
    postMessage({ progress: { done, total } });
  };
  try {
    const found = await readArchive(task.uploads, { ...task, check: (owner) => checkOwner(owner, task.mine), progress });
    const body = await encode(found);
    const lists = Array.from(found.lists, ([kind, ids]) => ({ kind, count: ids.length }));
    postMessage({ found: { ...found, lists }, body, mediaType: MEDIA_TYPE }, { transfer: [body.buffer] });
  } catch (error) {
    const { code, detail } = error instanceof Invalid ? error : { code: "svc.internal", detail: {} };
    if (!(error instanceof Invalid)) console.error(error);
    postMessage({ problem: { code, detail } });
  }
});
