"""`./run shots`: pictures of the product, taken in the demo. With `--all FOLDER`, a gallery of every page.

The pictures of the README are made anew in docs/img. The gallery shows each stop of a newcomer's way in both colours,
on a wide and on a narrow screen: to look through after a change. With `--language CODE` it is taken in that language,
and the README's pictures stay as they are.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, Protocol

from playwright.sync_api import Page, sync_playwright

from lab import install
from openportability.clock import SystemClock
from openportability.demo import show, stage
from openportability.demo.stage import DESTINATIONS, NEWCOMER, SOURCE, Resident
from openportability.domain import NetworkName
from openportability.web import i18n
from openportability.web.i18n import Language
from scripts.tree import ROOT

README = ROOT / "docs" / "img"
WIDE, NARROW, TALL = 1280, 320, 860
COLOURS: tuple[Literal["light", "dark"], ...] = ("light", "dark")
#: So many follows are made when the picture of the progress is taken.
SOME_DONE = 8
#: Where fewer are wanted there, it is taken after some seconds.
_MOST_LOOKS = 100
#: Chromium's sandbox does not work for root, as whom it runs in containers.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]

Home = dict[NetworkName, Resident]


class Eye(Protocol):
    """Looks at what a tab shows, at each stop of the way."""

    @property
    def tab(self) -> Page: ...
    @property
    def language(self) -> Language: ...
    def take(self, name: str, *, readme: bool = False) -> None: ...


@dataclass(kw_only=True)
class Camera:
    """Takes a picture of what a tab shows: for the README, and for the gallery if there is one."""

    tab: Page
    gallery: Path | None
    language: Language = i18n.ENGLISH
    count: int = 0

    def take(self, name: str, *, readme: bool = False) -> None:
        """Take it; the gallery has whole pages, the README what one sees at first."""
        if readme and self.language.code == i18n.SOURCE:
            self.tab.screenshot(path=README / f"{name}.png")
        if self.gallery is None:
            return
        self.count += 1
        for colours in COLOURS:
            for width in (WIDE, NARROW):
                self.tab.emulate_media(color_scheme=colours, reduced_motion="reduce")
                self.tab.set_viewport_size({"width": width, "height": TALL})
                file = f"{self.count:02}-{name}-{width}-{colours}.png"
                self.tab.screenshot(path=self.gallery / file, full_page=True)
        self.tab.emulate_media(color_scheme="light", reduced_motion="reduce")
        self.tab.set_viewport_size({"width": WIDE, "height": TALL})


def main() -> int:
    """Start a demo, walk through it, and take the pictures on the way."""
    parser = argparse.ArgumentParser(prog="./run shots", description=__doc__)
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="a gallery of every page")
    languages = i18n.load_languages()
    parser.add_argument("--language", choices=languages, default=i18n.SOURCE)
    given = parser.parse_args()
    gallery: Path | None = given.all
    for folder in (README, *([gallery] if gallery else [])):
        folder.mkdir(parents=True, exist_ok=True)
    program = install.chromium_program()
    if program is None:
        print("no Chromium on this machine: ./run test installs it", file=sys.stderr)
        return 1
    with (
        stage.stage(show.free_port(), SystemClock()) as site,
        show.served(site),
        sync_playwright() as playwright,
        TemporaryDirectory() as kept,
    ):
        print("populating the simulated world ...", flush=True)
        stage.populate(site)
        me = next(one for one in stage.at_home(site).values() if one[SOURCE].handle == NEWCOMER)
        archive = Path(kept) / "archive.zip"
        archive.write_bytes(stage.archive(site, me[SOURCE]))
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        tab = browser.new_page(viewport={"width": WIDE, "height": TALL}, reduced_motion="reduce")
        camera = Camera(tab=tab, gallery=gallery, language=languages[given.language])
        walk(camera, site.settings.base_url, me, archive)
        browser.close()
    for picture in sorted(README.glob("*.png")):
        print(f"{picture.relative_to(ROOT)}: {picture.stat().st_size // 1000} kB")
    return 0


def walk(camera: Eye, url: str, me: Home, archive: Path) -> None:
    """Go the newcomer's way, by mistakes and detours, and look at what lies beside it."""
    _begin(camera, url)
    _mishaps(camera, url)
    _arrive(camera, me)
    for path in ("/", "/matches", "/reconnect"):
        camera.tab.goto(f"{url}{path}")
        camera.take(f"empty-{path.strip('/') or 'home'}")
    _bring_something_else(camera, url)
    _bring(camera, url, archive)
    _link_wrongly(camera, url)
    _link_and_reconnect(camera, url, me)
    look_around(camera, url)


def straight(camera: Eye, url: str, me: Home, archive: Path) -> None:
    """Go the newcomer's way and no other."""
    _begin(camera, url)
    _arrive(camera, me)
    _bring(camera, url, archive)
    _link_and_reconnect(camera, url, me)


