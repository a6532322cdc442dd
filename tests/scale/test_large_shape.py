"""The large shape on one machine: PostgreSQL, two web processes and four workers behind a balancing proxy."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Barrier, Event, Thread

import pytest

from bench.soak.processes import ORIGIN, RATE, FastClock
from openportability.networks.fake.world import World
from tests.house import NETWORKS
from tests.scale.balancer import Balancer
from tests.scale.crowd import NEW, OLD, SPEED, Person, SlowWorld, settled
from tests.scale.fleet import Member, fleet

pytestmark = pytest.mark.slow

PEOPLE = 6
WEBS, WORKERS = 2, 4
#: Seconds of the site in one of the machine.
FAST = 30


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_processes_are_restarted_and_killed_under_load_and_nothing_is_lost(
    database_url: str, tmp_path: Path
) -> None:
    with site(database_url, tmp_path) as (balancer, world, webs, workers):
        people = settled(world.world, balancer.url, PEOPLE)
        before = {one.number: follows(world, one) for one in people}
        rolled, together = Event(), Barrier(PEOPLE)

        def live(one: Person) -> None:
            one.arrive(people)
            while not rolled.is_set():
                one.look_around()
            together.wait(60)
            one.reconnect(PEOPLE - 1)

        with ThreadPoolExecutor(PEOPLE) as threads:
            lives = [threads.submit(live, one) for one in people]
            try:
                for member in (*webs, *workers):
                    restart(member, balancer)
                assert balancer.lost == []
            finally:
                rolled.set()
            wanted = PEOPLE * (PEOPLE - 1)
            pairs = [(webs[0], webs[1]), (webs[0], workers[0]), (workers[1], workers[2])]
            for number, pair in enumerate(pairs):
                while made(world, people, before) <= number * wanted // len(pairs):
                    goes_on(lives)
                kill_and_start(pair)
            for life in lives:
                life.result(300)

        assert balancer.broken == []
        assert set(balancer.lost) <= {one.port for one in webs}
        assert sum(one.browser.losses for one in people) == len(balancer.lost)
        for one in people:
            assert one.seen == sorted(one.seen)
            others = Counter(other.new_id for other in people if other is not one)
            assert follows(world, one) == others | before[one.number]


@contextmanager
def site(
    database_url: str, folder: Path
) -> Iterator[tuple[Balancer, SlowWorld, Sequence[Member], Sequence[Member]]]:
    """Start everything: a proxy, a world that outlives all processes, and the processes."""
    fast = {ORIGIN: str(time.time()), RATE: str(FAST)}
    clock = FastClock(fast)
    with ExitStack() as stack:
        balancer = stack.enter_context(Balancer())
        world = stack.enter_context(SlowWorld(World(seed="1", people=300, clock=clock), clock))
        for server in (balancer, world):
            Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            stack.callback(server.shutdown)
        own = {"WORLD_URL": world.url, "SPEED": SPEED}
        environ = {
            **fast,
            **NETWORKS,
            "OPENPORTABILITY_BASE_URL": balancer.url,
            "OPENPORTABILITY_DATA_DIR": str(folder),
            "OPENPORTABILITY_DATABASE_URL": database_url,
            "OPENPORTABILITY_ALLOW_LOOPBACK": "yes",
            "OPENPORTABILITY_WORKER_THREADS": "8",
            **{
                f"OPENPORTABILITY_{network.upper()}_{name}": str(value)
                for network in (OLD, NEW)
                for name, value in own.items()
            },
        }
        members = fleet(environ, folder, balancer, webs=WEBS, workers=WORKERS)
        webs, workers = stack.enter_context(members)
        yield balancer, world, webs, workers


def restart(member: Member, balancer: Balancer) -> None:
    """Restart one process as an operator does: the proxy is told first, then it is asked to end."""
    if member.port is not None:
        balancer.drain(member.port)
    assert member.stop() == 0
    member.start()
    member.await_ready()
    if member.port is not None:
        balancer.send_to(member.port)


def kill_and_start(pair: Sequence[Member]) -> None:
    """End two processes at once as a power cut would, and start them again."""
    for member in pair:
        member.kill()
    for member in pair:
        member.start()
    for member in pair:
        member.await_ready()


def goes_on(lives: Sequence[Future[None]]) -> None:
    """Wait a moment; raise what stopped somebody."""
    for life in lives:
        if life.done():
            life.result()
    time.sleep(0.01)


def follows(world: SlowWorld, one: Person) -> Counter[str]:
    return world.follows(NEW, one.new_id)


def made(world: SlowWorld, people: Sequence[Person], before: Mapping[int, Counter[str]]) -> int:
    """Count the follows that the network holds and did not hold before."""
    return sum((follows(world, one) - before[one.number]).total() for one in people)
