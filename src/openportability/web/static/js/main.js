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
