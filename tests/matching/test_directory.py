"""The directory in memory says what the rows say, whatever happened since it was last asked."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from openportability.accounts import line_store
from openportability.accounts import store as accounts
from openportability.accounts.people import Listed
from openportability.clock import MovedClock
from openportability.db.engine import Database, Tx
from openportability.domain import Found, Key, Proof
from openportability.matching.directory import FOUND, Directories, Directory
from openportability.privacy import service as privacy
from openportability.site import Site
from tests import cast
from tests.cast import NEW, OLD, actor_of


@pytest.fixture
def site(db: Database, clock: MovedClock) -> Site:
    return cast.make_site(db, clock)


def test_it_follows_who_joins_links_hides_unlinks_and_leaves(site: Site) -> None:
    held = Directories()
    alice, bob = (cast.join(site, OLD, number) for number in (1, 2))
    agrees(site, held)
    second = cast.join(site, NEW, 7, user=alice.user)
    agrees(site, held)
    cast.be_found(site, alice.user, Found.NOBODY)
    agrees(site, held)
    cast.unlink(site, second)
    agrees(site, held)
    privacy.leave(site, bob.user)
    agrees(site, held)
    assert agrees(site, Directories()).lines.account.tolist() == [alice.id]


def test_what_is_rolled_back_is_seen_by_nobody_else(site: Site) -> None:
    held = Directories()
    alice = cast.join(site, OLD, 1)
    agrees(site, held)
    with suppress(ZeroDivisionError), site.db.write() as tx:
        accounts.add_account(tx, alice.user, actor_of(OLD, 5), Key(5), Proof.PROVED)
        assert held.as_of(tx, site.vault).lines.key.tolist() == [1, 5]
        raise ZeroDivisionError
    agrees(site, held)
    # The number that was given back goes to somebody else, who must not be missed.
    cast.join(site, OLD, 6)
    agrees(site, held)


def test_a_new_name_reaches_every_process(site: Site) -> None:
    here, there = Directories(), Directories()
    alice = cast.join(site, OLD, 1)
    agrees(site, here)
    before = agrees(site, there)
    for name, changes in (("Aaron", True), ("Aaron", False)):
        with site.db.write() as tx:
            accounts.see_actor(tx, alice.id, replace(alice.actor, name=name))
        agrees(site, here)
        now = agrees(site, there)
        assert (now.lines.name.tolist() != before.lines.name.tolist()) is changes
        assert (now.edition != before.edition) is changes
        before = now


@pytest.mark.parametrize("count", [0, 1, 3, 50])
def test_keys_are_found_whether_few_or_many_are_asked(site: Site, count: int) -> None:
    users = {number: cast.join(site, OLD, number).user for number in (2, 3, 2**63 + 1)}
    cast.join(site, NEW, 3)
    asked = np.array([*range(1, 1 + count), 2**63 + 1], np.uint64)
    with site.db.read() as tx:
        directory = Directories().as_of(tx, site.vault)
    found = directory.lines.user[directory.holding(OLD, asked)]
    assert sorted(found.tolist()) == sorted(
        user for number, user in users.items() if number in asked.tolist()
    )


def agrees(site: Site, held: Directories) -> Directory:
    """Check that a directory holds what the rows say, and return it."""
    with site.db.read() as tx:
        directory = held.as_of(tx, site.vault)
        wanted = {
            (line.account, line.user, line.network, line.key, line.seq, line.proof, line.found)
            for line in rows(tx)
        }
    lines = directory.lines
    assert wanted == {
        (account, user, directory.networks[network], key, seq,
         Proof.PROVED if proved else Proof.CLAIMED, FOUND[found])
        for account, user, network, key, seq, proved, found in zip(
            lines.account.tolist(), lines.user.tolist(), lines.network.tolist(),
            lines.key.tolist(), lines.seq.tolist(), lines.proved.tolist(), lines.found.tolist(),
            strict=True,
        )
    }  # fmt: skip
    return directory


def rows(tx: Tx) -> list[Listed]:
    return line_store.listed_since(tx, 0)
