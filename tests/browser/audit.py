"""What looks over a page: axe in Chromium, and a validator of the HTML as it was served."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from playwright.sync_api import Page, Response

from lab import install
from openportability.web import i18n
from openportability.web.i18n import Language
from tests.browser import reach

#: Colours change nothing but contrast; what is laid out for a narrow screen is there on a wide one too.
ALL_RULES: Mapping[str, Any] = {
    "resultTypes": ["violations"],
    "rules": {"target-size": {"enabled": True}},
}
CONTRAST: Mapping[str, Any] = {"resultTypes": ["violations"], "runOnly": ["color-contrast"]}
Looks = Sequence[tuple[int, Literal["light", "dark"], Mapping[str, Any]]]
BOTH_COLOURS: Looks = ((320, "light", ALL_RULES), (1280, "dark", CONTRAST))
#: For states made of components that are seen in both elsewhere.
IN_THE_DARK: Looks = ((320, "dark", ALL_RULES),)
#: In a list of people each row is as those before it.
SOME_ROWS: Mapping[str, Any] = {"exclude": [[".person:nth-child(n+4)"]]}
#: The page of a simulated network is not ours.
NOT_OURS = {"simulated"}


@dataclass(kw_only=True)
class Auditor:
    """Looks at a page as axe does, and keeps its HTML as it was served."""

    tab: Page
    axe: str
    language: Language = i18n.ENGLISH
    looks: Looks = BOTH_COLOURS
    #: The answers to what the tab went to: a page as we sent it, whatever scripts made of it since.
    served: list[Response] = field(default_factory=list)
    html: dict[str, str] = field(default_factory=dict)
    #: Method and path of each page.
    looked_at: set[tuple[str, str]] = field(default_factory=set)
    found: list[str] = field(default_factory=list)

    @classmethod
    def at(cls, tab: Page, lab: Path) -> Auditor:
        """Return one who looks at this tab from now on."""
        axe = (lab / "node_modules" / "axe-core" / "axe.min.js").read_text()
        made = cls(tab=tab, axe=axe)
        tab.on("response", made.keep)
        return made

    def keep(self, answer: Response) -> None:
        if answer.request.is_navigation_request() and not 300 <= answer.status < 400:
            self.served.append(answer)

    def take(self, name: str, *, readme: bool = False, status: int | None = None) -> None:
        """Look at what the tab shows; `status` is what it should be, if not just any but an error of ours."""
        if name in NOT_OURS:
            return
        self.found += [f"{name}: {complaint}" for complaint in reach.complaints(self.tab)]
        page = self.served[-1]
        assert page.status == status if status else page.status < 500, (name, page.status)
        self.looked_at.add((page.request.method, urlsplit(page.url).path))
        self.html[name] = page.text()
        size = self.tab.viewport_size
        assert size is not None
        # The policy of our pages lets no script in from elsewhere; a debugger may.
        self.tab.evaluate(self.axe)
        for width, colours, options in self.looks:
            self.tab.emulate_media(color_scheme=colours, reduced_motion="reduce")
            self.tab.set_viewport_size({"width": width, "height": size["height"]})
            told = self.tab.evaluate(
                "([of, options]) => axe.run(of, options)", [SOME_ROWS, options]
            )
            self.found += [
                f"{name} {width} {colours}: {one['id']} at {node['target']}: {node['html'][:120]}"
                for one in told["violations"]
                for node in one["nodes"]
            ]
        self.tab.emulate_media(color_scheme="light", reduced_motion="reduce")
        self.tab.set_viewport_size(size)


def invalid(folder: Path, pages: Mapping[str, str]) -> list[str]:
    """Return what the validator complains about."""
    done = subprocess.run(
        ["node_modules/.bin/node", str(install.LAB / "pages" / "validate.mjs")],
        cwd=folder,
        input=json.dumps(pages),
        capture_output=True,
        text=True,
        check=True,
    )
    told: dict[str, list[str]] = json.loads(done.stdout)
    assert told.keys() == pages.keys()
    return [f"{name} {complaint}" for name, all_of_it in told.items() for complaint in all_of_it]
