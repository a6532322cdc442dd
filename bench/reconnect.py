"""Following: a thousand people on a real server, what a slice costs us, and everybody due at once."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from threading import Event, Thread

from bench.cluster import postgresql
from bench.figures import Figure
from bench.memory import grown_mb
from lab import servers
from openportability import app
from openportability.accounts import grant_store
from openportability.accounts import service as accounts_service
from openportability.accounts import store as accounts
from openportability.clock import Clock, SystemClock
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
    Window,
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
#: Served before it counts: a worker that runs has put its statements together.
_WARM = 200


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
        self.limits = Limits(batch=200, look=200, windows=(Window(10_000, 3_600),))

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
    with opened(None) as (site, name):
        yield from _lanes("sqlite", site, name, lanes, 1_000)
    with postgresql() as url, opened(url) as (site, name):
        yield from _lanes("postgresql", site, name, lanes, 500)
    burst = int(33_000 * scale)
    with opened(None) as (site, name):
        far = _far(site, name, 0.05)
        _people(far, name, burst, 0)
        # What those take who are there before anybody is due is not counted.
        (taken, processor), grown = grown_mb(partial(_visit, far, name))
        yield _figure("burst-33k", "sqlite", "seconds", taken, 120)
        yield _figure(
            "burst-33k", "sqlite", "processor_ms", round(1_000 * processor / burst, 2), 3.6
        )
        yield _figure("burst-33k", "sqlite", "grown_mb", grown, 100)


def _pds(count: int) -> Iterator[Figure]:
    with servers.atproto() as net, opened(None, net) as (plain, _):
        name = NetworkName("bluesky")
        network = plain.networks[name]
        assert network.destination is not None
        assert network.sign_in is not None
        counted = Counted(network.destination)
        site = replace(plain, networks={name: replace(network, destination=counted)})
        proved = signed_in(network.sign_in, new_person(net.pds[0]))
        assert proved.grant is not None
        with site.db.write() as tx:
            me = member(tx, site, proved.actor, proved.grant)
            others = [member(tx, site, _actor(name, pds.made_up_did())) for _ in range(count)]
            want(tx, site, me, others)
        began = time.perf_counter()
        while serve_lane(site, me.id):
            pass
        taken = round(time.perf_counter() - began, 2)
        with site.db.read() as tx:
            (line,) = service.progress(tx, site, me.user)
        assert line.counts == {State.FOLLOWED: count}, line.counts
        yield _figure("pds-1000", "sqlite", "seconds", taken, 5)
        yield _figure("pds-1000", "sqlite", "calls", counted.writes, 5)


def _lanes(
    database: str, site: Site, name: NetworkName, count: int, goal: float
) -> Iterator[Figure]:
    """Say how many slices a second a worker serves, each of which looks at one person and follows them.

    On a busy machine the processor's time says more: it is this process's own, whoever else works.
    """
    _burst(site, name, _WARM, 0)
    taken, processor = _burst(site, name, count, 0, start=_WARM)
    rate = _figure("lanes", database, "slices_per_second", round(count / taken, 1), goal)
    yield replace(rate, more_is_better=True)
    each = round(1_000 * processor / count, 2)
    yield _figure("lanes", database, "processor_ms", each, round(2_000 / goal, 2))


def _burst(
    site: Site, name: NetworkName, count: int, seconds: float, start: int = 0
) -> tuple[float, float]:
    """Return how long one worker takes to visit lanes that are all due now, on a network so far away.

    In seconds: of the clock, and of the processor.
    """
    site = _far(site, name, seconds)
    _people(site, name, count, start)
    return _visit(site, name)


def _visit(site: Site, name: NetworkName) -> tuple[float, float]:
    stop = Event()
    worker = Thread(target=site.engine.run, args=(stop,))
    began, processor = time.perf_counter(), time.process_time()
    worker.start()
    while _due(site, name):
        time.sleep(0.05)
    taken, processor = time.perf_counter() - began, time.process_time() - processor
    stop.set()
    worker.join()
    return round(taken, 2), processor


def _due(site: Site, name: NetworkName) -> bool:
    with site.db.read() as tx:
        return bool(lane_store.due_lanes(tx, [name], site.clock.now(), 1))


def _far(site: Site, name: NetworkName, seconds: float) -> Site:
    """Return the site with a network that costs nothing but time, and a worker of its own."""
    network = replace(site.networks[name], destination=Far(seconds))
    engine = LocalRunner(threads=site.settings.worker_threads)
    site = replace(site, networks={name: network}, engine=engine)
    done, chores = jobs.work(site)
    engine.register(Work(jobs=done, chores=chores))
    return site


def _people(site: Site, name: NetworkName, count: int, start: int) -> None:
    """Let so many people want to follow one other each; nobody is served before all are there."""
    with site.db.write() as tx:
        other = member(tx, site, _actor(name, f"did:plc:{'a' * 12}{start:012}"))
        made = [member(tx, site, actor, grant(actor)) for actor in actors(name, count, start)]
        for one in made:
            want(tx, site, one, [other])


def actors(name: NetworkName, count: int, start: int = 0) -> Iterator[Actor]:
    """Return people of a network, each time the same."""
    return (_actor(name, f"did:plc:{number:024}") for number in range(start, start + count))


def _actor(name: NetworkName, number: str) -> Actor:
    return Actor(
        network=name,
        instance="some.test",
        id=ActorId(number),
        handle="somebody.test",
        name="",
        seen_at=SystemClock().now(),
    )


def grant(actor: Actor) -> Grant:
    """Return a right to follow for a day."""
    return Grant(
        network=actor.network,
        instance=actor.instance,
        actor_id=actor.id,
        scopes=frozenset(),
        can_follow=True,
        expires_at=SystemClock().now() + SOON,
        secret={},
    )


def member(tx: Tx, site: Site, actor: Actor, given: Grant | None = None) -> Account:
    """Let somebody join, who lets anybody find them."""
    user = accounts.create_user(tx, site.vault, "en", site.clock.now())
    accounts.choose(tx, user, found=Found.ANYONE, pace=Pace.FULL)
    key = accounts_service.key_of(site, actor.network, actor.id)
    account = accounts.add_account(tx, user, actor, key, Proof.PROVED)
    if given is not None:
        personal = accounts.personal_key(tx, site.vault, user)
        grant_store.put_grant(tx, personal, user, account.id, given, site.clock.now())
    return account


def want(tx: Tx, site: Site, me: Account, whom: Sequence[Account]) -> None:
    """Let somebody want to follow others."""
    rows = [
        Row(account=me.id, whom=one.id, network=me.actor.network, verdict=Verdict.NEW, rank=0)
        for one in whom
    ]
    planning.want(tx, site, UserId(me.user), rows, origin=Origin.MANUAL, plan_id=None)


def _figure(case: str, database: str, metric: str, ours: float, goal: float) -> Figure:
    return Figure(
        bench="reconnect", case=case, database=database, metric=metric, ours=ours, goal=goal
    )


@contextmanager
def opened(
    database_url: str | None, net: servers.Atproto | None = None, clock: Clock | None = None
) -> Iterator[tuple[Site, NetworkName]]:
    """Build a site on a scratch folder."""
    with tempfile.TemporaryDirectory(prefix="openportability-bench-") as folder:
        given = {
            "DATA_DIR": folder,
            "ALLOW_LOOPBACK": "yes",
            "NETWORKS": "bluesky",
        }
        if database_url:
            given["DATABASE_URL"] = database_url
        if net:
            given |= {"BLUESKY_PLC_URL": net.plc, "BLUESKY_HANDLE_RESOLVER_URL": net.pds[0]}
            given |= {"BLUESKY_VIEW_URL": ""}
        environ = {f"OPENPORTABILITY_{name}": value for name, value in given.items()}
        site = app.build(Settings.read(environ), clock or SystemClock())
        try:
            yield site, NetworkName("bluesky")
        finally:
            site.engine.close()
            site.db.close()
