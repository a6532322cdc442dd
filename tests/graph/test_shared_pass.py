"""A pass that several processes share finds what one alone finds, whatever becomes of them."""

from __future__ import annotations

import fcntl
import operator
import os
import select
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Sequence
from functools import partial
from typing import IO, Any, NoReturn

import numpy as np
import pytest

from openportability.accounts import store as accounts
from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.db.schema import follow_lists
from openportability.domain import Account, Kind, NetworkName
from openportability.graph import crew, pass_store, shared_pass
from openportability.graph import store as lists
from openportability.graph.crew import Crew
from openportability.site import Site
from tests import cast
from tests.cast import NEW, OLD

ASKED = {OLD: np.array([3, 5, 9], np.uint64), NEW: np.array([8], np.uint64)}


@pytest.fixture
def site(db: Database, clock: MovedClock) -> Site:
    return cast.make_site(db, clock)


@pytest.fixture(scope="module")
def others() -> Crew:
    return Crew()


@pytest.fixture
def people(site: Site, monkeypatch: pytest.MonkeyPatch) -> list[Account]:
    """Some people with lists; two processes share each pass over these."""
    monkeypatch.setattr(shared_pass, "_WORTH_LISTS", 1)
    monkeypatch.setattr(crew, "cores", lambda: 2)
    joined = [cast.join(site, OLD, number) for number in range(1, 6)]
    for account in joined:
        number = int(account.actor.id)
        cast.bring(site, account.user, OLD, following=range(number + 1), followers=[9])
    return joined


def found(site: Site, others: Crew, since: int = 0) -> list[tuple[NetworkName, int, int]]:
    every = shared_pass.hits(site.db, site.vault, others, ASKED, since=since)
    return sorted(
        (some.network, int(ASKED[some.network][place]), int(owner))
        for some in every
        for place, owner in zip(some.places, some.owners, strict=True)
    )


def expected(people: list[Account]) -> list[tuple[NetworkName, int, int]]:
    hold = [(9, one.user) for one in people] + [
        (key, one.user) for one in people for key in (3, 5) if int(one.actor.id) >= key
    ]
    return sorted((OLD, key, int(user)) for key, user in hold)


def test_processes_find_what_one_finds_and_serve_again(
    site: Site, people: list[Account], others: Crew
) -> None:
    assert found(site, others) == expected(people)
    cast.bring(site, people[0].user, OLD, following=[5])
    assert (OLD, 5, int(people[0].user)) in found(site, others)


def test_what_came_before_is_not_asked(site: Site, people: list[Account], others: Crew) -> None:
    with site.db.read() as tx:
        before = lists.newest_seq(tx)
    assert found(site, others, since=before) == []


def test_what_a_killed_process_does_not_bring_is_found_all_the_same(
    site: Site, people: list[Account], others: Crew
) -> None:
    found(site, others)
    for one in others._mates:
        one._process.kill()
    assert found(site, others) == expected(people)
    assert others._mates == []
    assert found(site, others) == expected(people)


def test_a_list_that_changes_meanwhile_is_not_missed(
    site: Site, people: list[Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its new number is of a share that was read to its end before."""
    monkeypatch.setattr(pass_store, "_IN_A_ROW", 1)

    class Slow(Crew):
        """Brings one share; then all lists of the other one get a number of the first."""

        def done(self, tasks: Sequence[Callable[[], Any]]) -> list[Any | None]:
            first = pass_store.Share(number=0, of=2)
            brought = list(shared_pass._looked(site.db, site.vault, ASKED, 0, first))
            # An odd number of lists: the numbers of those that follow change sides.
            cast.bring(site, people[0].user, OLD, muted=[9])
            for account in people:
                following = range(int(account.actor.id) + 1)
                cast.bring(site, account.user, OLD, following=following, followers=[9])
            return [shared_pass._Done(hits=brought, log=[]), None]

    assert set(found(site, Slow())) == set(expected(people))


def test_where_no_process_can_begin_all_is_found_here(
    site: Site, people: list[Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/there/is/no/such/program")
    assert found(site, Crew()) == expected(people)


def test_a_damaged_list_is_told_of_by_who_asked(
    site: Site, people: list[Account], others: Crew, caplog: pytest.LogCaptureFixture
) -> None:
    broken = people[0]
    with site.db.write() as tx:
        key = accounts.personal_key(tx, site.vault, broken.user)
        for kind in (Kind.FOLLOWING, Kind.FOLLOWERS):
            sealed = key.seal(b"\x02 of the future", lists.place(broken.id, kind))
            of = follow_lists.c.account_id == broken.id, follow_lists.c.kind == kind
            tx.execute(follow_lists.update().where(*of).values(sealed=sealed))
    assert found(site, others) == expected(people[1:])
    assert [record.message for record in caplog.records] == ["list_unreadable"] * 2


def test_a_process_ends_with_whoever_began_it() -> None:
    """It is told to end by the end of its input, which the system closes for the killed as well."""
    command = [sys.executable, "-m", crew.__name__]
    subprocess.run(command, stdin=subprocess.DEVNULL, timeout=60, check=True)


def test_an_answer_that_nobody_waited_for_is_not_taken_for_the_next_one(others: Crew) -> None:
    with pytest.raises(RuntimeError, match="cannot be told"):
        others.done([partial(operator.add, 10, 10), partial(operator.add, Untold(), 1)])
    assert others.done([partial(operator.add, 1, 1)]) == [2]


class Untold:
    """A value that no pickle holds."""

    def __reduce__(self) -> NoReturn:
        raise RuntimeError("cannot be told")


def test_what_fails_or_is_printed_in_a_process_is_no_answer(
    others: Crew, capfd: pytest.CaptureFixture[str]
) -> None:
    assert others.done([partial(print, "hello")]) == [None]
    assert others.done([partial(operator.truediv, 1, 0)]) == [None]
    assert others.done([partial(operator.truediv, 1, 1)]) == [1.0]
    assert "Traceback" not in capfd.readouterr().err


def test_a_process_that_was_stopped_while_it_answered_answers_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A pipe takes a part only of what is written as the process stops; unbuffered, the rest would be lost."""
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    mate = crew._Mate()
    mate.begin(partial(bytes, 1_000_000))
    stdout = mate._process.stdout
    assert stdout is not None
    room = fcntl.fcntl(stdout, fcntl.F_GETPIPE_SZ)
    while waiting_in(stdout) < room // 2:
        select.select([stdout], [], [])
    os.kill(mate._process.pid, signal.SIGSTOP)
    os.waitpid(mate._process.pid, os.WUNTRACED)
    os.kill(mate._process.pid, signal.SIGCONT)
    assert mate.end() == bytes(1_000_000)


def waiting_in(pipe: IO[bytes]) -> int:
    """Return how many bytes are in a pipe that nobody has read."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)
