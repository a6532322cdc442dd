"""Two members who turn out to be one person, as their browsers show it."""

from __future__ import annotations

from sqlalchemy import func, select

from openportability.db.schema import METADATA, users
from openportability.domain import Proof, UserId
from openportability.privacy import service as privacy
from tests.accounts.shown import account_of, handles_of, me
from tests.accounts.test_sign_in import claim
from tests.browsing import Browser
from tests.house import House
from tests.journeys.steps import choose, hand_over, read

Names = dict[str, str]

#: What becomes of each table that holds something of a person. A new table must be told here, and
#: moved by `merging.service`, or it is erased with the other member.
FATES = {
    "accounts": "moved",
    "twins": "moved",
    "grants": "moved",
    "consents": "moved",
    "follow_lists": "moved",
    "archives": "moved",
    "fetches": "erased: a reading under way is asked for again",
    "match_sets": "joined",
    "answered": "added up",
    "reconnections": "moved",
    "lanes": "moved",
    "plans": "dropped, on both sides",
    "mail_addresses": "erased: the one of who is signed in stays",
    "mails": "erased with the address",
    "sessions": "ended",
    "merges": "over",
    "user_keys": "erased: what it sealed is sealed anew",
}


def twice(house: House, browser: Browser, who: Names) -> Browser:
    """Somebody who is here twice: on the herd in this browser, on bird and sky in another."""
    other = house.new_browser()
    other.sign_in("bird", who["bird"])
    other.sign_in("sky", who["sky"])
    browser.sign_in("herd", who["herd"])
    return other


def users_here(house: House) -> int:
    with house.site.db.read() as tx:
        return int(tx.execute(select(func.count()).select_from(users)).scalar_one())


def test_every_table_of_a_person_has_its_fate() -> None:
    assert set(FATES) == {t.name for t in METADATA.sorted_tables if "user_id" in t.columns}


def test_who_proves_to_be_another_member_is_told_what_moves_and_brings_the_two_together(
    house: House, browser: Browser, nora: Names
) -> None:
    other = twice(house, browser, nora)
    archive = other.get(f"/_simulated/bird/archive?person={nora['bird']}").body
    hand_over(other, archive)
    lists = read(other, "/me")["lists"]
    choose(other, found="anyone", standing="automatic")
    choose(browser, found="confirmed", standing="ask")
    told = browser.sign_in("bird", nora["bird"])
    assert (told.path, told.status) == ("/merge", 200)
    assert all(handle in told.words for handle in (nora["bird"], nora["sky"]))
    assert f"Lists you brought there: {len(lists)} · reports about them: 1" in told.words
    assert "only people your own archive confirms" in told.words
    assert "you are asked" in told.words
    before = browser.cookies["session"]
    landed = browser.press("Bring the two together")
    assert landed.path == "/accounts"
    assert "All of it is in one place now." in landed.words
    assert handles_of(browser) == set(nora.values())
    assert users_here(house) == 1
    mine = read(browser, "/me")
    assert mine["lists"] == lists
    assert {name: one["value"] for name, one in read(browser, "/consents").items()} == {
        "found": "confirmed",
        "standing": "ask",
    }
    assert browser.get("/archive").status == 200
    # The other member is signed out, and the rights that grew are for a new session alone.
    assert other.api("GET", "/me").status == 401
    stolen = house.new_browser()
    stolen.cookies["session"] = before
    assert stolen.api("GET", "/me").status == 401
    house.turn()


def test_who_leaves_them_as_they_are_changed_nothing(
    house: House, browser: Browser, nora: Names
) -> None:
    other = twice(house, browser, nora)
    browser.sign_in("bird", nora["bird"])
    landed = browser.press("Leave them as they are")
    assert (landed.path, "Nothing was changed." in landed.words) == ("/accounts", True)
    assert handles_of(browser) == {nora["herd"]}
    assert handles_of(other) == {nora["bird"], nora["sky"]}
    assert browser.post("/merge").status == 409


def test_nothing_is_joined_without_a_fresh_proof_in_this_very_session(
    house: House, browser: Browser, nora: Names
) -> None:
    other = twice(house, browser, nora)
    elsewhere = house.new_browser()
    elsewhere.sign_in("herd", nora["herd"])
    never = browser.post("/merge")
    assert never.status == 409
    assert "nothing to bring together" in never.words
    browser.sign_in("sky", nora["sky"])
    assert elsewhere.post("/merge").status == 409
    assert house.new_browser().post("/merge").status == 401
    house.clock.forward(minutes=10, seconds=1)
    assert browser.get("/merge").status == 409
    assert browser.post("/merge").status == 409
    assert handles_of(other) == {nora["bird"], nora["sky"]}


def test_an_offer_ends_when_the_account_is_no_longer_the_others(
    house: House, browser: Browser, nora: Names
) -> None:
    other = twice(house, browser, nora)
    browser.sign_in("sky", nora["sky"])
    other.api("DELETE", f"/accounts/{account_of(other, 'sky')['id']}")
    assert browser.post("/merge").status == 409
    browser.sign_in("bird", nora["bird"])
    privacy.leave(house.site, UserId(house.site.vault.read_id("user", str(me(other)["user_id"]))))
    assert browser.post("/merge").status == 409
    assert handles_of(browser) == {nora["herd"]}


def test_a_right_that_was_given_goes_along(house: House, browser: Browser, nora: Names) -> None:
    other = twice(house, browser, nora)
    account = str(account_of(other, "sky")["id"])
    other.leave_for("sky", account=account, purpose="follow")
    other.allow(nora["sky"])
    browser.sign_in("bird", nora["bird"])
    browser.press("Bring the two together")
    house.turn()
    assert account_of(browser, "sky")["grants"] == ["follow"]
    assert house.lives("sky", nora["sky"])


def test_what_one_claims_and_the_other_proved_is_one_proved_account(
    house: House, browser: Browser, nora: Names
) -> None:
    other = twice(house, browser, nora)
    claim(house, browser, nora["bird"])
    assert account_of(browser, "bird")["proof"] == Proof.CLAIMED
    browser.sign_in("bird", nora["bird"])
    browser.press("Bring the two together")
    assert account_of(browser, "bird")["proof"] == Proof.PROVED
    assert handles_of(browser) == set(nora.values())
    assert other.api("GET", "/me").status == 401
