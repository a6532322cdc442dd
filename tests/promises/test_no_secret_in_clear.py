"""After whole journeys no token, key, code or secret stands in the database, in a log or on a page."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from openportability import vault
from openportability.db.schema import METADATA
from openportability.domain import NetworkName
from openportability.network import Proved
from tests.accounts.shown import account_of
from tests.browsing import Answer, Browser
from tests.house import House

#: What is made by chance and kept secret looks so; handles, addresses and names of networks do not.
_BY_CHANCE = re.compile(r"[A-Za-z0-9_-]{16,}")


@pytest.fixture
def sealed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """All that was sealed, as it was before."""
    plain: list[bytes] = []
    seal = vault._gcm_seal

    def watched(key: Any, text: bytes, header: bytes, place: str) -> bytes:
        plain.append(text)
        return seal(key, text, header, place)

    monkeypatch.setattr(vault, "_gcm_seal", watched)
    return plain


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> list[Answer]:
    """All answers of our own pages; the networks' pages may know their own codes."""
    seen: list[Answer] = []
    ask = Browser.ask

    def watched(self: Browser, method: str, address: str, **more: object) -> Answer:
        answer = ask(self, method, address, **more)  # type: ignore[arg-type] # passed on as it came
        if not answer.path.startswith("/_simulated/"):
            seen.append(answer)
        return answer

    monkeypatch.setattr(Browser, "ask", watched)
    return seen


def secrets_in(sealed: list[bytes]) -> set[str]:
    """Return what networks asked us to keep secret: of sign-ins under way, grants, registrations."""
    found: set[str] = set()
    for text in sealed:
        try:
            form = json.loads(text)
        except ValueError:
            continue
        if isinstance(form, dict):
            found |= set(_by_chance(form.get("secret", {})))
    return found


def _by_chance(form: Mapping[str, object]) -> Iterator[str]:
    for value in form.values():
        if isinstance(value, str) and _BY_CHANCE.fullmatch(value):
            yield value


def database(house: House) -> bytes:
    """Return every value of every row, one after the other."""
    values: list[bytes] = []
    with house.site.db.read() as tx:
        for table in METADATA.sorted_tables:
            for row in tx.execute(select(table)):
                values += [one if isinstance(one, bytes) else str(one).encode() for one in row]
    return b"\n".join(values)


def codes_of(addresses: list[str]) -> set[str]:
    queries = [parse_qs(urlsplit(address).query) for address in addresses]
    return {value for query in queries for name in ("code", "state") for value in query[name]}


def test_secrets_of_whole_journeys_stand_nowhere_in_clear(
    house: House,
    sealed: list[bytes],
    pages: list[Answer],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    who = house.handles(0)
    browser = house.new_browser()
    ways_back = []
    for network, handle in who.items():
        browser.leave_for(network, handle)
        ways_back.append(browser.way_back(handle))
        browser.get(ways_back[-1])
        browser.get(ways_back[-1])  # replayed
    for network in ("herd", "sky"):
        account = str(account_of(browser, network)["id"])
        browser.leave_for(network, account=account, purpose="follow")
        browser.allow(who[network])
    browser.leave_for("herd", who["herd"])
    browser.press("Do not allow")

    def breaks(*, secret: Mapping[str, str], answer: Mapping[str, str]) -> Proved:
        raise RuntimeError(dict(secret), dict(answer))

    with monkeypatch.context() as broken:
        broken.setattr(house.site.networks[NetworkName("sky")].sign_in, "finish", breaks)
        browser.leave_for("sky", who["sky"])
        ways_back.append(browser.way_back(who["sky"]))
        assert browser.get(ways_back[-1]).status == 500
    cookies = {value for name, value in browser.cookies.items() if name in ("session", "sign-in")}
    stored = database(house)
    browser.api("DELETE", f"/accounts/{account_of(browser, 'herd')['id']}")
    stored += database(house)  # with what waits to be revoked
    house.turn()
    stored += database(house)

    secrets = secrets_in(sealed) | codes_of(ways_back) | cookies
    assert len(secrets) > 3 * len(who)
    told = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    shown = "".join(answer.text for answer in pages)
    assert {secret for secret in secrets if secret.encode() in stored} == set()
    assert {secret for secret in secrets if secret in told} == set()
    assert {secret for secret in secrets if secret in shown} == set()
