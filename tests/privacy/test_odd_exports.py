"""A file that says it is an export: made up, torn, of a newer site, or made to bring us down."""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from pydantic import ValidationError

from openportability.domain import Found, Kind, Pace, Proof, Standing, UserId
from openportability.errors import Invalid, NotAllowed
from openportability.privacy import bringing, form
from openportability.privacy.parts import AccountPart, Document, LedgerPart, ListPart, MemberPart
from openportability.reconnection.rules import Origin, State
from tests.house import House
from tests.journeys.neighbourhood import NEW, OLD, Neighbourhood
from tests.journeys.steps import choose, matched, read
from tests.privacy.exports import TO, exported, send

AT = datetime(2026, 1, 1, tzinfo=UTC)
NOBODY = Document(
    version=1,
    site="https://elsewhere.example",
    member=MemberPart(
        created_at=AT,
        seen_at=AT,
        locale="en",
        found=Found.NOBODY,
        standing=Standing.OFF,
        pace=Pace.NORMAL,
    ),
    accounts=(),
    consents=(),
    lists=(),
    archives=(),
    matches=(),
    plans=(),
    ledger=(),
    lanes=(),
    sessions=(),
    answers=(),
    mail=None,
)
FOLLOWED = LedgerPart(
    network=NEW,
    by_actor_id="",
    actor_id="",
    handle="who.example",
    instance="",
    seen_at=AT,
    state=State.FOLLOWED,
    reason=None,
    origin=Origin.MANUAL,
    rank=0,
    record=None,
    moved=False,
    shown=False,
    asked_at=AT,
    attempts=0,
    at=AT,
)
LIST = ListPart(
    network=OLD,
    actor_id="1",
    kind=Kind.FOLLOWING,
    taken_at=AT,
    imported_at=AT,
    keyed=False,
    ids=("7",),
)


def account(network: str, actor_id: str) -> AccountPart:
    return AccountPart(
        network=network,
        instance="",
        actor_id=actor_id,
        handle=f"handle{actor_id}",
        name="",
        avatar=None,
        seen_at=AT,
        proof=Proof.CLAIMED,
        can_follow=False,
    )


def tree(document: Document) -> Any:
    return json.loads(form.to_json(document))


KINDS = {str(number): "" for number in range(200)}


@pytest.mark.parametrize("entry", [{}, 0, {"decisions": KINDS}])
def test_the_faults_of_a_million_entries_are_not_listed(entry: object) -> None:
    for part in fields(Document):
        bomb = tree(NOBODY) | {part.name: [entry] * 100}
        with pytest.raises(ValidationError) as caught:
            form._FORM.validate_json(json.dumps(bomb))
        assert caught.value.error_count() < 40, part.name


@pytest.mark.parametrize("value", ["{}", "[]", "0"])
def test_more_values_than_anybody_has_are_refused_before_they_are_parsed(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form, "_MOST_OF", dict.fromkeys(form._MOST_OF, 100))
    crowd = ",".join([value] * 102)
    body = form.to_json(NOBODY).replace(b'"mail": null', f'"more":[{crowd}],"mail":null'.encode())
    with pytest.raises(Invalid, match=r"import\.unreadable"):
        form.read(body)


def test_a_torn_zip_is_refused_in_words() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr(form.NAME, form.to_json(NOBODY) * 20)
    chance = Random(1)
    for _ in range(1500):
        torn = bytearray(made.getvalue())
        for _ in range(chance.randint(1, 3)):
            torn[chance.randrange(4, len(torn))] = chance.randrange(256)
        with pytest.raises(Invalid, match=r"import\.unreadable"):
            form.read(bytes(torn))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda all_: all_["ledger"][0].update(rank=2**70),
        lambda all_: all_["ledger"][0].update(attempts=-(2**40)),
        lambda all_: all_["ledger"][0].update(at="0001-01-01T00:00:00+14:00"),
        lambda all_: all_["ledger"][0].update(asked_at="9999-12-31T23:59:59-14:00"),
        lambda all_: all_["ledger"][0].update(handle="a" * 10_000),
        lambda all_: all_["lists"][0].update(ids=["1" * 5000]),
        lambda all_: all_["lists"][0].update(taken_at=1e300),
    ],
)
def test_what_no_database_holds_is_refused_in_words(spoil: Callable[[Any], None]) -> None:
    made_up = tree(replace(NOBODY, ledger=(FOLLOWED,), lists=(LIST,)))
    spoil(made_up)
    with pytest.raises(Invalid, match=r"import\.unreadable"):
        form.read(json.dumps(made_up).encode())


