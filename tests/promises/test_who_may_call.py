"""Each object × each actor × each verb: what is one person's is nobody else's.

There is no operator among the actors: the site has no page or call for one, so an operator is a visitor,
or a member like any other. Their own page is another program's, on loopback: tests/operation/test_desk.py.
"""

from __future__ import annotations

import io
import re
import zipfile

import pytest
from fastapi import APIRouter, FastAPI

from openportability import app as house_of_parts
from openportability.accounts import session_store
from openportability.accounts import store as accounts
from openportability.accounts.session_store import SessionKind
from openportability.archives import store as archives
from openportability.domain import AccountId
from tests.browsing import Browser
from tests.house import House
from tests.journeys.neighbourhood import Neighbour, Neighbourhood
from tests.journeys.steps import read
from tests.promises.routes import Called, all_routes

#: Pages that visitors open too, told apart by who asks: none shows a visitor anything of a member.
FOR_VISITORS = {
    "GET /",
    "GET /sign-in",
    "POST /sign-out",
    "POST /auth/{network}/start",
    "GET /auth/{network}/callback",
    "GET /auth/{network}/callback/{place}",
    "GET /api/v1/networks",
    "GET /never-list-me",
    "GET /numbers",
    "GET /never-list-me/lift",
}


#: What is somebody's, and the addresses by which it is reached.
OBJECTS = {
    "list": r"/archive.*|/api/v1/(archives|imports).*",
    "match": r"(/api/v1)?/matches.*",
    "plan": r"/reconnect/plan.*|/api/v1/plans.*",
    "row": r"/reconnect(/(progress|ledger|pause|resume|stop|undo|retry|accept|refuse|file.*))?|/api/v1/reconnection.*",
    "consent": r"/settings(/mail.*)?|/welcome|/api/v1/(consents|standing)",
    "session": r"/settings/tokens.*|/sessions/.*|/sign-out-everywhere",
    "export": r"/my-data.*|/api/v1/(export|imports/openportability)",
    "account": r"/accounts.*|/leave|/merge.*|/api/v1/(me|accounts.*)",
}


@pytest.fixture(scope="module")
def place(shared_house: House) -> Neighbourhood:
    return Neighbourhood(shared_house)


@pytest.fixture(scope="module")
def alice(place: Neighbourhood) -> Neighbour:
    """She has lists, a match, a plan, a row in the ledger, a token and a second account."""
    alice, bob = place.somebody(), place.somebody()
    place.join(bob)
    place.join(alice, found="nobody")
    place.bring(alice, following=[bob])
    place.reconnect(alice)
    alice.browser.post("/settings/tokens", {"name": "mine"})
    return alice


@pytest.fixture(scope="module")
def mallory(place: Neighbourhood) -> Neighbour:
    """Another member, with nothing of their own."""
    mallory = place.somebody()
    place.join(mallory, found="nobody")
    return mallory


@pytest.fixture(scope="module")
def left(place: Neighbourhood) -> Browser:
    """The browser of somebody who left, with the cookie they had."""
    one = place.somebody()
    place.join(one, found="nobody")
    kept = dict(one.browser.cookies)
    one.browser.post("/leave")
    one.browser.cookies = kept
    return one.browser


def routes(shared_house: House) -> list[Called]:
    return all_routes(house_of_parts.web(shared_house.site))


def owned(shared_house: House, one: Neighbour) -> dict[str, str]:
    """Return ids of what is somebody's, by the name of the part of an address."""
    me = read(one.browser, "/me")
    plan = one.browser.api("POST", "/plans", {"scope": "all"}).json()["plan_id"]
    ledger = read(one.browser, "/reconnection/ledger")["items"]
    matches = read(one.browser, "/matches?state=all")["items"]
    site, now = shared_house.site, shared_house.clock.now()
    with site.db.read() as tx:
        number = AccountId(site.vault.read_id("account", me["accounts"][0]["id"]))
        account = accounts.account(tx, number)
        assert account is not None
        browsers = session_store.sessions_of(tx, account.user, SessionKind.BROWSER, now)
        programs = session_store.sessions_of(tx, account.user, SessionKind.API, now)
        report = archives.newest(tx, account.user)
    assert report is not None
    return {
        "account_id": me["accounts"][0]["id"],
        "plan_id": plan,
        "row": ledger[0]["id"],
        "match": matches[0]["match_id"],
        "session": site.vault.show_id("session", browsers[0].id),
        "token": site.vault.show_id("session", programs[0].id),
        "report": site.vault.show_id("archive", report),
    }


def state_of(one: Neighbour) -> list[object]:
    """Return all that a person sees of what is theirs."""
    paths = ("/me", "/consents", "/matches?state=all", "/reconnection", "/reconnection/ledger")
    seen: list[object] = [read(one.browser, path) for path in paths]
    pages = [one.browser.get(page).text for page in ("/accounts", "/settings/tokens")]
    return [*seen, *(sorted(re.findall(r'action="([^"]+)"', page)) for page in pages)]


def opened_up(body: bytes) -> bytes:
    """Return an answer as it is, or what is in its zip."""
    if not body.startswith(b"PK"):
        return body
    with zipfile.ZipFile(io.BytesIO(body)) as zipped:
        return b"".join(zipped.read(name) for name in zipped.namelist())


def test_every_route_says_who_may_call_it(shared_house: House) -> None:
    assert [str(one) for one in routes(shared_house) if not one.who] == []


