from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import select, update

from openportability.accounts import line_store, service, session_store, store
from openportability.accounts.session_store import Flow, SessionKind
from openportability.clock import MovedClock
from openportability.db.schema import flows, sessions
from openportability.domain import Found, Key, Pace, Proof, Purpose, Standing, UserId
from openportability.errors import Conflict, Invalid
from openportability.site import Site
from tests.accounts.conftest import AddAccount, actor_of
from tests.accounts.desk import HERD

# --- users and accounts ---------------------------------------------------------------------------


def test_a_new_user_is_found_by_nobody_and_nothing_happens_by_itself(
    site: Site, user: UserId
) -> None:
    with site.db.read() as tx:
        made = store.user(tx, user)
    assert made is not None
    assert (made.found, made.standing, made.pace) == (Found.NOBODY, Standing.OFF, Pace.NORMAL)


def test_every_user_has_a_key_of_their_own(site: Site, user: UserId) -> None:
    with site.db.write() as tx:
        other = store.create_user(tx, site.vault, "fr", site.clock.now())
        mine = store.personal_key(tx, site.vault, user)
        theirs = store.personal_key(tx, site.vault, other)
    assert mine.open(mine.seal(b"x", "place"), "place") == b"x"
    assert mine.block("kind", 1) != theirs.block("kind", 1)


@pytest.mark.parametrize("key", [0, 1, 2**63 - 1, 2**63, 2**64 - 1])
def test_keys_of_all_sizes_come_back(site: Site, user: UserId, key: int) -> None:
    with site.db.write() as tx:
        made = store.add_account(tx, user, actor_of("ann", site), Key(key), Proof.PROVED)
        again = store.account(tx, made.id)
        (listed,) = line_store.listed_of(tx, [user])
    assert again == made
    assert (listed.account, listed.key) == (made.id, key)


def test_an_actor_is_proved_once_whoever_asks_first(site: Site, add: AddAccount) -> None:
    add("ann")
    with site.db.write() as tx:
        other = store.create_user(tx, site.vault, "en", site.clock.now())
    with pytest.raises(store.HeldMeanwhile):
        add("ann", of=other)
    claimed = add("ann", of=other, proof=Proof.CLAIMED)
    with pytest.raises(store.HeldMeanwhile), site.db.write() as tx:
        store.prove(tx, claimed.id)
    with pytest.raises(store.HeldMeanwhile):
        add("ann", of=other, proof=Proof.CLAIMED)


def test_a_proof_and_a_choice_let_the_next_sweep_meet_an_account(
    site: Site, user: UserId, add: AddAccount
) -> None:
    first, second = add("ann", proof=Proof.CLAIMED), add("bea")
    with site.db.read() as tx:
        seen = line_store.newest_seq(tx)
        assert line_store.listed_since(tx, seen, limit=10) == []
    with site.db.write() as tx:
        store.prove(tx, first.id)
    with site.db.read() as tx:
        (listed,) = line_store.listed_since(tx, seen, limit=10)
        assert (listed.account, listed.proof) == (first.id, Proof.PROVED)
        seen = line_store.newest_seq(tx)
    with site.db.write() as tx:
        store.meet_again(tx, user)
    with site.db.read() as tx:
        # Both share a number: they come together, however few are asked for.
        met = {listed.account for listed in line_store.listed_since(tx, seen, limit=1)}
    assert met == {first.id, second.id}


def test_a_rename_changes_the_handle_and_not_the_account(site: Site, add: AddAccount) -> None:
    account = add("ann")
    renamed = actor_of("ann", site)
    with site.db.write() as tx:
        store.see_actor(tx, account.id, replace(renamed, handle="@new"))
        found = store.account(tx, account.id)
    assert found is not None
    assert (found.actor.handle, found.actor.id) == ("@new", "ann")


def test_a_name_is_kept_without_what_no_database_takes(site: Site, add: AddAccount) -> None:
    account = add("alice")
    odd = replace(account.actor, name="A\x00l\ud800ice\x1b \u0646")
    with site.db.write() as tx:
        store.see_actor(tx, account.id, odd)
        kept = store.account(tx, account.id)
    assert kept is not None
    assert kept.actor.name == "Alice \u0646"