@pytest.fixture
def place(house: House) -> Neighbourhood:
    return Neighbourhood(house)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_words_of_a_newer_site_are_left_out_and_counted(place: Neighbourhood) -> None:
    one = place.somebody()
    one.browser.sign_in(OLD, one.old_handle)
    mine = replace(LIST, actor_id=str(one.number))
    newer = tree(replace(NOBODY, accounts=exported(one.browser).accounts, lists=(mine, mine)))
    said = {"value": "yes", "wording": "1", "locale": "en", "how": "page", "at": AT.isoformat()}
    newer["consents"] = [said | {"purpose": "research"}, said | {"purpose": "found"}]
    newer["lists"][1]["kind"] = "named"
    body = json.dumps(newer).encode()
    done = send(one.browser, TO, body, choices="true")
    assert done.json() == {"lists": 1, "follows": 0, "choices": 1, "left": 0, "unknown": 2}, body
    assert [said.purpose for said in exported(one.browser).consents if said.how == "elsewhere"] == [
        "found"
    ]
    send(one.browser, "/my-data/import", body)
    assert "Left out, as this site does not know it: 2." in one.browser.get("/my-data").words


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_who_leaves_while_their_file_is_read_is_gone(house: House) -> None:
    mine = form.to_json(replace(NOBODY, accounts=(account(OLD, "1000"),)))
    with pytest.raises(NotAllowed):
        bringing.bring(house.site, UserId(10**9), mine, choices=True, locale="en")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_long_ledger_comes_in_portions_and_in_its_order(
    place: Neighbourhood, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bringing, "_AT_ONCE", 2)
    one = place.somebody()
    one.browser.sign_in(NEW, one.new_handle)
    ours = replace(FOLLOWED, by_actor_id=one.new_id)
    rows = tuple(replace(ours, actor_id=f"did:sim:{number}") for number in range(5))
    body = form.to_json(replace(NOBODY, ledger=rows))
    assert [send(one.browser, TO, body).json()["follows"] for _ in range(2)] == [5, 0]
    brought = exported(one.browser).ledger
    assert [row.actor_id for row in brought] == [row.actor_id for row in rows]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_file_claims_no_crowd(house: House, place: Neighbourhood) -> None:
    one = place.somebody()
    one.browser.sign_in(NEW, one.new_handle)
    for first in (1000, 2000):
        crowd = tuple(account(OLD, str(number)) for number in range(first, first + 50))
        body = form.to_json(replace(NOBODY, accounts=crowd))
        assert send(one.browser, TO, body).status == 201
    claimed = [it for it in read(one.browser, "/me")["accounts"] if it["network"] == OLD]
    assert [it["actor_id"] for it in claimed] == [str(number) for number in range(1000, 1005)]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_file_sends_nobody_to_an_account_that_was_not_proved(place: Neighbourhood) -> None:
    """Mallory is who alice followed, and brings a file that says where she lives now: at a stranger's."""
    alice, mallory, stranger = (place.somebody() for _ in range(3))
    mallory.browser.sign_in(OLD, mallory.old_handle)
    choose(mallory.browser, found="anyone", standing="off")
    claims = (account(NEW, stranger.new_id),)
    made_up = form.to_json(replace(NOBODY, accounts=claims))
    assert send(mallory.browser, TO, made_up).status == 201
    place.join(alice)
    place.bring(alice, following=[mallory])
    assert matched(alice.browser) == {(OLD, str(mallory.number))}
    page = alice.browser.get(place.plan(alice))
    assert not any(one.action.endswith("/start") for one in page.forms)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_a_file_says_we_followed_is_neither_taken_back_nor_tried_again(
    house: House, place: Neighbourhood
) -> None:
    alice, friend = place.friends()
    new, stranger = place.somebody(), place.somebody()
    for one in (friend, new):
        place.join(one)
    place.join(alice)
    place.bring(alice, following=[new])
    place.reconnect(alice)
    before = place.follows(alice)
    assert before[friend.new_id] == before[new.new_id] == 1
    ours = replace(FOLLOWED, by_actor_id=alice.new_id)
    rows = (
        replace(ours, actor_id=friend.new_id),
        replace(ours, actor_id=friend.new_id, state=State.UNDOING),
        replace(ours, actor_id=stranger.new_id, state=State.REFUSED, reason="net.refused"),
        replace(ours, actor_id=new.new_id, state=State.GONE),
    )
    assert send(alice.browser, TO, form.to_json(replace(NOBODY, ledger=rows))).status == 201
    page = alice.browser.get("/reconnect/ledger")
    assert [one.action for one in page.forms].count("/reconnect/undo") == 1, "her own alone"
    told = read(alice.browser, "/reconnection/ledger")["items"]
    forged = [row["id"] for row in told if row["origin"] == "elsewhere"]
    assert len(forged) == 3, "two rows are about one"
    done = alice.browser.api("POST", "/reconnection/undo", {"scope": "rows", "ids": forged})
    assert done.json() == {"undoing": 0}
    for number in forged:
        alice.browser.post("/reconnect/undo", {"row": number})
        alice.browser.post("/reconnect/retry", {"row": number})
    alice.browser.post("/reconnect/retry")
    place.later()
    assert place.follows(alice) == before
    assert alice.browser.api("POST", "/reconnection/undo", {"scope": "all"}).status == 202
    place.later()
    assert place.follows(alice) == before - Counter([new.new_id])
