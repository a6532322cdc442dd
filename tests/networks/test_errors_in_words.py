"""Whatever stops a sign-in, a page says in words what happened and what to do next, and leads there.

The site has all networks that ship, without their servers: what they would raise is raised for them.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import NoReturn

import pytest

from openportability.clock import MovedClock
from openportability.domain import NetworkName
from openportability.errors import (
    Gone,
    Invalid,
    OpenPortabilityError,
    Refused,
    Throttled,
    Unavailable,
)
from openportability.network import Begun
from openportability.web import problems
from tests.browsing import Answer, Browser
from tests.house import House, opened

SOON = MovedClock().now() + timedelta(minutes=9)

#: What a person can meet before they leave for a network: network, what is raised.
AT_THE_START: list[tuple[str, OpenPortabilityError]] = [
    # The instance is down, slow, odd, or none at all.
    *(
        (network, Unavailable(code, host="some.example"))
        for network in ("mastodon", "bluesky")
        for code in ("net.unreachable", "net.timeout", "net.garbage", "net.too_large", "net.busy")
    ),
    ("mastodon", Unavailable()),
    ("mastodon", Invalid("masto.host_unknown", host="some.example")),
    ("mastodon", Refused("net.address", host="some.example")),
    ("bluesky", Unavailable("at.pds_down")),
    # It refuses our application, or speaks no OAuth.
    ("mastodon", Throttled(SOON, "masto.apps_throttled", host="some.example")),
    ("mastodon", Throttled(None, "masto.apps_throttled", host="some.example")),
    ("mastodon", Throttled(SOON, "masto.throttled")),
    ("mastodon", Invalid("masto.no_oauth", host="some.example")),
    ("bluesky", Throttled(SOON)),
    ("bluesky", Refused("at.no_oauth")),
    # What was typed names nobody.
    ("mastodon", Invalid("masto.bad_account")),
    ("mastodon", Invalid("masto.no_server")),
    ("mastodon", Invalid("masto.which_server")),
    ("bluesky", Invalid("at.handle_unknown")),
    ("bluesky", Invalid("at.handle_short")),
    ("bluesky", Invalid("at.handle_unconfirmed")),
    ("bluesky", Refused("at.handle_unconfirmed")),
    ("bluesky", Invalid("at.deactivated")),
    ("bluesky", Unavailable("auth.clock", host="some.example")),
    ("x", Throttled(SOON, "x.ceiling")),
    ("x", Unavailable("x.paused")),
]

#: What they can meet on coming back.
ON_COMING_BACK: list[tuple[str, OpenPortabilityError]] = [
    *(
        (network, error)
        for network in ("x", "mastodon", "bluesky")
        for error in (
            Invalid("auth.denied"),
            Invalid("auth.expired"),
            Unavailable("net.timeout", host="some.example"),
        )
    ),
    *(
        (network, Invalid(code))
        for network in ("mastodon", "bluesky")
        for code in ("auth.mixed_up", "auth.wrong_account")
    ),
    ("mastodon", Invalid("masto.login_disabled")),
    ("mastodon", Throttled(SOON, "masto.throttled")),
    ("bluesky", Invalid("at.scope_missing")),
    ("bluesky", Invalid("at.broad_only")),
    ("bluesky", Gone("at.gone")),
    ("bluesky", Unavailable("auth.clock", host="some.example")),
    ("x", Invalid("x.empty")),
    ("x", Throttled(SOON, "x.throttled")),
    ("x", Unavailable("x.paused")),
    ("x", Refused("x.refused")),
    ("x", Unavailable("net.unavailable")),
]


@pytest.fixture(scope="module")
def house(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("words")
    database = shutil.copy(migrated_sqlite, folder / "openportability.db")
    networks = "x,mastodon,bluesky"
    with opened(
        folder, f"sqlite:///{database}", MovedClock(), NETWORKS=networks, X_CLIENT_ID="our-id"
    ) as made:
        yield made


@pytest.fixture
def browser(house: House) -> Browser:
    return house.new_browser()


#: (network, error, step): let that step of a sign-in raise it; the one before it goes well.
Fails = Callable[[str, OpenPortabilityError, str], None]


@pytest.fixture
def fails(house: House, monkeypatch: pytest.MonkeyPatch) -> Fails:
    def begins(*, state: str, **_: object) -> Begun:
        return Begun(url=f"https://some.example/authorize?state={state}", secret={})

    def let_fail(network: str, error: OpenPortabilityError, step: str) -> None:
        def breaks(**_: object) -> NoReturn:
            raise error

        sign_in = house.site.networks[NetworkName(network)].sign_in
        monkeypatch.setattr(sign_in, "begin", begins)
        monkeypatch.setattr(sign_in, step, breaks)

    return let_fail


def _says(page: Answer, house: House, error: OpenPortabilityError) -> None:
    happened, next_step = problems.words_of_code(error.code, house.site.networks)
    assert happened != "Something broke here", f"{error.code} has no words"
    text = " ".join(unescape(re.sub(r"<[^>]+>", " ", page.text)).split())
    for sentence in (happened, next_step):
        told = ".*".join(re.escape(part) for part in re.split(r"%\(\w+\)s", sentence))
        assert re.search(told, text), f"{error.code}: {sentence}"
    assert "%(" not in text
    assert "…" not in text
    assert page.status == problems.status_of(error)


@pytest.mark.parametrize(
    ("network", "error"), AT_THE_START, ids=[f"{n}-{e.code}" for n, e in AT_THE_START]
)
def test_what_stops_a_sign_in_before_it_leaves_is_said_beside_what_was_typed(
    house: House, browser: Browser, fails: Fails, network: str, error: OpenPortabilityError
) -> None:
    fails(network, error, "begin")
    page = browser.leave_for(network, "what I typed")
    _says(page, house, error)
    # The way on is on the page: to try again, here or elsewhere.
    assert {form.action for form in page.forms} >= {
        f"/auth/{name}/start" for name in house.site.networks
    }


@pytest.mark.parametrize(
    ("network", "error"), ON_COMING_BACK, ids=[f"{n}-{e.code}" for n, e in ON_COMING_BACK]
)
def test_what_stops_a_sign_in_on_its_way_back_is_a_page_that_leads_on(
    house: House, browser: Browser, fails: Fails, network: str, error: OpenPortabilityError
) -> None:
    fails(network, error, "finish")
    state = browser.send(f"/auth/{network}/start", {"typed": "some.example"}).location.partition(
        "state="
    )[2]
    back = f"/auth/{network}/callback?code=c&state={state}"
    page = browser.get(back)
    _says(page, house, error)
    assert 'href="/sign-in"' in page.text
    assert "session" not in browser.cookies
    again = browser.get(back)
    _says(again, house, Invalid("auth.replayed"))
    assert 'href="/sign-in"' in again.text


def test_the_operator_is_told_of_a_clock_that_is_wrong(
    browser: Browser, fails: Fails, caplog: pytest.LogCaptureFixture
) -> None:
    error = Unavailable("auth.clock", host="some.example")
    fails("bluesky", error, "begin")
    browser.leave_for("bluesky", "anna.example.com")
    (line,) = (one for one in caplog.records if one.message == "operator_needed")
    assert vars(line)["code"] == "auth.clock"
    assert vars(line)["host"] == "some.example"