def look_around(camera: Eye, url: str) -> None:
    """See the pages that the way does not lead to."""
    for path in (
        "reconnect/ledger",
        "reconnect/ledger?group=waiting",
        "settings",
        "settings/mail",
        "settings/tokens",
        "my-data",
        "leave",
        "never-list-me",
        "",
        "numbers",
        "about",
        "privacy",
        "_patterns",
        "nothing-here",
    ):
        camera.tab.goto(f"{url}/{path}")
        camera.take(path.replace("/", "-").replace("?group=", "-") or "home")


def _begin(camera: Eye, url: str) -> None:
    tab, say = camera.tab, camera.language.catalogue.gettext
    tab.goto(url if camera.language.code == i18n.SOURCE else f"{url}/{camera.language.code}/")
    camera.take("landing", readme=True)
    tab.get_by_role("link", name=say("Begin")).first.click()
    tab.wait_for_url("**/sign-in")
    camera.take("sign-in")


def _arrive(camera: Eye, me: Home) -> None:
    tab, say = camera.tab, camera.language.catalogue.gettext
    be(tab, me[SOURCE], SOURCE)
    camera.take("welcome")
    tab.get_by_label(say("Anyone who followed me")).check()
    tab.get_by_label(say("Follow them for me")).check()
    tab.get_by_role("button", name=say("Save and go on")).click()
    tab.wait_for_url("**/archive")
    camera.take("archive")


def _mishaps(camera: Eye, url: str) -> None:
    tab = camera.tab
    tab.locator("[data-network=bird]").click()
    tab.wait_for_url("**/_simulated/**")
    camera.take("simulated")
    tab.get_by_role("button", name="Do not allow").click()
    tab.wait_for_url("**/callback?**")
    camera.take("denied")
    tab.goto(f"{url}/sign-in")
    tab.locator("#typed-herd").fill("nowhere.example")
    tab.locator("[data-network=herd]").click()
    tab.wait_for_url("**/auth/herd/start")
    camera.take("no-such-server")
    tab.goto(f"{url}/sign-in")


def _bring_something_else(camera: Eye, url: str) -> None:
    tab, say = camera.tab, camera.language.catalogue.gettext
    tab.goto(f"{url}/archive")
    tab.set_input_files(
        "#file", {"name": "x.zip", "mimeType": "application/zip", "buffer": b"no zip"}
    )
    tab.get_by_role("button", name=say("Read my archive")).click()
    tab.get_by_text(say("This is not the zip file you were given")).wait_for()
    camera.take("archive-unreadable")


def _bring(camera: Eye, url: str, archive: Path) -> None:
    tab, say = camera.tab, camera.language.catalogue.gettext
    tab.goto(f"{url}/archive")
    tab.set_input_files("#file", archive)
    tab.get_by_role("button", name=say("Read my archive")).click()
    tab.get_by_role("button", name=say("Hand over these lists")).wait_for()
    camera.take("archive-found")
    tab.get_by_role("button", name=say("Hand over these lists")).click()
    tab.get_by_role("heading", name=say("Your archive was read")).wait_for()
    camera.take("archive-read")


def _link_wrongly(camera: Eye, url: str) -> None:
    camera.tab.goto(f"{url}/accounts")
    camera.tab.locator("#typed-herd").fill("nowhere.example")
    camera.tab.locator("[data-network=herd]").click()
    camera.tab.wait_for_url("**/auth/herd/start")
    camera.take("not-linked")


def _link_and_reconnect(camera: Eye, url: str, me: Home) -> None:
    for network, typed in zip(DESTINATIONS, ("instance", "handle"), strict=True):
        camera.tab.goto(f"{url}/accounts")
        camera.tab.locator(f"#typed-{network}").fill(getattr(me[network], typed))
        be(camera.tab, me[network], network)
    camera.take("accounts")
    _reconnect(camera, url)


def _reconnect(camera: Eye, url: str) -> None:
    tab, say = camera.tab, camera.language.catalogue.gettext
    tab.goto(f"{url}/matches")
    for at in (1, 2):
        tab.locator(".person__pick").nth(at).check()
    camera.take("matches", readme=True)
    tab.goto(f"{url}/reconnect")
    camera.take("reconnect")
    tab.get_by_role("button", name=say("Plan to follow everyone I found")).click()
    tab.wait_for_url("**/plans/**")
    camera.take("permission")
    while (allow := tab.locator("[data-allow]")).count():
        allow.first.click()
        tab.get_by_role("button", name="Allow", exact=True).click()
    camera.take("plan", readme=True)
    tab.locator("[data-start]").click()
    tab.wait_for_url("**/reconnect")
    bar = tab.locator("#progress progress").first
    for _ in range(_MOST_LOOKS):
        if int(bar.get_attribute("value") or 0) >= SOME_DONE:
            break
        tab.wait_for_timeout(50)
    camera.take("progress", readme=True)


def be(tab: Page, resident: Resident, network: str) -> None:
    """Press the button of a simulated network, and be somebody there."""
    tab.locator(f"[data-network={network}]").click()
    tab.get_by_label("Somebody else").fill(resident.handle)
    tab.get_by_role("button", name="Allow", exact=True).click()
    tab.wait_for_url(lambda address: "_simulated" not in address)


if __name__ == "__main__":
    sys.exit(main())
