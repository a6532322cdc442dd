"""Each page in each state shown: axe finds nothing, the HTML is valid, and nothing is cut off or covered."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from openportability import app as parts
from openportability.clock import MovedClock
from openportability.demo import stage
from openportability.demo.stage import SOURCE
from scripts import shots
from tests.browser import states
from tests.browser.audit import IN_THE_DARK, Auditor, invalid
from tests.browser.world import Demo
from tests.house import opened
from tests.mail.postman import postman
from tests.promises.routes import all_routes

#: Routes that answer with no page of their own, by what they do instead. What goes wrong there is told by the page of
#: errors, which is looked at.
NO_PAGE = {
    "leads to a page that was looked at": {
        "GET /auth/{network}/callback/{place}",
        "POST /accounts/{shown_id}/unlink",
        "POST /matches/dismiss",
        "POST /merge",
        "POST /merge/cancel",
        "POST /my-data/import",
        "POST /reconnect/accept",
        "POST /reconnect/file",
        "POST /reconnect/file/back",
        "POST /reconnect/pause",
        "POST /reconnect/plan",
        "POST /reconnect/plans/{plan_id}/start",
        "POST /reconnect/refuse",
        "POST /reconnect/resume",
        "POST /reconnect/retry",
        "POST /reconnect/stop",
        "POST /reconnect/undo",
        "POST /sessions/{shown_id}/end",
        "POST /settings/mail/choices",
        "POST /settings/mail/end",
        "POST /settings/tokens/{shown_id}/end",
        "POST /sign-out",
        "POST /sign-out-everywhere",
        "POST /theme",
    },
    "gives a file": {
        "GET /my-data/export",
        "GET /reconnect/file/{network}",
        "GET /source",
        "GET /static/{digest}/{path:path}",
    },
    "sends parts of pages that were looked at": {
        "GET /archive/linked/{account}",
        "GET /matches/found",
        "GET /reconnect/progress",
    },
    "speaks to programs": {"GET /healthz", "GET /metrics", "GET /readyz"},
}
#: Not ours to look at: for programs, and the simulated networks.
_ELSEWHERE = (" /api/", " /_simulated/")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was seen on all ways."""

    complaints: list[str]
    #: Method and path of each page that was looked at.
    looked_at: set[tuple[str, str]]
    routes: set[str]


@pytest.fixture(scope="module")
def seen(
    demo: Demo,
    chromium: Browser,
    pages_lab: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Seen:
    """Go the newcomer's way, then see the states beside it."""
    folder = tmp_path_factory.mktemp("seen")
    archive = folder / "archive.zip"
    me = next(demo.others)
    archive.write_bytes(stage.archive(demo.site, me[SOURCE]))
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    auditor = Auditor.at(context.new_page(), pages_lab)
    shots.walk(auditor, demo.url, me, archive)
    auditor.looks = IN_THE_DARK
    url = f"sqlite:///{folder / 'states.db'}"
    with postman() as office:
        more = {"SMTP_URL": office.url, "MAIL_FROM": "us@site.example"}
        with opened(folder / "site", url, MovedClock(), **more) as house:
            states.walk(auditor, house, office)
            routes = {str(route) for route in all_routes(parts.web(house.site))}
    context.close()
    return Seen(
        complaints=auditor.found + invalid(pages_lab, auditor.html),
        looked_at=auditor.looked_at,
        routes=routes,
    )


def test_axe_finds_nothing_the_html_is_valid_and_all_is_in_reach(seen: Seen) -> None:
    assert seen.complaints == []


def test_every_route_that_gives_a_page_is_looked_at(seen: Seen) -> None:
    ours = {route for route in seen.routes if not any(one in route for one in _ELSEWHERE)}
    looked_at = {route for route in ours if any(_answers(route, *one) for one in seen.looked_at)}
    assert ours - looked_at == {route for some in NO_PAGE.values() for route in some}


def _answers(route: str, method: str, path: str) -> bool:
    """Say whether a page of this address is one of this route."""
    return re.fullmatch(re.sub(r"{[^}]+}", "[^/]+", route), f"{method} {path}") is not None


def test_the_validator_sees_what_is_not_valid(pages_lab: Path) -> None:
    (complaint,) = invalid(pages_lab, {"planted": "<!doctype html><p><div>no</div></p>"})[:1]
    assert complaint.startswith("planted 1:")
