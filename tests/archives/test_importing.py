"""Lists from a linked account: read page by page, or from exported files."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from openportability.accounts import grant_store, service, store
from openportability.archives import handles, importing, jobs
from openportability.archives import store as fetch_store
from openportability.archives.fetch import Fetch, FetchState
from openportability.archives.gather import Upload
from openportability.archives.report import Report
from openportability.archives.rules import Caps
from openportability.clock import MovedClock
from openportability.domain import Account, Actor, ActorId, Found, Grant, Kind, Proof, UserId
from openportability.errors import (
    Invalid,
    NetworkError,
    NotFound,
    SignedOut,
    Throttled,
    Unavailable,
)
from openportability.graph import store as graph
from openportability.network import Page, Source
from openportability.networks.mastodon.lists import list_files
from openportability.site import Site
from openportability.web.words import WORDS
from tests.archives.conftest import HERD, HOME, Member, network
from tests.examples import few

Browser = Callable[[UserId], TestClient]
ORIGIN = {"Origin": HOME, "Sec-Fetch-Site": "same-origin"}
HEAD = "Account address,Show boosts,Notify on new posts,Languages\n"


class Scripted:
    """A server whose lists come in pages of two, and which fails when told to."""

    kinds: tuple[Kind, ...] = (Kind.FOLLOWING, Kind.FOLLOWERS, Kind.BLOCKED)
    gap_seconds = 0.0

    def __init__(self) -> None:
        self.lists: dict[Kind, list[str]] = {kind: [] for kind in self.kinds}
        self.asked: list[tuple[Kind, str | None]] = []
        self.failures: dict[str | None, list[NetworkError]] = {}

    def page(self, grant: Grant, kind: Kind, cursor: str | None) -> Page:
        self.asked.append((kind, cursor))
        if waiting := self.failures.get(cursor):
            raise waiting.pop(0)
        start = int(cursor or 0)
        found = self.lists[kind]
        more = str(start + 2) if start + 2 < len(found) else None
        return Page(actors=frozenset(map(ActorId, found[start : start + 2])), cursor=more)


@pytest.fixture
def server() -> Scripted:
    return Scripted()


@pytest.fixture
def site(site: Site, server: Scripted) -> Site:
    source = Source(lists=server, files=list_files(development=False))
    herd = replace(network(HERD, source), numeric_ids=False)
    return replace(site, networks={**site.networks, HERD: herd})


@pytest.fixture
def ada(site: Site, member: Member) -> Account:
    user = member()
    with site.db.write() as tx:
        (account,) = store.accounts_of(tx, user)
        grant = Grant(
            network=HERD,
            instance="herd.example",
            actor_id=account.actor.id,
            scopes=frozenset({"read"}),
            can_follow=True,
        )
        key = store.personal_key(tx, site.vault, user)
        grant_store.put_grant(tx, key, user, account.id, grant, site.clock.now())
        store.see_actor(tx, account.id, replace(account.actor, handle="ada@herd.example"))
        (account,) = store.accounts_of(tx, user)
    return account


def somebody(
    site: Site,
    actor_id: str,
    handle: str,
    *,
    found: Found = Found.ANYONE,
    proof: Proof = Proof.PROVED,
) -> None:
    """Let somebody sign in whose server names its people in its own way, or claim to be somebody."""
    now = site.clock.now()
    actor = Actor(
        network=HERD, instance="", id=ActorId(actor_id), handle=handle, name="", seen_at=now
    )
    with site.db.write() as tx:
        user = store.create_user(tx, site.vault, "en", now)
        store.choose(tx, user, found=found)
        key = service.key_of(site, HERD, actor.id)
        store.add_account(tx, user, actor, key, proof)


def keys(site: Site, *actors: str) -> list[int]:
    return sorted(service.key_of(site, HERD, ActorId(actor)) for actor in actors)


def kept(site: Site, account: Account, kind: Kind) -> list[int] | None:
    with site.db.read() as tx:
        key = store.personal_key(tx, site.vault, account.user)
        found = graph.open_list(tx, key, account.user, account.id, kind)
    return None if found is None else found.tolist()


def begin(site: Site, account: Account, *also: Kind) -> Fetch:
    return importing.begin(site, account.user, HERD, also=frozenset(also))


def turn(site: Site) -> Fetch:
    """Do what is due, and return how it stands."""
    (job,), (chore,) = jobs.work(site)
    for wake in chore.look():
        job.run(wake.key)
    with site.db.read() as tx:
        (fetch,) = fetch_store.fetches_of(tx, UserId(1)).values()
    return fetch


def bring(site: Site, account: Account, *files: tuple[str, str], also: bool = False) -> Report:
    chosen = [Upload(name=name, file=io.BytesIO(text.encode())) for name, text in files]
    kinds = frozenset({Kind.BLOCKED, Kind.MUTED} if also else ())
    _, made = importing.accept_files(site, account.user, HERD, chosen, also=kinds)
    return made


def test_lists_are_read_page_by_page_and_kept_as_keys_of_actor_ids(
    site: Site, server: Scripted, ada: Account
) -> None:
    server.lists[Kind.FOLLOWING] = ["https://a/1", "https://a/2", "https://a/3"]
    server.lists[Kind.FOLLOWERS] = ["https://a/3"]
    assert begin(site, ada).state is FetchState.READING
    done = turn(site)
    assert (done.state, done.count) == (FetchState.DONE, 4)
    assert kept(site, ada, Kind.FOLLOWING) == keys(
        site, "https://a/1", "https://a/2", "https://a/3"
    )
    assert kept(site, ada, Kind.FOLLOWERS) == keys(site, "https://a/3")
    assert kept(site, ada, Kind.BLOCKED) is None
    assert {kind for kind, _ in server.asked} == {Kind.FOLLOWING, Kind.FOLLOWERS}


def test_blocks_are_read_only_when_asked_for(site: Site, server: Scripted, ada: Account) -> None:
    server.lists[Kind.BLOCKED] = ["https://a/9"]
    begin(site, ada, Kind.BLOCKED)
    turn(site)
    assert kept(site, ada, Kind.BLOCKED) == keys(site, "https://a/9")


def test_what_was_read_before_a_failure_is_not_asked_again(
    site: Site, server: Scripted, ada: Account, clock: MovedClock
) -> None:
    server.lists[Kind.FOLLOWING] = [f"https://a/{n}" for n in range(6)]
    until = clock.now() + timedelta(minutes=5)
    server.failures["4"] = [Throttled(until)]
    begin(site, ada)
    stopped = turn(site)
    assert (stopped.state, stopped.reason, stopped.count) == (
        FetchState.READING,
        "net.throttled",
        4,
    )
    assert stopped.next_at == until
    assert kept(site, ada, Kind.FOLLOWING) is None
    assert turn(site) == stopped
    clock.forward(minutes=6)
    assert turn(site).state is FetchState.DONE
    assert server.asked.count((Kind.FOLLOWING, None)) == 1
    assert len(kept(site, ada, Kind.FOLLOWING) or []) == 6


def test_a_worker_that_was_killed_leaves_a_reading_that_goes_on(
    site: Site, server: Scripted, ada: Account, clock: MovedClock
) -> None:
    begin(site, ada)
    with site.db.write() as tx:
        assert fetch_store.lease_fetch(tx, ada.id, "killed", clock.now())
    assert turn(site).state is FetchState.READING
    clock.forward(minutes=3)
    assert turn(site).state is FetchState.DONE


def test_a_server_that_stays_away_is_given_up_at_last_and_a_lost_grant_at_once(
    site: Site, server: Scripted, ada: Account, clock: MovedClock
) -> None:
    server.failures[None] = [Unavailable() for _ in range(20)]
    begin(site, ada)
    for _ in range(10):
        stands = turn(site)
        clock.forward(hours=1)
    assert (stands.state, stands.next_at) == (FetchState.FAILED, None)
    server.failures[None] = [SignedOut("net.scope_missing")]
    begin(site, ada)
    stands = turn(site)
    assert (stands.state, stands.reason) == (FetchState.FAILED, "net.scope_missing")


def test_a_network_that_was_switched_off_is_not_asked(site: Site, ada: Account) -> None:
    begin(site, ada)
    assert importing.due(site) == [ada.id]
    assert importing.due(replace(site, networks={})) == []


def test_beginning_twice_reads_once(site: Site, server: Scripted, ada: Account) -> None:
    assert begin(site, ada) == begin(site, ada)
    turn(site)
    assert server.asked.count((Kind.FOLLOWING, None)) == 1


def test_handles_become_the_ids_of_members_and_else_the_usual_ones(
    site: Site, ada: Account
) -> None:
    somebody(site, "https://odd.example/ap/users/77", "bea@odd.example")
    made = bring(
        site,
        ada,
        ("following_accounts.csv", f"{HEAD}bea@odd.example,true\n@cy@far.example,true\ndan\n"),
    )
    assert kept(site, ada, Kind.FOLLOWING) == keys(
        site,
        "https://odd.example/ap/users/77",
        "https://far.example/users/cy",
        "https://herd.example/users/dan",
    )
    assert [(file.count, file.skipped) for file in made.read] == [(3, 0)]
    assert (made.way, made.is_first) == ("files", True)


@pytest.mark.parametrize("found", [Found.CONFIRMED, Found.NOBODY])
def test_who_is_not_found_by_anyone_is_not_told_by_what_becomes_of_a_file(
    site: Site, ada: Account, found: Found
) -> None:
    """Their names are known to everybody: that a list with one of them became another would say that they are here."""
    named = ("following_accounts.csv", f"{HEAD}bea@odd.example,true\n")
    bring(site, ada, named)
    absent = kept(site, ada, Kind.FOLLOWING)
    somebody(site, "https://odd.example/ap/users/77", "bea@odd.example", found=found)
    made = bring(site, ada, named)
    assert kept(site, ada, Kind.FOLLOWING) == absent
    assert (made.added, made.removed) == (0, 0)


def test_a_handle_that_a_claim_bears_leads_to_nobody(
    site: Site, ada: Account, clock: MovedClock
) -> None:
    """An export of another site may claim any account under any handle: whom one follows is not theirs to say."""
    somebody(site, "https://far.example/users/cy", "cy@far.example")
    clock.forward(hours=1)
    mallory = "https://evil.example/users/mallory"
    somebody(site, mallory, "cy@far.example", proof=Proof.CLAIMED)
    bring(site, ada, ("following_accounts.csv", f"{HEAD}cy@far.example,true\n"))
    assert kept(site, ada, Kind.FOLLOWING) == keys(site, "https://far.example/users/cy")


def test_repeated_and_odd_lines_are_counted(site: Site, ada: Account) -> None:
    text = f"\ufeff{HEAD}a@b.example\r\nA b@c\r\na@B.example\r\n\r\nc@d.example\r\n"
    made = bring(site, ada, ("following_accounts (1).csv", text))
    (file,) = made.read
    assert (file.count, file.duplicates, file.skipped) == (4, 1, 1)
    assert [notice.code for notice in made.warnings] == ["import.skipped_rows"]


def test_blocks_and_mutes_of_files_come_only_when_ticked(site: Site, ada: Account) -> None:
    blocked = ("blocked_accounts.csv", "x@y.example\n")
    muted = ("export.csv", "Account address,Hide notifications\nz@y.example,true\n")
    with pytest.raises(Invalid, match="not_ticked"):
        bring(site, ada, blocked, muted)
    bring(site, ada, blocked, muted, also=True)
    assert kept(site, ada, Kind.BLOCKED) == keys(site, "https://y.example/users/x")
    assert kept(site, ada, Kind.MUTED) == keys(site, "https://y.example/users/z")


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("bookmarks.csv", "#uri\nhttps://a/1\n", "import.wrong_kind"),
        ("following_accounts.csv", "<html>\n<body>\n", "import.unreadable"),
        ("following_accounts.csv", "\0\1\2", "import.unreadable"),
        ("following_accounts.csv", "a@b.example\n" + "x" * 10_000_000, "import.unreadable"),
        ("following_accounts.csv", '"' + "a\n" * 100_000, "import.unreadable"),
        ("following_accounts.csv", "a@b.example\n" * 200_001, "archive.limits"),
    ],
    ids=["another list", "a page", "no letters", "a long line", "an open quote", "too many"],
)
def test_what_is_no_such_file_is_refused_and_nothing_is_stored(
    site: Site, ada: Account, name: str, text: str, code: str
) -> None:
    with pytest.raises(Invalid) as caught:
        bring(site, ada, (name, text))
    assert caught.value.code == code
    assert kept(site, ada, Kind.FOLLOWING) is None


@given(
    st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)),
    st.sampled_from([b"", HEAD.encode(), b"\xef\xbb\xbf", b'"', b"a@b.example\n"]),
)
@few(100)
def test_any_bytes_are_handles_or_an_error_with_a_name(body: bytes, front: bytes) -> None:
    upload = Upload(name="following_accounts.csv", file=io.BytesIO(front + body))
    form = list_files(development=False)
    code = "import.unreadable"
    try:
        handles.read(form, [upload], "a@b.example", also=frozenset(), caps=Caps())
    except Invalid as error:
        code = error.code
    assert code in WORDS


def test_invalid_letters_are_refused(site: Site, ada: Account) -> None:
    upload = Upload(name="following_accounts.csv", file=io.BytesIO(b"a@b.example\n\xff\xfe\n"))
    with pytest.raises(Invalid, match="unreadable"):
        importing.accept_files(site, ada.user, HERD, [upload], also=frozenset())


def test_somebody_elses_account_is_not_found(site: Site, ada: Account, member: Member) -> None:
    with pytest.raises(NotFound):
        importing.begin(site, member(), HERD, also=frozenset(), account=ada.id)


def test_pages_offer_read_and_tell(
    site: Site, server: Scripted, ada: Account, browser: Browser
) -> None:
    server.lists[Kind.FOLLOWING] = ["https://a/1"]
    client = browser(ada.user)
    page = client.get("/archive").text
    assert "Read my lists there" in page
    assert page.count("button--main") == 2  # one waits hidden, for what the browser has read
    assert client.post("/archive/from/herd", headers=ORIGIN).status_code == 303
    assert "0 people so far" in client.get("/archive").text
    done = turn(site)
    assert done.report
    assert "1 person was read" in client.get("/archive").text
    told = client.get("/api/v1/imports/herd").json()["items"]
    assert [(one["state"], one["count"]) for one in told] == [("done", 1)]
    report = client.get(f"/archive/{told[0]['archive_id']}").text
    assert "Your lists were read" in report
    assert "compared with those you brought before" not in report
    answer = client.post("/api/v1/imports/herd", headers=ORIGIN)
    assert (answer.status_code, answer.json()["state"]) == (202, "reading")


def test_files_are_taken_by_page_and_api_and_refused_in_words(
    site: Site, ada: Account, browser: Browser
) -> None:
    client = browser(ada.user)
    good = {"file": ("following_accounts.csv", f"{HEAD}a@b.example,true\n".encode())}
    bad = {"file": ("bookmarks.csv", b"#uri\n")}
    answer = client.post("/api/v1/imports/herd", files=good, headers=ORIGIN)
    assert (answer.status_code, answer.json()["report"]["added"]) == (201, 1)
    answer = client.post("/archive/from/herd/files", files=good, headers=ORIGIN)
    assert "compared with those" in client.get(answer.headers["location"]).text
    answer = client.post("/archive/from/herd/files", files=bad, headers=ORIGIN)
    assert answer.status_code == 400
    assert "another kind of list: bookmarks.csv" in answer.text
    answer = client.post("/api/v1/imports/herd", files=bad, headers=ORIGIN)
    assert (answer.status_code, answer.json()["code"]) == (400, "import.wrong_kind")


def test_a_reading_goes_with_its_account(site: Site, ada: Account) -> None:
    begin(site, ada)
    with site.db.write() as tx:
        importing.end_account(tx, site, ada)
        assert fetch_store.fetches_of(tx, ada.user) == {}