def test_a_route_that_says_nothing_is_seen() -> None:
    router = APIRouter()
    router.add_api_route("/secret", lambda: "of somebody")
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(router)
    assert [(str(one), one.who) for one in all_routes(app)] == [("GET /secret", "")]


def test_what_visitors_may_call_is_known(shared_house: House) -> None:
    assert {str(one) for one in routes(shared_house) if one.who == "visitor"} == FOR_VISITORS


def test_every_route_of_members_is_about_an_object_of_the_matrix(shared_house: House) -> None:
    """So the tests below, which go by routes, meet each object by each verb; a new kind must be named."""
    of_members = [one for one in routes(shared_house) if one.who == "member"]
    about = {
        str(one): [name for name, path in OBJECTS.items() if re.fullmatch(path, one.path)]
        for one in of_members
    }
    assert [route for route, found in about.items() if not found] == []
    for name in OBJECTS:
        verbs = {route.partition(" ")[0] for route, found in about.items() if name in found}
        assert "GET" in verbs, name
        assert verbs & {"POST", "PUT", "DELETE"}, name


def test_a_visitor_and_who_left_get_nothing_by_any_verb(shared_house: House, left: Browser) -> None:
    for one in routes(shared_house):
        if one.who != "member":
            continue
        path = re.sub(r"\{\w+\}", "aaaaaaaaaaaaaaaaaaaaaaaaaa", one.path)
        for browser in (shared_house.new_browser(), left):
            answer = browser.ask(one.method, path, headers={"Sec-Fetch-Site": "same-origin"})
            assert answer.status == 401, (str(one), answer.status)


def test_nobody_s_ids_open_for_another_member(
    shared_house: House, alice: Neighbour, mallory: Neighbour
) -> None:
    ids = owned(shared_house, alice)
    before = state_of(alice)
    pages = {
        "account_id": ids["account_id"],
        "plan_id": ids["plan_id"],
        "shown_id": ids["session"],
    }
    asked = 0
    for one in routes(shared_house):
        names = re.findall(r"\{(\w+)\}", one.path)
        # The name of a network is nobody's id.
        if one.who != "member" or not names or names == ["network"]:
            continue
        tries = [pages]
        if "shown_id" in names:
            tries = [{**pages, "shown_id": one_of_hers} for one_of_hers in ids.values()]
        for known in tries:
            path = one.path
            for name in names:
                path = path.replace(f"{{{name}}}", known.get(name, "x"))
            answer = mallory.browser.ask(
                one.method, path, headers={"Sec-Fetch-Site": "same-origin"}
            )
            # To end what is not there is done already: the same answer whoever's it is.
            ended = one.path.endswith("/end") and answer.status == 303
            assert answer.status in {400, 404} or ended, (str(one), answer.status)
            assert alice.old_handle not in answer.text
            asked += 1
    assert asked > 5
    assert state_of(alice) == before


def test_nobody_s_ids_mean_anything_in_another_s_request(
    shared_house: House, alice: Neighbour, mallory: Neighbour
) -> None:
    ids = owned(shared_house, alice)
    before = state_of(alice)
    for path, body in (
        ("/matches/dismiss", {"match_ids": [ids["match"]]}),
        ("/matches/restore", {"match_ids": [ids["match"]]}),
        ("/plans", {"scope": "selection", "match_ids": [ids["match"]]}),
    ):
        assert mallory.browser.api("POST", path, body).status == 404
    undone = mallory.browser.api(
        "POST", "/reconnection/undo", {"scope": "rows", "ids": [ids["row"]]}
    )
    assert undone.json() == {"undoing": 0}
    for verb in ("pause", "resume"):
        assert mallory.browser.api("POST", f"/reconnection/{verb}").status == 202
    assert mallory.browser.api("POST", "/reconnection/undo", {"scope": "all"}).status == 202
    mallory.browser.api("PUT", "/consents", {"found": "nobody", "standing": "off"})
    assert state_of(alice) == before


def test_what_a_member_reads_is_their_own(
    shared_house: House, alice: Neighbour, mallory: Neighbour
) -> None:
    """Every page and call without an id, read by another member: no word of Alice, who is not to be found."""
    hers = (alice.old_handle, alice.new_handle, alice.new_id)
    for one in routes(shared_house):
        if one.method != "GET" or "{" in one.path:
            continue
        answer = mallory.browser.get(one.path)
        assert answer.status < 500, str(one)
        if not one.path.startswith(("/_simulated", "/source")):
            assert not [word for word in hers if word.encode() in opened_up(answer.body)], str(one)


def test_an_owner_reads_what_is_hers(shared_house: House, alice: Neighbour) -> None:
    ids = owned(shared_house, alice)
    for path in (
        f"/api/v1/plans/{ids['plan_id']}/rows",
        f"/reconnect/plans/{ids['plan_id']}",
        "/api/v1/me",
        "/matches",
        "/reconnect/ledger",
    ):
        assert alice.browser.get(path).status == 200, path


def test_a_token_for_programs_opens_no_page(shared_house: House, alice: Neighbour) -> None:
    alice.browser.get("/settings/tokens")
    made = alice.browser.post("/settings/tokens", {"name": "another"})
    token = re.search(r"[A-Za-z0-9_-]{43}", made.text)
    assert token is not None
    program = shared_house.new_browser()
    assert program.api("GET", "/me", token=token[0]).status == 200
    bearer = {"Authorization": f"Bearer {token[0]}"}
    assert program.ask("GET", "/accounts", headers=bearer).status == 401
    cookie = shared_house.new_browser()
    cookie.cookies = {"session": token[0]}
    assert cookie.ask("GET", "/accounts").status == 401
