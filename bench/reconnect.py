"""Following: a thousand people on a real server, what a slice costs us, and everybody due at once."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import Event, Thread

from bench.cluster import postgresql
from bench.figures import Figure, peak_mb
from lab import servers
from openportability import app
from openportability.accounts import grant_store
from openportability.accounts import service as accounts_service
from openportability.accounts import store as accounts
from openportability.clock import SystemClock
from openportability.db.engine import Tx
from openportability.domain import (
    Account,
    Actor,
    ActorId,
    Found,
    Grant,
    Limits,
    NetworkName,
    Pace,
    Proof,
    Relationship,
    Tie,
    UserId,
    Wanted,
)
from openportability.jobs.local import LocalRunner
from openportability.jobs.port import Work
from openportability.network import Answers, Destination, Page
from openportability.reconnection import jobs, lane_store, planning, service
from openportability.reconnection.plan import Row, Verdict
from openportability.reconnection.rules import Origin, State
from openportability.reconnection.slice import serve_lane
from openportability.settings import Settings
from openportability.site import Site
from tests.networks.bluesky.people import new_person, signed_in
from tests.real import pds

SOON = timedelta(days=1)
THREADS = 32


class Counted:
    """A destination whose calls are counted."""

    def __init__(self, inner: Destination) -> None:
        self._inner = inner
        self.limits = inner.limits
        self.writes = 0

    def following(self, grant: Grant, cursor: str | None) -> Page:
        return self._inner.following(grant, cursor)

    def reserve(self, count: int) -> Sequence[str | None]:
        return self._inner.reserve(count)

    def relationships(self, grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        return self._inner.relationships(grant, wanted)

    def follow(self, grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        self.writes += 1
        return self._inner.follow(grant, wanted)

    def unfollow(self, grant: Grant, made: Sequence[Wanted]) -> Answers:
        return self._inner.unfollow(grant, made)


class Far:
    """A network of no thought that takes so long for each answer."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.limits = Limits(batch=200, look=200, follows=((10_000, 3_600),))

    def following(self, grant: Grant, cursor: str | None) -> Page:
        return Page(actors=frozenset(), cursor=None)

    def reserve(self, count: int) -> Sequence[str | None]:
        return [None] * count

    def relationships(self, grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        return self._all(wanted, Tie.NONE)

    def follow(self, grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        return self._all(wanted, Tie.FOLLOWING)

    def unfollow(self, grant: Grant, made: Sequence[Wanted]) -> Answers:
        return self._all(made, Tie.NONE)

    def _all(self, wanted: Sequence[Wanted], tie: Tie) -> Answers:
        if self._seconds:
            time.sleep(self._seconds)
        return Answers(of={one.actor.id: Relationship(tie=tie) for one in wanted})


def measure(scale: float) -> Iterator[Figure]:
    """Yield the figures."""
    yield from _pds(int(1_000 * scale))
    lanes = int(2_000 * scale)
    with _site(None) as (site, name):
        yield _rate("sqlite", _lanes(site, name, lanes), 1_000)
    with postgresql() as url, _site(url) as (site, name):
        yield _rate("postgresql", _lanes(site, name, lanes), 500)
    burst = int(33_000 * scale)
    with _site(None) as (site, name):
        before = peak_mb()
        yield _figure("burst-33k", "sqlite", "seconds", _burst(site, name, burst, 0.05), 120)
        yield _figure("burst-33k", "sqlite", "grown_mb", peak_mb() - before, 100)


def _pds(count: int) -> Iterator[Figure]:
    with servers.atproto() as net, _site(None, net) as (plain, _):
        name = NetworkName("bluesky")
        network = plain.networks[name]
        assert network.destination is not None
        assert network.sign_in is not None
        counted = Counted(network.destination)
        site = replace(plain, networks={name: replace(network, destination=counted)})
        proved = signed_in(network.sign_in, new_person(net.pds[0]))
        assert proved.grant is not None
        with site.db.write() as tx:
            me = _member(tx, site, proved.actor, proved.grant)
            others = [_member(tx, site, _actor(name, pds.made_up_did())) for _ in range(count)]
            _want(tx, site, me, others)
        began = time.perf_counter()
        while serve_lane(site, me.id):
            pass
        taken = round(time.perf_counter() - began, 2)
        with site.db.read() as tx:
            (line,) = service.progress(tx, site, me.user)
        assert line.counts == {State.FOLLOWED: count}, line.counts
        yield _figure("pds-1000", "sqlite", "seconds", taken, 5)
        yield _figure("pds-1000", "sqlite", "calls", counted.writes, 5)


def _lanes(site: Site, name: NetworkName, count: int) -> float:
    """Return how many slices a second a worker serves, each of which looks at one person and follows them."""
    return round(count / _burst(site, name, count, 0), 1)


def _burst(site: Site, name: NetworkName, count: int, seconds: float) -> float:
    """Return how long one worker takes to visit lanes that are all due now, on a network so far away."""
    site = _far(site, name, seconds)
    _people(site, name, count)
    stop = Event()
    worker = Thread(target=site.engine.run, args=(stop,))
    began = time.perf_counter()
    worker.start()
    while _due(site, name):
        time.sleep(0.05)
    taken = time.perf_counter() - began
    stop.set()
    worker.join()
    return round(taken, 2)


def _due(site: Site, name: NetworkName) -> bool:
    with site.db.read() as tx:
        return bool(lane_store.due_lanes(tx, [name], site.clock.now(), 1))


def _far(site: Site, name: NetworkName, seconds: float) -> Site:
    """Return the site with a network that costs nothing but time, and a worker of its own."""
    network = replace(site.networks[name], destination=Far(seconds))
    engine = LocalRunner(threads=THREADS)
    site = replace(site, networks={name: network}, engine=engine)
    done, chores = jobs.work(site)
    engine.register(Work(jobs=done, chores=chores))
    return site


def _people(site: Site, name: NetworkName, count: int) -> list[Account]:
    """Let so many people want to follow one other each; nobody is served before all are there."""
    with site.db.write() as tx:
        other = _member(tx, site, _actor(name, "did:plc:" + "a" * 24))
        made = [_member(tx, site, actor, _grant(actor)) for actor in _actors(name, count)]
        for one in made:
            _want(tx, site, one, [other])
    return made


def _actors(name: NetworkName, count: int) -> Iterator[Actor]:
    return (_actor(name, f"did:plc:{number:024}") for number in range(count))


def _actor(name: NetworkName, number: str) -> Actor:
    return Actor(
        network=name,
        instance="some.test",
        id=ActorId(number),
        handle="somebody.test",
        name="",
        seen_at=SystemClock().now(),
    )


def _grant(actor: Actor) -> Grant:
    return Grant(
        network=actor.network,
        instance=actor.instance,
        actor_id=actor.id,
        scopes=frozenset(),
        can_follow=True,
        expires_at=SystemClock().now() + SOON,
        secret={},
    )


def _member(tx: Tx, site: Site, actor: Actor, grant: Grant | None = None) -> Account:
    user = accounts.create_user(tx, site.vault, "en", site.clock.now())
    accounts.choose(tx, user, found=Found.ANYONE, pace=Pace.FULL)
    key = accounts_service.key_of(site, actor.network, actor.id)
    account = accounts.add_account(tx, user, actor, key, Proof.PROVED)
    if grant is not None:
        personal = accounts.personal_key(tx, site.vault, user)
        grant_store.put_grant(tx, personal, user, account.id, grant, site.clock.now())
    return account


def _want(tx: Tx, site: Site, me: Account, whom: Sequence[Account]) -> None:
    rows = [
        Row(account=me.id, whom=one.id, network=me.actor.network, verdict=Verdict.NEW, rank=0)
        for one in whom
    ]
    planning.want(tx, site, UserId(me.user), rows, origin=Origin.MANUAL, plan_id=None)


def _rate(database: str, ours: float, goal: float) -> Figure:
    figure = _figure("lanes", database, "slices_per_second", ours, goal)
    return replace(figure, more_is_better=True)


def _figure(case: str, database: str, metric: str, ours: float, goal: float) -> Figure:
    return Figure(
        bench="reconnect", case=case, database=database, metric=metric, ours=ours, goal=goal
    )


@contextmanager
def _site(
    database_url: str | None, net: servers.Atproto | None = None
) -> Iterator[tuple[Site, NetworkName]]:
    with tempfile.TemporaryDirectory(prefix="openportability-bench-") as folder:
        given = {
            "DATA_DIR": folder,
            "ALLOW_LOOPBACK": "yes",
            "NETWORKS": "bluesky",
            "WORKER_THREADS": str(THREADS),
        }
        if database_url:
            given["DATABASE_URL"] = database_url
        if net:
            given |= {"BLUESKY_PLC_URL": net.plc, "BLUESKY_HANDLE_RESOLVER_URL": net.pds[0]}
        environ = {f"OPENPORTABILITY_{name}": value for name, value in given.items()}
        site = app.build(Settings.read(environ), SystemClock())
        try:
            yield site, NetworkName("bluesky")
        finally:
            site.engine.close()
            site.db.close()
