"""The large shape on one machine: PostgreSQL, two web processes and four workers behind a balancing proxy."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from threading import Barrier, Event, Thread

import pytest

from bench.soak.processes import ORIGIN, RATE, FastClock
from openportability.networks.fake.world import World
from tests.house import NETWORKS
from tests.scale.balancer import Balancer, Loss
from tests.scale.crowd import NEW, OLD, SPEED, Person, SlowWorld, settled
from tests.scale.fleet import Member, fleet

pytestmark = pytest.mark.slow

WEBS, WORKERS = 2, 4
#: How often two processes are killed at once.
KILLS = 2
#: Whenever a process is restarted, or two are killed, somebody has just begun to follow all others.
PEOPLE = WEBS + WORKERS + KILLS
#: Seconds of the site in one of the machine.
FAST = 30


@dataclass(frozen=True, kw_only=True)
class Death:
    """A process was killed, between two moments."""

    port: int | None
    before: float
    after: float

    def explains(self, loss: Loss) -> bool:
        """Say whether this request was under way there and then."""
        return self.port == loss.port and loss.begun <= self.after and loss.noticed >= self.before


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_processes_are_restarted_and_killed_under_load_and_nothing_is_lost(
    database_url: str, tmp_path: Path
) -> None:
    deaths: list[Death] = []
    with site(database_url, tmp_path) as (balancer, world, webs, workers):
        members = [*webs, *workers]
        pairs = drawn(members)
        people = settled(world.world, balancer.url, PEOPLE)
        before = {one.number: world.follows(NEW, one.new_id) for one in people}
        wanted = {one.number: {other.new_id for other in people} - {one.new_id} for one in people}
        turns = {one.number: Event() for one in people}
        next_one = iter(people)
        found = Barrier(PEOPLE + 1)

        def live(one: Person) -> None:
            one.arrive(people)
            one.find(PEOPLE - 1)
            found.wait(60)
            with one.progress_open():
                while not turns[one.number].is_set():
                    one.look_around()
                one.reconnect(PEOPLE - 1)

        def somebody_begins() -> None:
            one = next(next_one)
            turns[one.number].set()
            while not world.asked(one.new_id):
                goes_on(lives)
            assert wanted[one.number] - world.follows(NEW, one.new_id), "all is done already"

        with ThreadPoolExecutor(PEOPLE) as threads:
            lives = [threads.submit(live, one) for one in people]
            try:
                found.wait(60)
                for member in members:
                    somebody_begins()
                    restart(member, balancer)
                assert (balancer.lost, balancer.cut) == ([], [])
                for pair in pairs:
                    somebody_begins()
                    deaths += kill_and_start(pair)
            finally:
                found.abort()
                for turn in turns.values():
                    turn.set()
            for life in lives:
                life.result(300)

        assert balancer.broken == []
        for loss in (*balancer.lost, *balancer.cut):
            assert any(death.explains(loss) for death in deaths), loss
        assert sum(one.browser.losses for one in people) == len(balancer.lost)
        # Their pages were open when each web process was restarted.
        assert all(one.streams > 1 for one in people[WEBS:])
        for one in people:
            assert one.seen == sorted(one.seen)
            assert one.streamed == sorted(one.streamed)
            assert world.follows(NEW, one.new_id) == wanted[one.number] | before[one.number]
            assert world.asked(one.new_id) == Counter(wanted[one.number] - before[one.number])


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


def drawn(members: Sequence[Member]) -> list[tuple[Member, Member]]:
    """Return any pairs that are to be killed, and print the seed that draws the same again."""
    seed = random.randrange(1_000_000)
    print(f"who is killed is drawn by the seed {seed}")
    return random.Random(seed).sample(list(combinations(members, 2)), KILLS)


def restart(member: Member, balancer: Balancer) -> None:
    """Restart one process as an operator does: the proxy is told first, then it is asked to end."""
    if member.port is not None:
        balancer.drain(member.port)
    assert member.stop() == 0
    member.start()
    member.await_ready()
    if member.port is not None:
        balancer.send_to(member.port)


def kill_and_start(pair: Sequence[Member]) -> list[Death]:
    """End two processes at once as a power cut would, and start them again."""
    before = time.monotonic()
    for member in pair:
        member.kill()
    after = time.monotonic()
    for member in pair:
        member.start()
    for member in pair:
        member.await_ready()
    return [Death(port=member.port, before=before, after=after) for member in pair]


def goes_on(lives: Sequence[Future[None]]) -> None:
    """Wait a moment; raise what stopped somebody."""
    for life in lives:
        if life.done():
            life.result()
    time.sleep(0.01)
