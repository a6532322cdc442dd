"""Who left has a receipt that names nobody, and that anybody can check later."""

from __future__ import annotations

import base64
import json
import re

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from openportability.errors import Invalid
from openportability.privacy import receipt
from openportability.vault import Keyring, Vault
from tests.house import House


def test_leaving_gives_a_receipt_that_names_nobody(house: House) -> None:
    browser = house.new_browser()
    browser.sign_in("bird", "newcomer")
    me = browser.api("GET", "/me").json()
    left = browser.api("DELETE", "/me").json()["receipt"]
    plain = base64.urlsafe_b64decode(left.split(".")[0] + "==").decode()
    for word in ("newcomer", me["user_id"], me["accounts"][0]["actor_id"]):
        assert word not in plain
    anybody = house.new_browser()
    told = anybody.api("POST", "/receipts/verify", {"receipt": left}).json()
    assert (told["site"], told["deleted"]["users"]) == (house.base_url, 1)
    # Later, after more people came and went, and without us.
    house.clock.forward(days=400)
    assert anybody.api("POST", "/receipts/verify", {"receipt": left}).json() == told
    published = bytes.fromhex(anybody.api("GET", "/receipts/key").json()["public_key"])
    body, signature = (base64.urlsafe_b64decode(part + "==") for part in left.split("."))
    Ed25519PublicKey.from_public_bytes(published).verify(signature, body)
    assert json.loads(body)["site"] == house.base_url


def test_the_page_shows_it_and_checks_it(house: House) -> None:
    browser = house.new_browser()
    browser.sign_in("bird", "newcomer")
    page = browser.post("/leave")
    assert browser.api("GET", "/me").status == 401
    found = re.search(r"[\w-]{80,}\.[\w-]{80,}", page.text)
    assert found is not None
    assert "This receipt is ours" in browser.post("/receipt", {"receipt": found[0]}).words
    wrong = browser.post("/receipt", {"receipt": f"{found[0]}x"})
    assert (wrong.status, "no receipt of ours" in wrong.words) == (400, True)


@pytest.mark.parametrize("text", ["", ".", "a.b", "é.é", "e30.e30", "=.="])
def test_what_is_no_receipt_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        receipt.check(Vault(Keyring.fresh()), text)
