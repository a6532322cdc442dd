"""Everything about a person can be taken out, read by others, and brought to another site."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from openportability.clock import MovedClock
from openportability.consent.rules import Choice
from openportability.db.schema import METADATA
from openportability.domain import Deed, Found, Kind, Standing
from openportability.errors import Invalid
from openportability.graph import store as lists
from openportability.privacy import form
from openportability.privacy.parts import PART_OF_TABLE, ConsentPart, Document
from openportability.reconnection.rules import Origin, State
from tests.house import House, opened
from tests.journeys.neighbourhood import Neighbour, Neighbourhood
from tests.journeys.steps import read
from tests.postgresql import Cluster
from tests.privacy.exports import TO, exported, send, unzipped


@pytest.fixture(scope="module")
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture(scope="module")
def two(
    tmp_path_factory: pytest.TempPathFactory, postgresql: Cluster, clock: MovedClock
) -> Iterator[list[House]]:
    """Two sites that know nothing of each other, one on each database, but have the same networks."""
    with ExitStack() as stack:
        folders = [tmp_path_factory.mktemp(name) for name in ("one", "other")]
        urls = [f"sqlite:///{folders[0] / 'site.db'}", stack.enter_context(postgresql.as_new())]
        yield [
            stack.enter_context(opened(folder, url, clock))
            for folder, url in zip(folders, urls, strict=True)
        ]


@pytest.fixture(scope="module")
def alice(two: list[House]) -> Neighbour:
    """She has lists, blocks, choices, a ledger of several states and a session for a program."""
    place = Neighbourhood(two[0])
    alice, bob = place.friends()
    new = place.somebody()
    for one in (bob, new):
        place.join(one)
    place.join(alice, found="confirmed", standing="ask")
    place.bring(alice, following=[bob, new], followers=[new])
    place.reconnect(alice)
    alice.browser.post("/settings/tokens", {"name": "my program"})
    return alice


def test_every_table_of_a_person_has_its_part(two: list[House]) -> None:
    theirs = {table.name for table in METADATA.sorted_tables if "user_id" in table.columns}
    assert set(PART_OF_TABLE) == theirs | {"users"}
    fields = set(Document.__dataclass_fields__)
    # Whom they avoid is told from the same sets as whom they found.
    assert {part for part in PART_OF_TABLE.values() if part} == fields - {
        *("version", "site", "avoided")
    }


def test_an_export_fits_its_published_schema(two: list[House], alice: Neighbour) -> None:
    files = unzipped(alice.browser)
    published = two[0].new_browser().api("GET", "/export/schema").json()
    assert json.loads(files[form.SCHEMA_NAME]) == published
    told = json.loads(files[form.NAME])
    assert (
        set(told) == set(published["properties"]) == {*published["required"], "avoided", "copies"}
    )
    assert form.to_json(form.read(files[form.NAME])[0]) == files[form.NAME]


def test_an_export_holds_everything_and_no_secret(two: list[House], alice: Neighbour) -> None:
    taken = exported(alice.browser)
    assert {one.handle for one in taken.accounts} == {alice.old_handle, alice.new_handle}
    assert [(one.kind, len(one.ids)) for one in taken.lists] == [
        (Kind.FOLLOWERS, 1),
        (Kind.FOLLOWING, 2),
    ]
    assert [(one.purpose, one.value) for one in taken.consents] == [
        ("found", Found.CONFIRMED),
        ("standing", Standing.ASK),
    ]
    assert {row.state for row in taken.ledger} == {State.FOLLOWED, State.ALREADY}
    assert {one.name for one in taken.sessions} >= {"my program"}
    assert taken.matches
    assert taken.archives
    text = form.to_json(taken).decode()
    for cookie in alice.browser.cookies.values():
        assert cookie not in text


def test_the_same_state_gives_the_same_bytes(two: list[House], alice: Neighbour) -> None:
    first, second = (alice.browser.api("GET", "/export").body for _ in range(2))
    assert first == second


KINDS = {"following": "People you follow", "followers": "People who follow you"}


def test_the_page_shows_it_and_offers_it(two: list[House], alice: Neighbour) -> None:
    page = alice.browser.get("/my-data")
    assert alice.old_handle in page.words
    assert "Only people my own archive confirms" in page.words
    taken = exported(alice.browser)
    told = (
        f"Places of people you found {len(taken.matches)} Plans {len(taken.plans)} "
        f"Reports of archives {len(taken.archives)}"
    )
    assert told in page.words
    for one in taken.lists:
        assert f"{KINDS[one.kind]} {one.network.title()} · {len(one.ids)}" in page.words
    assert "for 730 days" in page.words
    assert 'href="/my-data/export"' in page.text
    assert alice.browser.get("/my-data/export").body[:2] == b"PK"


def test_the_page_opens_no_list(
    two: list[House], alice: Neighbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*_: object) -> None:
        raise AssertionError("a list was opened to be counted")

    monkeypatch.setattr(lists, "_opened", opened)
    assert alice.browser.get("/my-data").status == 200


def test_another_site_takes_over_lists_choices_and_ledger(
    two: list[House], alice: Neighbour
) -> None:
    before = exported(alice.browser)
    taken = alice.browser.api("GET", "/export").body
    browser = two[1].new_browser()
    browser.sign_in("bird", alice.old_handle)
    browser.sign_in("sky", alice.new_handle)
    done = send(browser, "/api/v1/imports/openportability", taken, choices="true")
    assert (done.status, done.json()["lists"], done.json()["left"]) == (201, 2, 0)
    after = exported(browser)
    assert [replace(one, imported_at=None) for one in after.lists] == [  # type: ignore[arg-type]  # when differs
        replace(one, imported_at=None)  # type: ignore[arg-type]  # when differs
        for one in before.lists
    ]
    chosen = (after.member.found, after.member.standing, after.member.pace)
    assert chosen == (before.member.found, before.member.standing, before.member.pace)
    # What was said there came along as it was said; what holds here was said by this import.
    said = ["elsewhere", "elsewhere", "import", "import"]
    assert [one.how for one in after.consents] == said
    assert [replace(one, how="") for one in after.consents[:2]] == [
        replace(one, how="") for one in before.consents
    ]
    assert "said to another site" in browser.get("/my-data").words
    # What was followed there stands here as it was, as history.
    assert {row.origin for row in after.ledger} == {Origin.ELSEWHERE}
    came = {"origin": Origin.ELSEWHERE, "seen_at": None, "instance": None}
    assert [replace(row, **came) for row in after.ledger] == [  # type: ignore[arg-type]  # of several types
        replace(row, **came)  # type: ignore[arg-type]  # of several types
        for row in before.ledger
    ]
    # To take back is only what was made by the site that is asked.
    offers = ["Undo everything" in one.get("/reconnect").words for one in (alice.browser, browser)]
    assert offers == [True, False]
    # A second time changes nothing; and on the way back the lists are the same still.
    send(browser, "/api/v1/imports/openportability", taken, choices="true")
    assert exported(browser).ledger == after.ledger
    assert [one.how for one in exported(browser).consents] == said
    back = form.to_json(replace(exported(browser), ledger=()))
    assert send(alice.browser, "/api/v1/imports/openportability", back).json()["lists"] == 2
    assert [one.ids for one in exported(alice.browser).lists] == [one.ids for one in before.lists]


def test_what_was_said_elsewhere_holds_for_nothing_here(two: list[House]) -> None:
    somebody = list(Neighbourhood(two[1])._settled())[9]
    browser = somebody.browser
    browser.sign_in("bird", somebody.old_handle)
    taken = exported(browser)
    at = two[1].clock.now()
    said = ConsentPart(
        purpose=Choice.FOUND, value="anyone", wording="0", locale="en", how="page", at=at
    )
    forged = replace(taken, consents=(said,), member=replace(taken.member, found=Found.ANYONE))
    body = form.to_json(forged)
    done = send(browser, "/api/v1/imports/openportability", body, choices="true")
    assert (done.status, done.json()["choices"]) == (201, 0)
    assert read(browser, "/consents") == {}
    assert exported(browser).member.found is Found.NOBODY


def test_choices_come_only_if_the_person_says_so(two: list[House], alice: Neighbour) -> None:
    somebody = list(Neighbourhood(two[1])._settled())[7]
    browser = somebody.browser
    browser.sign_in("bird", somebody.old_handle)
    page = browser.get("/my-data")
    (to_import,) = [one for one in page.forms if one.action == "/my-data/import"]
    assert to_import.fields == {}
    body = form.to_json(replace(exported(alice.browser), accounts=(), lists=(), ledger=()))
    assert send(browser, "/my-data/import", body).status == 303
    assert read(browser, "/consents") == {}


def test_a_file_makes_us_follow_nobody_and_tells_nothing(
    two: list[House], alice: Neighbour
) -> None:
    """A made-up file: rows to be sent, an account of another member, hashed ids, and names of members."""
    taken = exported(alice.browser)
    row = replace(taken.ledger[0], state=State.READY, reason=None)
    forged = replace(taken, ledger=(row,), matches=())
    somebody = list(Neighbourhood(two[0])._settled())[7]
    mallory = somebody.browser
    mallory.sign_in("bird", somebody.old_handle)
    done = send(mallory, "/api/v1/imports/openportability", form.to_json(forged))
    # Alice's accounts are hers here: nothing of the file is taken for Mallory's.
    assert done.json() == {"lists": 0, "follows": 0, "choices": 0, "left": 2, "unknown": 0}
    assert two[0].turn() >= 0
    assert read(mallory, "/reconnection/ledger")["items"] == []


def test_what_was_not_done_is_not_wanted(two: list[House], alice: Neighbour) -> None:
    taken = exported(alice.browser)
    rows = tuple(replace(row, state=State.READY, reason=None) for row in taken.ledger)
    browser = two[1].new_browser()
    place = Neighbourhood(two[1])
    other = list(place._settled())[8]
    browser.sign_in("sky", other.new_handle)
    mine = replace(taken.accounts[0], network="sky", actor_id=other.new_id, handle=other.new_handle)
    rows = tuple(replace(row, by_actor_id=other.new_id) for row in rows)
    forged = replace(taken, accounts=(mine,), ledger=rows, lists=())
    done = send(browser, "/api/v1/imports/openportability", form.to_json(forged))
    assert done.json()["follows"] == len(rows)
    before = place.follows(other)
    two[1].clock.forward(hours=1)
    two[1].turn()
    assert place.follows(other) == before
    assert {row.state for row in exported(browser).ledger} == {State.CANCELLED}


def test_blocks_come_over_as_blocks(two: list[House], alice: Neighbour) -> None:
    other = list(Neighbourhood(two[1])._settled())[6]
    browser = other.browser
    browser.sign_in("sky", other.new_handle)
    row = next(row for row in exported(alice.browser).ledger if row.state is State.FOLLOWED)
    block = replace(row, deed=Deed.BLOCK, by_actor_id=other.new_id, handle="troll.example")
    mine = exported(browser).accounts
    brought = replace(exported(alice.browser), accounts=mine, ledger=(block,), lists=())
    assert send(browser, TO, form.to_json(brought)).json()["follows"] == 1
    (after,) = exported(browser).ledger
    assert (after.deed, after.state, after.actor_id) == (Deed.BLOCK, State.FOLLOWED, row.actor_id)
    assert unzipped(browser)["sky/blocks.csv"] == b"troll.example\n"
    assert "Who was blocked for you blocked 1" in browser.get("/my-data").words


@pytest.mark.parametrize(
    "body", [b"", b"PK\x03\x04 torn", b"{}", b"[]", b'{"version": 1}', b"\xff\xfe", b"null"]
)
def test_what_is_no_export_is_refused_in_words(body: bytes) -> None:
    with pytest.raises(Invalid, match=r"import\.unreadable"):
        form.read(body)


@pytest.mark.parametrize("spoilt", [("+00:00", ""), ('"en"', '"e\\u0000n"')])
def test_what_no_database_keeps_is_refused_in_words(
    two: list[House], alice: Neighbour, spoilt: tuple[str, str]
) -> None:
    text = form.to_json(exported(alice.browser)).decode().replace('Z"', '+00:00"')
    assert spoilt[0] in text
    with pytest.raises(Invalid, match=r"import\.unreadable"):
        form.read(text.replace(*spoilt).encode())
