"""Our server is killed twice while it follows people at real servers, and ends with the right follows.

The first time the follows exist and nothing of ours says so yet; the second time one is being asked for. The members at
the PDS are put into our database, not signed in one by one: a repository takes follows of anybody, and two batches
of them are wanted here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import ColumnElement, func, select, text

from lab import servers
from openportability import app
from openportability.accounts import service as accounts
from openportability.accounts import store as account_store
from openportability.clock import SystemClock
from openportability.consent import service as consent
from openportability.consent.rules import Choice
from openportability.db.engine import Database, Tx
from openportability.db.schema import reconnections
from openportability.domain import Actor, ActorId, NetworkName, Proof
from openportability.settings import Settings
from openportability.site import Site
from tests.browsing import Browser
from tests.journeys.real.hero import Hero
from tests.journeys.real.town import Citizen, archive_of, follows_of, town
from tests.journeys.steps import choose, hand_over, ledger, read, until
from tests.real import pds

pytestmark = pytest.mark.slow

#: More than one call takes (200).
AT_THE_PDS = 250
NEXT_DOOR = 8


def test_killed_twice_in_mid_run_each_follow_is_made_exactly_once(
    atproto: servers.Atproto,
    snacs: tuple[servers.Snac, servers.Snac],
    database_url: str,
    db: Database,
    tmp_path: Path,
) -> None:
    with town(atproto, snacs, tmp_path, DATABASE_URL=database_url, MASTODON_GAP_SECONDS=0.5) as (
        place,
        server,
    ):
        neighbours = [place.person(mastodon=number % 2) for number in range(NEXT_DOOR)]
        numbers = place.strangers(AT_THE_PDS)
        dids = [pds.made_up_did() for _ in numbers]
        enrol(server.settings, numbers, dids, neighbours)
        server.start()
        browser = Browser(server.url)
        hero = Hero(place, place.person(bluesky=True, mastodon=0), browser)
        by_hand = dids[17]
        record = hero.repository.writes_by_hand(by_hand)

        hero.sign_in()
        choose(browser, found="nobody", standing="off", pace="full")
        known = [*numbers, *(one.number for one in neighbours)]
        archive = archive_of(hero.who, tmp_path, [*known, *place.strangers(300)], known[::2])
        hand_over(browser, archive.read_bytes())
        everybody = AT_THE_PDS + NEXT_DOOR
        until(lambda: read(browser, "/matches")["totals"]["all"], lambda n: n == everybody)
        plan = hero.plan()
        hero.allow(plan)
        hero.start(plan)

        until(lambda: asked(db, "bluesky"), bool, pause=0.002)
        with nothing_recorded(db) as tx:
            until(lambda: len(pds.follows(atproto.pds[0], hero.repository.did)), lambda n: n > 1)
            server.kill()
            assert followed(tx, "bluesky") == 0
            before = followed(tx, "mastodon")
        server.start(wait=False)

        until(lambda: made(db, "mastodon"), lambda now: now > before, pause=0.002)
        until(lambda: asked(db, "mastodon"), bool, pause=0.002)
        with nothing_recorded(db) as tx:
            server.kill()
            assert before < followed(tx, "mastodon") < NEXT_DOOR
        server.start()

        hero.await_done()
        assert follows_of(hero.repository) == Counter(dids)
        assert pds.subject_of(hero.repository.home, hero.repository.did, record) == by_hand
        addresses = Counter(one.mastodon.address for one in neighbours if one.mastodon)
        until(hero.followed_neighbours, lambda now: now >= addresses)
        assert hero.followed_neighbours() == addresses
        rows = ledger(browser)
        assert rows.pop(("bluesky", by_hand)) == "already"
        assert len(rows) == everybody - 1
        assert {rows["bluesky", did] for did in dids if did != by_hand} == {"followed"}
        # Next door it is a request at first, looked at after five minutes.
        assert set(rows.values()) <= {"followed", "requested"}


def enrol(
    settings: dict[str, str],
    numbers: Sequence[int],
    dids: Sequence[str],
    neighbours: Sequence[Citizen],
) -> None:
    """Put members into our database, as their sign-ins would."""
    site = app.build(Settings.read(settings), SystemClock())
    with site.db.write() as tx:
        for number, did in zip(numbers, dids, strict=True):
            enrol_one(tx, site, number, "bluesky", did, f"member{number}.test", "localhost")
        for one in neighbours:
            assert one.mastodon is not None
            host = urlsplit(one.mastodon.url).netloc
            enrol_one(
                tx, site, one.number, "mastodon", one.mastodon.actor_id, one.mastodon.address, host
            )
    site.engine.close()
    site.db.close()


def enrol_one(
    tx: Tx, site: Site, number: int, network: str, actor_id: str, handle: str, instance: str
) -> None:
    user = account_store.create_user(tx, site.vault, "en", site.clock.now())
    for name, number_there, called, where in (
        ("x", str(number), f"x{number}", "x.com"),
        (network, actor_id, handle, instance),
    ):
        actor = Actor(
            network=NetworkName(name),
            instance=where,
            id=ActorId(number_there),
            handle=called,
            name=called,
            seen_at=site.clock.now(),
        )
        key = accounts.key_of(site, actor.network, actor.id)
        account_store.add_account(tx, user, actor, key, Proof.PROVED)
    consent.choose(tx, site, user, Choice.FOUND, "anyone", locale="en", how="test")


@contextmanager
def nothing_recorded(db: Database) -> Iterator[Tx]:
    """Keep everybody else from writing to the ledger: what is done now remains unrecorded."""
    with db.write() as tx:  # on SQLite that is enough
        if tx.dialect.name == "postgresql":
            tx.execute(text("LOCK TABLE reconnections IN EXCLUSIVE MODE"))
        yield tx


def followed(tx: Tx, network: str) -> int:
    """Count the follows that the ledger knows to be made."""
    made = reconnections.c.state.in_(("followed", "requested"))
    return count(tx, reconnections.c.network == network, made)


def made(db: Database, network: str) -> int:
    """Count the follows that the ledger knows to be made."""
    with db.read() as tx:
        return followed(tx, network)


def asked(db: Database, network: str) -> int:
    """Count the follows that are being asked for, or were when we died."""
    with db.read() as tx:
        return count(
            tx,
            reconnections.c.network == network,
            reconnections.c.state == "ready",
            reconnections.c.asked_at.is_not(None),
        )


def count(tx: Tx, *conditions: ColumnElement[bool]) -> int:
    rows: int = tx.execute(
        select(func.count()).select_from(reconnections).where(*conditions)
    ).scalar_one()
    return rows
