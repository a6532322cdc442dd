"""Both readers side by side: a page in Chromium that imports the browser's one, and what each made of a case."""

from __future__ import annotations

import base64
import io
import json
import re
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from openportability.archives import archive, in_browser, wire
from openportability.archives.gather import Upload
from openportability.archives.rules import Caps
from openportability.errors import Invalid
from openportability.networks.x.archive import ARCHIVE
from openportability.web.assets import STATIC
from tests.archives.case import Case

#: What a reader made of a case: the form that travels, or the code that it refused with and its cap.
Outcome = bytes | tuple[str, object]

PAGE = """<!doctype html><meta charset="utf-8"><title>Both readers</title>
<script type="module">
import { readArchive } from "/js/archive/archive.js";
import { Invalid } from "/js/archive/errors.js";
import { encode } from "/js/archive/wire.js";

const base64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

window.readCase = async (address, format) => {
  const chosen = await (await fetch(address)).json();
  const uploads = [];
  for (const { name, at } of chosen.files) {
    uploads.push({ name, blob: await (await fetch(`${address}/${at}`)).blob() });
  }
  try {
    const found = await readArchive(uploads, { format, caps: chosen.caps, also: chosen.also });
    return { wire: base64(await encode(found)) };
  } catch (error) {
    if (!(error instanceof Invalid)) throw error;
    return { code: error.code, detail: error.detail };
  }
};

window.readChosen = async (format, caps) => {
  const uploads = Array.from(document.querySelector("input").files, (file) => ({ name: file.name, blob: file }));
  const found = await readArchive(uploads, { format, caps, also: [] });
  await encode(found);
  return Object.fromEntries(Array.from(found.lists, ([kind, ids]) => [kind, ids.length]));
};
</script>
<input type="file">"""


@dataclass(kw_only=True)
class Shelf:
    """Cases by number, as a page can fetch them."""

    cases: list[Case] = field(default_factory=list, repr=False)
    base_url: str = ""

    def answer(self, path: str) -> tuple[str, bytes] | None:
        parts = path.strip("/").split("/")
        if parts == [""]:
            return "text/html", PAGE.encode()
        if parts[0] == "js":
            return "text/javascript", (STATIC / path.lstrip("/")).read_bytes()
        if parts[0] != "case":
            return None
        case = self.cases[int(parts[1])]
        if len(parts) == 3:
            return "application/octet-stream", case.files[int(parts[2])][1]
        files = [{"name": name, "at": at} for at, (name, _) in enumerate(case.files)]
        chosen = {"files": files, "caps": asdict(case.caps), "also": sorted(case.also)}
        return "application/json", json.dumps(chosen).encode()


@contextmanager
def shelf() -> Iterator[Shelf]:
    """Serve cases on loopback."""
    made = Shelf()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = made.answer(self.path)
            kind, body = found or ("text/plain", b"")
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.base_url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield made
        server.shutdown()
        thread.join()


@dataclass(frozen=True, kw_only=True)
class Readers:
    """Reads cases in Chromium, all in one page."""

    page: Page
    shelf: Shelf

    def in_browser(self, case: Case) -> Outcome:
        self.shelf.cases.append(case)
        number = len(self.shelf.cases) - 1
        form = in_browser.format_tree(ARCHIVE)
        told: Mapping[str, Any] = self.page.evaluate(
            "([address, format]) => window.readCase(address, format)", [f"/case/{number}", form]
        )
        if "code" in told:
            return told["code"], told["detail"].get("cap")
        return base64.b64decode(told["wire"])

    def chosen(self, path: Path) -> Mapping[str, int]:
        """Read a file of this machine; return how long each list is."""
        self.page.locator("input").set_input_files(path)
        told: Mapping[str, int] = self.page.evaluate(
            "([format, caps]) => window.readChosen(format, caps)",
            [in_browser.format_tree(ARCHIVE), asdict(Caps())],
        )
        return told


def spent(chromium: Browser) -> tuple[float, int]:
    """Return what the pages of a browser took so far: seconds of the processor in all, bytes at most in one."""
    told = chromium.new_browser_cdp_session().send("SystemInfo.getProcessInfo")
    pages = [one for one in told["processInfo"] if one["type"] == "renderer"]
    status = [Path(f"/proc/{one['id']}/status").read_text() for one in pages]
    peaks = [int(re.findall(r"VmHWM:\s+(\d+) kB", text)[0]) * 1024 for text in status]
    return sum(one["cpuTime"] for one in pages), max(peaks)


@contextmanager
def readers(chromium: Browser) -> Iterator[Readers]:
    """Open the page."""
    with shelf() as served, chromium.new_context() as context:
        page = context.new_page()
        page.goto(served.base_url)
        page.wait_for_function("() => window.readCase")
        yield Readers(page=page, shelf=served)


def in_python(case: Case) -> Outcome:
    uploads: Sequence[Upload] = [
        Upload(name=name, file=io.BytesIO(body)) for name, body in case.files
    ]
    try:
        return wire.encode(archive.read(ARCHIVE, uploads, also=case.also, caps=case.caps))
    except Invalid as error:
        return error.code, error.detail.get("cap")


def canonical(outcome: Outcome) -> Outcome:
    """Return an outcome in bytes that do not depend on who compressed: each list as it is when unpacked.

    Two libraries may deflate the same bytes differently, so their lengths and the checksum of the whole differ too.
    """
    if isinstance(outcome, tuple):
        return outcome
    at = 8 + int.from_bytes(outcome[4:8], "little")
    head = outcome[8:at]
    lists = []
    for entry in json.loads(head)["lists"]:
        packed, at = outcome[at : at + entry["bytes"]], at + entry["bytes"]
        lists.append(zlib.decompress(packed, -zlib.MAX_WBITS))
    return re.sub(rb'"bytes":[0-9]+', b'"bytes":0', head) + b"".join(lists)
