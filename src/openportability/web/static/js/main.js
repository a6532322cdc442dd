// What every page may use. Each behaviour is found by its data- attribute; without script all of it works as plain forms.
import "../vendor/htmx.org@4.0.1/htmx.esm.min.js";
import "../vendor/htmx.org@4.0.1/ext/hx-sse.min.js";
import { drops } from "./drop.js";
import { ticks } from "./ticks.js";
import { localTimes } from "./times.js";
import { themes } from "./themes.js";

themes(document);
localTimes(document);
ticks(document);
drops(document);
document.addEventListener("htmx:after:swap", () => localTimes(document));

// A stream that cannot be opened is asked for again, and what the page shows stays meanwhile; one that is cut htmx opens
// again by itself. Here and not in a file of its own: each file is one more to be fetched.
const AGAIN_SECONDS = 30;
for (const trouble of ["htmx:response:error", "htmx:error"]) {
  document.addEventListener(trouble, (event) => {
    const { target: part, detail } = /** @type {CustomEvent} */ (event);
    const status = detail.ctx?.response?.status ?? 503;
    if (!(part instanceof Element) || !part.hasAttribute("hx-sse:connect") || (status < 500 && status !== 429)) return;
    if (detail.ctx) detail.ctx.swap = "none";
    const seconds = Number(detail.ctx?.response?.headers.get("Retry-After")) || AGAIN_SECONDS;
    // Not all at once: there may be thousands.
    setTimeout(() => part.dispatchEvent(new Event("again")), 1000 * seconds * (1 + Math.random() / 2));
  });
}