@pytest.mark.parametrize("odd", ["\x00", "\ud800", "\n", "x" * 1_000_000])
def test_what_a_server_says_of_picture_and_number_never_breaks_a_sign_in(
    site: Site, add: AddAccount, odd: str
) -> None:
    account = add("alice")
    said = replace(account.actor, avatar=f"https://pictures.example/{odd}", number=f"7{odd}")
    with site.db.write() as tx:
        store.see_actor(tx, account.id, said)
        kept = store.account(tx, account.id)
    assert kept is not None
    assert kept.actor.avatar is None
    assert (kept.actor.number or "").rstrip("x") == "7"


def test_a_claim_is_the_same_whoever_else_has_or_claims_the_account(
    site: Site, user: UserId, add: AddAccount
) -> None:
    mine = add("ann")
    with site.db.write() as tx:
        others = [store.create_user(tx, site.vault, "en", site.clock.now()) for _ in range(2)]
        assert service.claim(tx, site, user, mine.actor) == mine
        claims = [service.claim(tx, site, other, mine.actor) for other in others]
        again = service.claim(tx, site, others[0], mine.actor)
        holder = store.account_of_actor(tx, HERD, mine.actor.id, or_claimed_by=others[0])
        free = service.claim(tx, site, others[0], actor_of("bea", site))
        unheld = store.account_of_actor(tx, HERD, free.actor.id, or_claimed_by=others[1])
    assert {claim.proof for claim in claims} == {Proof.CLAIMED} == {free.proof}
    assert again == claims[0]
    assert holder == mine
    assert unheld is None


def test_the_last_account_one_can_sign_in_with_stays(site: Site, add: AddAccount) -> None:
    proved, claimed = add("ann"), add("bea", proof=Proof.CLAIMED)
    with pytest.raises(Conflict) as caught, site.db.write() as tx:
        service.unlink(tx, site, proved)
    assert caught.value.code == "auth.last_account"
    with site.db.write() as tx:
        service.unlink(tx, site, claimed)


def test_two_accounts_unlinked_at_once_are_not_both_gone(
    site: Site, user: UserId, add: AddAccount
) -> None:
    both = [add("ann"), add("bea")]
    start = Barrier(2)

    def unlink(number: int) -> None:
        start.wait(10)
        with suppress(Conflict), site.db.write() as tx:
            service.unlink(tx, site, both[number])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(unlink, range(2)))
    with site.db.read() as tx:
        assert len(store.accounts_of(tx, user)) == 1


# --- sessions -------------------------------------------------------------------------------------


def open_session(site: Site, user: UserId, kind: SessionKind = SessionKind.BROWSER) -> bytes:
    with site.db.write() as tx:
        token = service.sign_in(tx, site, user, kind=kind, name="Firefox, Linux")
    return site.vault.token_hash(token)


def found(site: Site, token_hash: bytes) -> session_store.Session | None:
    with site.db.read() as tx:
        known = session_store.asking(tx, token_hash, site.clock.now())
        return known and known[0]


def test_a_session_ends_when_nobody_used_it_for_thirty_days(
    site: Site, user: UserId, clock: MovedClock
) -> None:
    token = open_session(site, user)
    clock.forward(days=29)
    session = found(site, token)
    assert session is not None
    with site.db.write() as tx:
        session_store.note_use(tx, session.id, clock.now())
    clock.forward(days=29)
    assert found(site, token) is not None
    clock.forward(days=1, seconds=1)
    assert found(site, token) is None


def test_what_is_stored_of_a_session_opens_nothing(site: Site, user: UserId) -> None:
    with site.db.write() as tx:
        token = service.sign_in(tx, site, user, kind=SessionKind.API, name="")
        stored = tx.execute(select(sessions.c.token_hash)).scalar_one()
    assert token.encode() not in stored
    assert found(site, site.vault.token_hash(stored.hex())) is None
    assert found(site, token.encode()) is None


def test_a_session_is_ended_by_its_owner_only(site: Site, user: UserId) -> None:
    token = open_session(site, user)
    session = found(site, token)
    assert session is not None
    with site.db.write() as tx:
        other = store.create_user(tx, site.vault, "en", site.clock.now())
        assert not session_store.end_session(tx, other, session.id)
    assert found(site, token) is not None
    with site.db.write() as tx:
        assert session_store.end_session(tx, user, session.id)
    assert found(site, token) is None


