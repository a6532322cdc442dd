"""The ledger of choices: only added to, asked again when the words change, in force at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from openportability.accounts import line_store
from openportability.accounts import store as accounts
from openportability.clock import MovedClock
from openportability.consent import rules, service, store
from openportability.consent.rules import OFF, OFFERS, Choice, Offer
from openportability.db.engine import Database
from openportability.db.schema import consents
from openportability.domain import Found, Standing, UserId
from openportability.errors import Invalid
from openportability.files import Folder
from openportability.jobs.local import LocalRunner
from openportability.reconnection.rules import State
from openportability.settings import Settings
from openportability.site import Site
from openportability.vault import Keyring, Vault
from tests.house import ON_SQLITE, House
from tests.journeys.neighbourhood import Neighbourhood
from tests.privacy.exports import exported

pytestmark = ON_SQLITE

LATER = [Choice.BRIDGED, Choice.ARRIVALS_MAIL, Choice.SIGN_IN_MAIL]


@pytest.fixture
def site(db: Database, clock: MovedClock) -> Site:
    return Site(
        settings=Settings.read({}),
        clock=clock,
        vault=Vault(Keyring.fresh()),
        db=db,
        files=Folder(Path("var")),
        networks={},
        engine=LocalRunner(threads=1),
        before_unlink=(),
    )


@pytest.fixture
def user(site: Site) -> UserId:
    with site.db.write() as tx:
        return accounts.create_user(tx, site.vault, "en", site.clock.now())


def say(site: Site, user: UserId, choice: Choice, value: str) -> None:
    with site.db.write() as tx:
        service.choose(tx, site, user, choice, value, locale="en", how="page")


def holds(site: Site, user: UserId) -> tuple[Found, Standing]:
    with site.db.read() as tx:
        found = accounts.user(tx, user)
    assert found is not None
    return found.found, found.standing


def unasked(site: Site, user: UserId, offers: Mapping[Choice, Offer] = OFFERS) -> list[Choice]:
    with site.db.read() as tx:
        return service.unasked(tx, user, offers)


def test_before_anything_is_said_nothing_is_given_away(site: Site, user: UserId) -> None:
    assert holds(site, user) == (Found.NOBODY, Standing.OFF)
    assert unasked(site, user) == [Choice.FOUND, Choice.STANDING, *LATER]
    assert {choice: offer.unsaid for choice, offer in OFFERS.items()} == {
        Choice.FOUND: Found.NOBODY,
        Choice.STANDING: Standing.OFF,
        **dict.fromkeys(LATER, OFF),
    }


def test_a_choice_holds_at_once_and_so_does_its_withdrawal(site: Site, user: UserId) -> None:
    say(site, user, Choice.FOUND, Found.ANYONE)
    assert holds(site, user) == (Found.ANYONE, Standing.OFF)
    say(site, user, Choice.FOUND, Found.NOBODY)
    assert holds(site, user) == (Found.NOBODY, Standing.OFF)
    assert unasked(site, user) == [Choice.STANDING, *LATER]


def test_everything_ever_said_stays_on_record(site: Site, user: UserId, clock: MovedClock) -> None:
    for value in (Found.ANYONE, Found.CONFIRMED, Found.NOBODY):
        say(site, user, Choice.FOUND, value)
        clock.forward(days=1)
    with site.db.read() as tx:
        history = store.history(tx, user)
    assert [consent.value for consent in history] == ["anyone", "confirmed", "nobody"]
    assert [consent.wording for consent in history] == ["1"] * 3
    assert history[0].at < history[1].at < history[2].at
    with site.db.read() as tx:
        assert service.current(tx, user)[Choice.FOUND] == history[-1]


def test_saying_the_same_again_adds_nothing(site: Site, user: UserId) -> None:
    for _ in range(2):
        say(site, user, Choice.STANDING, Standing.ASK)
    with site.db.read() as tx:
        assert len(tx.execute(select(consents)).all()) == 1


def test_other_words_are_asked_again(site: Site, user: UserId) -> None:
    say(site, user, Choice.FOUND, Found.ANYONE)
    changed = dict(OFFERS)
    changed[Choice.FOUND] = replace(OFFERS[Choice.FOUND], wording="2")
    assert unasked(site, user, changed) == [Choice.FOUND, Choice.STANDING, *LATER]
    # What was said to the older words holds until something else is said.
    assert holds(site, user) == (Found.ANYONE, Standing.OFF)


def test_what_the_page_does_not_offer_is_refused(site: Site, user: UserId) -> None:
    with pytest.raises(Invalid):
        rules.check(Choice.FOUND, "everyone")
    with pytest.raises(Invalid):
        say(site, user, Choice.STANDING, Found.NOBODY)
    with site.db.read() as tx:
        assert store.history(tx, user) == []


def test_one_person_s_choice_is_not_another_s(site: Site, user: UserId) -> None:
    with site.db.write() as tx:
        other = accounts.create_user(tx, site.vault, "en", site.clock.now())
    say(site, user, Choice.FOUND, Found.ANYONE)
    assert holds(site, other) == (Found.NOBODY, Standing.OFF)


# --- through pages --------------------------------------------------------------------------------


def test_nothing_is_ticked_for_a_newcomer(house: House) -> None:
    browser = house.new_browser()
    assert browser.sign_in("bird", "newcomer").path == "/welcome"
    form, _, _ = browser.find("Save and go on")
    assert not {"found", "standing"} & set(form.fields)
    assert browser.press("Save and go on").path == "/archive"
    assert browser.api("GET", "/consents").json() == {}


def test_what_was_chosen_is_shown_and_can_be_changed(house: House) -> None:
    browser = house.new_browser()
    browser.sign_in("bird", "newcomer")
    browser.press("Save and go on", found="anyone", standing="ask")
    browser.get("/settings")
    form, _, _ = browser.find("Save")
    assert {name: form.fields[name] for name in ("found", "standing", "pace")} == {
        "found": "anyone",
        "standing": "ask",
        "pace": "normal",
    }
    assert "Your choices are saved." in browser.press("Save", found="nobody", pace="gentle").words
    form, _, _ = browser.find("Save")
    assert (form.fields["found"], form.fields["pace"]) == ("nobody", "gentle")
    assert browser.api("GET", "/me").json()["consents"] == {"found": "nobody", "standing": "ask"}


def test_programs_choose_by_the_api(house: House) -> None:
    browser = house.new_browser()
    browser.sign_in("bird", "newcomer")
    told = browser.api("PUT", "/consents", {"found": "confirmed"}).json()
    assert set(told) == {"found"}
    assert (told["found"]["value"], told["found"]["wording"]) == ("confirmed", "1")
    assert told["found"]["at"].endswith("+00:00")
    assert browser.api("PUT", "/standing", {"mode": "automatic"}).status == 200
    assert browser.api("GET", "/consents").json()["standing"]["value"] == "automatic"


def test_a_choice_that_does_not_exist_is_a_problem_in_words(house: House) -> None:
    browser = house.new_browser()
    browser.sign_in("bird", "newcomer")
    for path, body in (("/consents", {"found": "everyone"}), ("/standing", {"mode": "maybe"})):
        refused = browser.api("PUT", path, body)
        assert (refused.status, refused.json()["code"]) == (400, "svc.bad_input")
    assert browser.post("/settings", {"found": "everyone"}).status == 400
    assert browser.api("GET", "/consents").json() == {}


def test_a_visitor_has_nothing_to_choose(house: House) -> None:
    visitor = house.new_browser()
    for path in ("/welcome", "/settings", "/api/v1/consents"):
        assert visitor.get(path).status == 401
    assert visitor.post("/settings", {"found": "anyone"}).status == 401


def test_who_lets_themselves_be_found_is_met_as_a_newcomer(house: House) -> None:
    browser = house.new_browser()
    browser.sign_in("bird", "newcomer")
    with house.site.db.read() as tx:
        seen = line_store.newest_seq(tx)
        assert line_store.listed_since(tx, seen, limit=10) == []
    browser.api("PUT", "/consents", {"found": "anyone"})
    with house.site.db.read() as tx:
        assert len(line_store.listed_since(tx, seen, limit=10)) == 1


def test_a_changed_wording_asks_again_on_the_pages(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = house.new_browser()
    browser.sign_in("bird", "newcomer")
    browser.press("Save and go on", found="anyone", standing="ask")
    again = "The words of a choice you made have changed"
    assert again not in browser.get("/").words
    monkeypatch.setitem(OFFERS, Choice.FOUND, replace(OFFERS[Choice.FOUND], wording="2"))
    assert again in browser.get("/").words
    browser.get("/settings")
    form, _, _ = browser.find("Save")
    # Nothing is ticked for them, and what they said holds until they answer.
    assert "found" not in form.fields
    assert browser.api("GET", "/me").json()["consents"]["found"] == "anyone"
    browser.press("Save", found="nobody")
    assert again not in browser.get("/").words
    assert browser.api("GET", "/consents").json()["found"]["wording"] == "2"


def test_withdrawing_counts_at_once_everywhere(house: House) -> None:
    place = Neighbourhood(house)
    alice, bob = place.circle(1, standing="automatic")
    plan = place.plan(alice)
    assert bob.new_handle in alice.browser.get("/matches").text
    bob.browser.api("PUT", "/consents", {"found": "nobody"})
    # No work is done in between: pages, API, the plan that was made, the standing wish, the export.
    assert bob.new_handle not in alice.browser.get("/matches").text
    assert alice.browser.api("GET", "/matches").json()["items"] == []
    assert alice.browser.post(f"{plan}/start").status == 200
    place.later(minutes=30)
    assert place.follows(alice)[bob.new_id] == 0
    taken = alice.browser.get("/my-data").words
    assert "Places of people you found 0" in taken


def test_an_export_names_nobody_who_hides_by_now_and_was_not_asked_for(house: House) -> None:
    place = Neighbourhood(house)
    alice, bob = place.circle(1)
    plan = place.plan(alice)
    place.allow(alice, plan)
    alice.browser.post(f"{plan}/start")
    (wanted,) = exported(alice.browser).ledger
    assert (wanted.state, wanted.actor_id) == (State.READY, bob.new_id)
    bob.browser.api("PUT", "/consents", {"found": "nobody"})
    (wanted,) = exported(alice.browser).ledger
    assert (wanted.state, wanted.actor_id, wanted.handle) == (State.READY, None, None)
