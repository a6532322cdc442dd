"""After whole journeys no token, key, code or secret stands in the database, in a log or on a page."""

from __future__ import annotations

import logging
import re
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from urllib.parse import quote

import pytest

from openportability.domain import NetworkName
from openportability.network import Proved
from tests import secrecy
from tests.accounts.shown import account_of
from tests.browsing import Answer
from tests.house import House
from tests.promises.spying import codes_of, database, shown, standing_in, told
from tests.secrecy import secrets_in


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
    stored = database(house.site)
    browser.api("DELETE", f"/accounts/{account_of(browser, 'herd')['id']}")
    stored += database(house.site)  # with what waits to be revoked
    house.turn()
    stored += database(house.site)

    secrets = set[str]().union(*map(secrets_in, sealed)) | codes_of(ways_back) | cookies
    assert len(secrets) > 3 * len(who)
    assert standing_in(stored, secrets) == set()
    assert standing_in(told(caplog), secrets) == set()
    assert standing_in(shown(pages), secrets) == set()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("where", ["a row", "a log line", "an error page"])
def test_who_watches_journeys_sees_a_secret_that_stands_in_clear(house: House, where: str) -> None:
    who, browser = house.handles(0)["sky"], house.new_browser()
    with secrecy.watching() as watch:
        browser.leave_for("sky", who)
        browser.allow(who)
        assert len(watch.secrets) > 3
        watch.finds_nothing(house.site)
        if where == "a row":
            watch.secrets.add(who)
        elif where == "a log line":
            logging.getLogger("openportability").warning("%s", min(watch.secrets))
        else:
            way = "/auth/sky/callback?state=page&code="
            (word, *_) = re.findall(r"[\w-]{16,}", browser.get(f"{way}none").text)
            browser.get(f"{way}{word}")
        with pytest.raises(AssertionError):
            watch.finds_nothing(house.site)


@pytest.mark.parametrize(
    "spelled",
    [
        lambda secret: secret.encode("utf-16-le"),
        lambda secret: secret.encode().hex().encode(),
        lambda secret: b64encode(b"token=" + secret.encode() + b"!"),
        lambda secret: urlsafe_b64encode(b"a token: " + secret.encode()),
        lambda secret: quote(f'["{secret}"]').encode(),
        lambda secret: b"d=" + urlsafe_b64decode(secret + "="),
    ],
)
def test_a_secret_is_found_however_it_is_spelled(spelled: Callable[[str], bytes]) -> None:
    secret = "5jsh36TyEM-JsB32eR6gChCnxQzig4ZMVWRVukls5b4"
    assert standing_in(b"before " + spelled(secret) + b" after", {secret}) == {secret}
    assert standing_in(b"before " + spelled(secret[::-1]) + b" after", {secret}) == set()
