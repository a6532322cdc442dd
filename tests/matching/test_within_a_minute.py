"""Who links a second account is a match for those who followed it, within a minute, with either engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import sleep

import numpy as np
import pytest

from openportability.accounts import store as accounts
from openportability.clock import EPOCH, monotonic
from openportability.domain import Actor, ActorId, Found, Key, Kind, NetworkName, Proof, UserId
from openportability.graph import store as lists
from openportability.jobs.port import Wake
from openportability.matching import jobs
from openportability.matching import service as matching
from openportability.site import Site
from tests.house import House

BIRD, HERD = NetworkName("bird"), NetworkName("herd")
BOB = 1234567890123456789
OTHERS = (BOB + 1, BOB + 2)
MINUTE = 60


def test_a_second_account_is_a_match_at_the_next_look(house: House) -> None:
    site = house.site
    alice, bob = _join(site, BIRD, 1), _join(site, HERD, 2)
    _follow(site, alice, [BOB])
    house.turn()
    assert _seen_by(site, alice) == {}
    # No wake: the worst case, in which the process that took the link died right after.
    _link(site, bob, BIRD, BOB)
    house.turn()
    assert _seen_by(site, alice) == {bob: {"bird", "herd"}}
    (look,) = (chore for chore in jobs.work(site)[1] if chore.name == "people-arrived")
    assert look.seconds <= 30


@pytest.mark.slow
@pytest.mark.usefixtures("breath")
def test_a_running_worker_makes_it_a_match_within_a_minute(house: House) -> None:
    site = house.site
    alice, bob, *others = (
        _join(site, network, at) for at, network in enumerate([BIRD, *[HERD] * 3])
    )
    _follow(site, alice, [BOB, *OTHERS])
    with _working(site):
        for other, number in zip(others, OTHERS, strict=True):
            _link(site, other, BIRD, number)
        site.engine.wake(Wake(job="people-arrived", key="all"))
        _wait_until(lambda: _seen_by(site, alice).keys() == set(others))
        # The worker takes a breath after several people, and nobody wakes it for this one.
        _link(site, bob, BIRD, BOB)
        _wait_until(lambda: _seen_by(site, alice).get(bob) == {"bird", "herd"})


@contextmanager
def _working(site: Site) -> Iterator[None]:
    """Let a worker run as it does for who runs a site."""
    stop = Event()
    worker = Thread(target=site.engine.run, args=(stop,))
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join(MINUTE)
        assert not worker.is_alive()


def _wait_until(is_so: Callable[[], bool]) -> None:
    end = monotonic() + MINUTE
    while not is_so():
        assert monotonic() < end, "a minute went by"
        sleep(0.1)


def _join(site: Site, network: NetworkName, number: int) -> UserId:
    with site.db.write() as tx:
        user = accounts.create_user(tx, site.vault, "en", site.clock.now())
        accounts.choose(tx, user, found=Found.ANYONE)
    _link(site, user, network, number)
    return user


def _link(site: Site, user: UserId, network: NetworkName, number: int) -> None:
    actor = Actor(
        network=network,
        instance=f"{network}.example",
        id=ActorId(str(number)),
        handle=f"person{number}",
        name="",
        seen_at=EPOCH,
    )
    with site.db.write() as tx:
        accounts.add_account(tx, user, actor, Key(number), Proof.PROVED)


def _follow(site: Site, user: UserId, numbers: list[int]) -> None:
    with site.db.write() as tx:
        (account,) = accounts.accounts_of(tx, user)
        key = accounts.personal_key(tx, site.vault, user)
        of = lists.ListOf(user=user, network=BIRD, kind=Kind.FOLLOWING, account=account.id)
        keys = np.array(numbers, np.uint64)
        lists.put_list(tx, key, of, keys, taken_at=None, imported_at=site.clock.now())


def _seen_by(site: Site, user: UserId) -> dict[UserId, set[str]]:
    with site.db.read() as tx:
        return {
            match.user: {account.actor.network for account in match.accounts}
            for match in matching.matches_of(tx, site, user)
        }