def test_what_ended_is_listed_no_more_and_forgotten_in_time(
    site: Site, user: UserId, clock: MovedClock
) -> None:
    open_session(site, user)
    clock.forward(days=31)
    open_session(site, user)
    with site.db.read() as tx:
        listed = session_store.sessions_of(tx, user, SessionKind.BROWSER, clock.now())
    assert len(listed) == 1
    site.engine.turn()
    with site.db.read() as tx:
        assert len(tx.execute(select(sessions)).all()) == 1


# --- sign-ins under way ---------------------------------------------------------------------------

FLOW = Flow(
    network=HERD,
    purpose=Purpose.FOLLOW,
    browser="ab12",
    user=UserId(7),
    expected=None,
    next="/reconnect",
    secret={"verifier": "only we know"},
)


def test_a_sign_in_under_way_is_taken_once(site: Site, clock: MovedClock) -> None:
    with site.db.write() as tx:
        session_store.open_flow(tx, site.vault, b"state", FLOW, clock.now())
        assert b"verifier" not in tx.execute(select(flows.c.sealed)).scalar_one()
    with site.db.write() as tx:
        taken = session_store.take_flow(tx, site.vault, b"state")
    assert taken is not None
    flow, ends_at = taken
    assert flow == FLOW
    assert ends_at - clock.now() < timedelta(minutes=10)
    with site.db.write() as tx:
        assert session_store.take_flow(tx, site.vault, b"state") is None


def test_a_sign_in_that_was_put_in_the_place_of_another_opens_nothing(
    site: Site,
) -> None:
    urls = [begun(site, browser) for browser in ("mallory", "ann")]
    mine, hers = (url.partition("state=")[2] for url in urls)
    places = [site.vault.token_hash(state) for state in (mine, hers)]
    with site.db.write() as tx:
        theirs = select(flows.c.sealed).where(flows.c.state_hash == places[0])
        swapped = update(flows).where(flows.c.state_hash == places[1])
        tx.execute(swapped.values(sealed=tx.execute(theirs).scalar_one()))
        assert session_store.next_of(tx, site.vault, places[1]) == ""
    with pytest.raises(Invalid, match=r"auth\.replayed"):
        service.finish(
            *(site, HERD, {"state": hers, "code": "ann"}), browser="mallory", user=None, locale="en"
        )
    answer = {"state": mine, "code": "ann"}
    service.finish(site, HERD, answer, browser="mallory", user=None, locale="en")


def begun(site: Site, browser: str) -> str:
    """Return where a browser goes that begins to sign in."""
    return service.begin(
        *(site, HERD),
        typed="",
        purpose=Purpose.IDENTIFY,
        browser=browser,
        user=None,
        expected=None,
        next_path="/",
        language="en",
    )


def test_of_two_who_bring_the_same_state_one_is_served(site: Site, clock: MovedClock) -> None:
    with site.db.write() as tx:
        session_store.open_flow(tx, site.vault, b"state", FLOW, clock.now())
    start = Barrier(2)

    def take(_: int) -> bool:
        start.wait(10)
        with site.db.write() as tx:
            return session_store.take_flow(tx, site.vault, b"state") is not None

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(take, range(2))) == [False, True]


def test_sign_ins_that_nobody_finished_are_forgotten(site: Site, clock: MovedClock) -> None:
    with site.db.write() as tx:
        session_store.open_flow(tx, site.vault, b"state", FLOW, clock.now())
    clock.forward(minutes=10, seconds=1)
    site.engine.turn()
    with site.db.read() as tx:
        assert tx.execute(select(flows)).all() == []


def test_a_user_who_just_did_something_was_seen(
    site: Site, user: UserId, clock: MovedClock
) -> None:
    clock.forward(days=3)
    with site.db.write() as tx:
        assert store.hold(tx, user, clock.now())
        assert not store.hold(tx, UserId(user + 1), clock.now())
        seen = store.user(tx, user)
    assert seen is not None
    assert clock.now() - seen.seen_at < timedelta(minutes=1)
