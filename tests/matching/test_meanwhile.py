"""Somebody leaves, or becomes another, in the moment in which they are met: both come to their end."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import NoResultFound

from openportability.archives import store as archives
from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.matching import meeting, sweep
from openportability.privacy import service as privacy
from openportability.site import Site
from tests import cast
from tests.cast import OLD
from tests.merging.together import bring_together

#: On SQLite one writes at a time.
pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
_WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted")


@pytest.fixture
def site(db: Database, clock: MovedClock) -> Site:
    return cast.make_site(db, clock)


class Beside:
    """Work in a thread of its own, begun in the middle of other work, which goes on once this waits for it."""

    def __init__(self, site: Site, work: Callable[[], object]) -> None:
        self._site, self._work = site, work
        self._thread = ThreadPoolExecutor(1)
        self._done: Future[object]

    def begin(self) -> None:
        self._done = self._thread.submit(self._work)
        while not self._done.done():
            with self._site.db.read() as tx:
                if tx.execute(_WAITING).scalar():
                    return

    def end(self) -> None:
        self._thread.shutdown()
        self._done.result()


def _in_the_middle(monkeypatch: pytest.MonkeyPatch, of: Any, name: str, beside: Beside) -> None:
    real = getattr(of, name)

    def after(*given: Any, **more: Any) -> Any:
        monkeypatch.undo()
        beside.begin()
        return real(*given, **more)

    monkeypatch.setattr(of, name, after)


def test_who_leaves_while_they_are_met_is_gone(
    site: Site, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, _ = (cast.join(site, OLD, number).user for number in (1, 2))
    cast.bring(site, alice, OLD, following=[2])
    site.engine.turn()
    # The first answers of a day are a row that is new.
    clock.forward(days=1)
    cast.join(site, OLD, 3)
    cast.bring(site, alice, OLD, following=[2, 3], woken=False)
    leaving = Beside(site, lambda: privacy.leave(site, alice))
    _in_the_middle(monkeypatch, meeting._Meeting, "write", leaving)
    sweep.match_lists(site, alice)
    leaving.end()
    with pytest.raises(NoResultFound):
        cast.seen_by(site, alice)


def test_who_becomes_another_while_they_are_met_does(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, carol = (cast.join(site, OLD, number).user for number in (1, 3))
    bob = cast.join(site, OLD, 2)
    cast.bring(site, carol, OLD, following=[2])
    site.engine.turn()
    cast.bring(site, carol, OLD, following=[2], followers=[2], woken=False)
    meeting_bob = Beside(site, lambda: sweep.match_lists(site, carol))
    _in_the_middle(monkeypatch, archives, "move_reports", meeting_bob)
    bring_together(site, alice, bob)
    meeting_bob.end()
    site.engine.turn()
    assert set(cast.seen_by(site, carol)) == {alice}
