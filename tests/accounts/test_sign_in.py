"""Signing in as people do it: through pages, at simulated networks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

import pytest

from openportability.accounts import service
from openportability.domain import Actor, ActorId, NetworkName, Proof, UserId
from openportability.errors import Invalid
from openportability.network import Proved
from openportability.networks.fake.reply import Fault
from tests.accounts.shown import account_of, handles_of, me
from tests.browsing import Answer, Browser
from tests.house import ON_SQLITE, House

pytestmark = ON_SQLITE

MEADOW = "meadow.example"


def claim(house: House, browser: Browser, who: str) -> None:
    """Let an archive alone say that somebody is this actor."""
    person = house.ask_world("bird", "person", who=who)
    bird = Actor(
        network=NetworkName("bird"),
        instance=person["instance"],
        id=ActorId(person["id"]),
        handle=person["handle"],
        name=person["name"],
        seen_at=house.clock.now(),
    )
    user = UserId(house.site.vault.read_id("user", str(me(browser)["user_id"])))
    with house.site.db.write() as tx:
        service.claim(tx, house.site, user, bird)


# --- what a sign-in means -------------------------------------------------------------------------


@pytest.mark.parametrize("network", ["bird", "herd", "sky"])
def test_any_network_may_be_the_first(browser: Browser, nora: dict[str, str], network: str) -> None:
    browser.get("/sign-in")
    at = f"/auth/{network}/"
    browser.press(f"Sign in with {network.title()}", at=at, typed=nora[network])
    landed = browser.allow(nora[network])
    assert (landed.path, landed.status) == ("/welcome", 200)
    assert handles_of(browser) == {nora[network]}
    assert "proved" in browser.get("/accounts").words


def test_who_comes_back_is_the_same_user(
    house: House, browser: Browser, nora: dict[str, str]
) -> None:
    browser.sign_in("bird", nora["bird"])
    elsewhere = house.new_browser()
    landed = elsewhere.sign_in("bird", nora["bird"], next="/matches")
    assert landed.path == "/matches"
    assert me(elsewhere)["user_id"] == me(browser)["user_id"]


def test_another_account_is_linked_and_the_session_is_a_new_one(
    browser: Browser, house: House, nora: dict[str, str]
) -> None:
    browser.sign_in("bird", nora["bird"])
    user, before = me(browser)["user_id"], browser.cookies["session"]
    landed = browser.sign_in("herd", nora["herd"], next="/accounts")
    assert f"{nora['herd']} is now linked." in landed.words
    assert me(browser)["user_id"] == user
    assert handles_of(browser) == {nora["bird"], nora["herd"]}
    assert browser.cookies["session"] != before
    stolen = house.new_browser()
    stolen.cookies["session"] = before
    assert stolen.api("GET", "/me").status == 401


def test_an_account_one_has_is_brought_up_to_date(browser: Browser, nora: dict[str, str]) -> None:
    browser.sign_in("sky", nora["sky"])
    landed = browser.sign_in("sky", nora["sky"], next="/accounts")
    assert f"{nora['sky']} is yours, and we may go on." in landed.words
    assert handles_of(browser) == {nora["sky"]}


def test_an_account_of_another_member_is_not_taken(
    house: House, browser: Browser, nora: dict[str, str], elif_: dict[str, str]
) -> None:
    other = house.new_browser()
    other.sign_in("bird", elif_["bird"])
    other.sign_in("sky", elif_["sky"])
    browser.sign_in("bird", nora["bird"])
    assert browser.sign_in("sky", elif_["sky"]).path == "/merge"
    assert handles_of(browser) == {nora["bird"]}
    assert handles_of(other) == {elif_["bird"], elif_["sky"]}


def test_a_token_of_an_account_that_is_anothers_is_given_back(
    house: House, browser: Browser, nora: dict[str, str], elif_: dict[str, str]
) -> None:
    other = house.new_browser()
    other.sign_in("herd", elif_["herd"])
    assert house.lives("herd", elif_["herd"])  # ends it
    browser.sign_in("bird", nora["bird"])
    assert browser.sign_in("herd", elif_["herd"]).path == "/merge"
    house.turn()
    assert not house.lives("herd", elif_["herd"])


def test_a_claim_gives_way_to_a_proof_and_its_maker_is_not_told(
    house: House, browser: Browser, nora: dict[str, str], elif_: dict[str, str]
) -> None:
    impostor = house.new_browser()
    impostor.sign_in("sky", elif_["sky"])
    claim(house, impostor, nora["bird"])
    assert account_of(impostor, "bird")["proof"] == Proof.CLAIMED
    browser.sign_in("bird", nora["bird"])
    assert account_of(browser, "bird")["proof"] == Proof.PROVED
    assert account_of(impostor, "bird")["proof"] == Proof.CLAIMED


def test_a_claim_of_ones_own_becomes_a_proof(
    house: House, browser: Browser, nora: dict[str, str]
) -> None:
    browser.sign_in("sky", nora["sky"])
    claim(house, browser, nora["bird"])
    browser.sign_in("bird", nora["bird"])
    assert account_of(browser, "bird")["proof"] == Proof.PROVED


# --- what may go wrong ----------------------------------------------------------------------------


def test_who_says_no_is_told_that_this_is_fine(browser: Browser) -> None:
    browser.leave_for("bird")
    refused = browser.press("Do not allow")
    assert (refused.path, refused.status) == ("/auth/bird/callback", 400)
    assert "nothing was changed" in refused.words
    assert "session" not in browser.cookies


def test_a_sign_in_ends_after_ten_minutes(
    house: House, browser: Browser, nora: dict[str, str]
) -> None:
    browser.leave_for("bird")
    house.clock.forward(minutes=10, seconds=1)
    refused = browser.allow(nora["bird"])
    assert refused.status == 400
    assert "took too long" in refused.words
    assert "session" not in browser.cookies


def test_a_sign_in_works_once(browser: Browser, nora: dict[str, str]) -> None:
    browser.leave_for("bird")
    back = browser.way_back(nora["bird"])
    assert browser.get(back).path == "/welcome"
    session = browser.cookies["session"]
    again = browser.get(back)
    assert again.status == 400
    assert "used already" in again.words
    assert browser.cookies["session"] == session


def test_a_state_that_is_not_ours_opens_nothing(browser: Browser) -> None:
    browser.leave_for("bird")
    for query in ("", "?state=", "?state=forged&code=forged", "?code=forged"):
        assert browser.get(f"/auth/bird/callback{query}").status == 400
        assert "session" not in browser.cookies


def test_the_way_back_of_another_browser_leads_nowhere(
    house: House, browser: Browser, nora: dict[str, str], elif_: dict[str, str]
) -> None:
    attacker = house.new_browser()
    attacker.leave_for("bird")
    back = attacker.way_back(elif_["bird"])
    for victim in (house.new_browser(), browser):
        if victim is browser:
            victim.sign_in("sky", nora["sky"])
        refused = victim.get(back)
        assert refused.status == 400
        assert "began in another browser" in refused.words
        back = _fresh_way_back(attacker, elif_)
    assert handles_of(browser) == {nora["sky"]}


def _fresh_way_back(browser: Browser, who: dict[str, str]) -> str:
    browser.leave_for("bird")
    return browser.way_back(who["bird"])


def test_an_answer_at_another_networks_door_is_refused(
    browser: Browser, nora: dict[str, str]
) -> None:
    browser.leave_for("bird")
    back = browser.way_back(nora["bird"])
    refused = browser.get(back.replace("/auth/bird/", "/auth/sky/"))
    assert refused.status == 400
    assert "another server than the one you chose" in refused.words
    assert browser.get(back).status == 400


@pytest.mark.parametrize(
    ("came_to", "place"),
    [
        ("/callback?", ""),
        ("/callback?place=evil.example&", ""),
        ("/callback/localhost:8001?", "localhost:8001"),
        ("/callback/meadow.example?place=evil.example&", MEADOW),
    ],
)
def test_the_path_alone_says_where_an_answer_came_back(
    house: House,
    browser: Browser,
    nora: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    came_to: str,
    place: str,
) -> None:
    places: list[str] = []

    def finish(*, secret: Mapping[str, str], answer: Mapping[str, str]) -> Proved:
        places.append(answer["place"])
        raise Invalid("auth.denied")

    monkeypatch.setattr(house.site.networks[NetworkName("bird")].sign_in, "finish", finish)
    browser.leave_for("bird")
    browser.get(browser.way_back(nora["bird"]).replace("/callback?", came_to))
    assert places == [place]


def test_an_answer_of_another_server_is_refused(browser: Browser, nora: dict[str, str]) -> None:
    browser.leave_for("herd", MEADOW)
    back = browser.way_back(nora["herd"])
    refused = browser.get(back.replace(MEADOW, "evil.example"))
    assert "another server than the one you chose" in refused.words


def test_the_right_to_follow_is_for_the_account_that_asked(
    browser: Browser, nora: dict[str, str], elif_: dict[str, str], house: House
) -> None:
    browser.sign_in("herd", nora["herd"])
    assert house.lives("herd", nora["herd"])  # ends it
    account = str(account_of(browser, "herd")["id"])
    browser.leave_for("herd", nora["herd"], account=account, purpose="follow")
    refused = browser.allow(elif_["herd"])
    assert refused.status == 400
    assert "another account" in refused.words
    assert account_of(browser, "herd")["grants"] == []
    house.turn()
    assert not house.lives("herd", elif_["herd"])


def test_the_right_to_follow_is_asked_for_and_kept(browser: Browser, nora: dict[str, str]) -> None:
    browser.sign_in("herd", nora["herd"])
    assert "follow people for you" not in browser.page.words
    account = str(account_of(browser, "herd")["id"])
    asked = browser.leave_for("herd", account=account, purpose="follow", next="/reconnect")
    assert "follow people for you" in asked.words
    assert browser.allow(nora["herd"]).path == "/reconnect"
    assert account_of(browser, "herd")["grants"] == ["follow"]
    # Signing in again asks for less and takes nothing away.
    browser.sign_in("herd", nora["herd"])
    assert account_of(browser, "herd")["grants"] == ["follow"]


def test_only_ones_own_account_can_be_asked_for(
    house: House, browser: Browser, nora: dict[str, str], elif_: dict[str, str]
) -> None:
    other = house.new_browser()
    other.sign_in("herd", elif_["herd"])
    theirs = str(account_of(other, "herd")["id"])
    assert browser.leave_for("herd", account=theirs).status == 401
    browser.sign_in("herd", nora["herd"])
    mine = str(account_of(browser, "herd")["id"])
    assert browser.leave_for("herd", account=theirs).status == 404
    assert browser.leave_for("herd", account="invented").status == 404
    assert browser.leave_for("sky", account=mine).status == 404


NOT_OURS = [
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "/matches/../../evil",
    "/matches?x=1",
    "/matchesevil",
    "javascript:alert(1)",
]


def test_only_pages_of_ours_come_next(house: House, nora: dict[str, str]) -> None:
    house.new_browser().sign_in("bird", nora["bird"])
    for next_path in NOT_OURS:
        browser = house.new_browser()
        browser.get(f"/sign-in?next={next_path}")
        form, _, _ = browser.find("Sign in with Bird")
        assert form.fields["next"] == "/", next_path
        browser.leave_for("bird", next=next_path)
        back = browser.way_back(nora["bird"])
        assert browser.ask("GET", back).headers["location"] == "/", next_path


@pytest.mark.parametrize("path", ["/my-data", "/settings/mail", "/reconnect/ledger"])
def test_who_was_signed_out_goes_on_where_they_were(
    house: House, nora: dict[str, str], path: str
) -> None:
    house.new_browser().sign_in("bird", nora["bird"])
    browser = house.new_browser()
    (way,) = re.findall(r'href="(/sign-in[^"]*)"', browser.get(path).text)
    browser.get(way)
    browser.press("Sign in with Bird")
    assert browser.allow(nora["bird"]).path == path


def type_wrong(browser: Browser) -> Answer:
    """Name a server that is not there; return the page that says so and still holds what was typed."""
    answer = browser.press("Sign in with Herd", typed="nowhere.example", at="/auth/herd/")
    assert answer.status == 400
    form, _, _ = browser.find("Sign in with Herd")
    assert form.fields["typed"] == "nowhere.example"
    return answer


def test_what_was_typed_wrong_is_said_where_it_was_typed(browser: Browser) -> None:
    browser.get("/sign-in")
    assert "There is no such server" in type_wrong(browser).words


def test_what_was_typed_wrong_while_linking_is_said_on_the_page_of_accounts(
    browser: Browser, nora: dict[str, str]
) -> None:
    browser.sign_in("bird", nora["bird"])
    browser.get("/accounts")
    answer = type_wrong(browser)
    assert "Your accounts There is no such server" in answer.words
    assert answer.text.count('id="typed-herd"') == 1
    assert browser.press("Sign in with Herd", typed=MEADOW, at="/auth/herd/").status == 200
    assert browser.allow(nora["herd"]).path == "/accounts"


def test_who_says_no_while_linking_goes_back_to_their_accounts(
    browser: Browser, nora: dict[str, str]
) -> None:
    browser.sign_in("bird", nora["bird"])
    browser.leave_for("herd", MEADOW)
    answer = browser.press("Do not allow")
    assert "You did not allow it" in answer.words
    assert 'href="/sign-in"' not in answer.text
    assert "See your accounts" in answer.words


def test_a_network_that_is_away_is_named_and_nothing_is_changed(
    house: House, browser: Browser, nora: dict[str, str]
) -> None:
    browser.leave_for("herd", MEADOW)
    house.world.fail_next("herd", "token", Fault.DOWN)
    answer = browser.allow(nora["herd"])
    assert answer.status == 502
    assert "session" not in browser.cookies
    assert browser.sign_in("herd", nora["herd"]).path == "/welcome"


def test_a_network_that_is_not_here_has_no_door(browser: Browser) -> None:
    assert browser.leave_for("nobody").status == 404
    assert browser.get("/auth/nobody/callback?state=x").status == 400


def test_the_address_at_the_network_carries_nothing_but_an_opaque_state(
    browser: Browser, nora: dict[str, str]
) -> None:
    browser.sign_in("bird", nora["bird"])
    begun = browser.leave_for("sky", nora["sky"], next="/matches")
    (state,) = parse_qs(urlsplit(begun.url).query)["state"]
    assert len(state) >= 43
    assert "matches" not in begun.url
    assert str(me(browser)["user_id"]) not in begun.url
