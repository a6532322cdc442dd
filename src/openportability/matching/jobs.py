"""Lists that arrived meet everyone; people who arrived meet all lists."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from openportability.clock import monotonic
from openportability.domain import UserId
from openportability.graph import store as lists
from openportability.jobs.port import Chore, Job, Wake
from openportability.matching import segments, store, sweep
from openportability.site import Site

_PEOPLE = Wake(job="people-arrived", key="all")
#: Whose lists hold so many people that others would wait for them.
_MANY = Wake(job="many-to-meet", key="all")
#: How long a round waits at least after it has met several people: those who come meanwhile are met together.
BREATH_SECONDS = 2.5


def work(site: Site) -> tuple[list[Job], list[Chore]]:
    """Return the jobs and chores of this folder."""

    def lists_arrived(_key: str) -> None:
        again = _round(site, lists.ARRIVED, _meet_lists, sweep.lists_wait)
        # Who brings lists has often just come: those whose lists name them are shown at once as well.
        if not again and sweep.newcomers_wait(site):
            site.engine.wake(_PEOPLE)

    def many_to_meet(_key: str) -> None:
        _round(site, _MANY, sweep.meet_many, sweep.lists_wait)

    def people_arrived(_key: str) -> None:
        _round(site, _PEOPLE, _meet_people, sweep.newcomers_wait)

    def lists_waiting() -> Iterable[Wake]:
        return [lists.ARRIVED] if sweep.lists_wait(site) else []

    def newcomers() -> Iterable[Wake]:
        return [_PEOPLE] if sweep.newcomers_wait(site) else []

    def answer_more(key: str) -> None:
        sweep.answer_more(site, UserId(int(key)))

    def unanswered() -> Iterable[Wake]:
        now = site.clock.now()
        with site.db.write() as tx:
            store.forget_old_answers(tx, now)
        with site.db.read() as tx:
            return [Wake(job="answer-more", key=str(user)) for user in store.answers_due(tx, now)]

    segment, segment_due = _segments(site)
    return (
        [
            Job(name=lists.ARRIVED.job, run=lists_arrived, ahead=True),
            Job(name=_MANY.job, run=many_to_meet),
            Job(name=_PEOPLE.job, run=people_arrived, ahead=True),
            Job(name="answer-more", run=answer_more),
            segment,
        ],
        [
            Chore(name="lists-waiting", seconds=20, look=lists_waiting),
            Chore(name="people-arrived", seconds=20, look=newcomers),
            Chore(name="unanswered", seconds=3600, look=unanswered),
            segment_due,
        ],
    )


def _round(
    site: Site, wake: Wake, meet: Callable[[Site], bool], waits: Callable[[Site], bool]
) -> bool:
    """Let some meet, by one worker at a time; say whether this is to go on, and ask for it.

    In rounds that are jobs of their own: a worker that is told to stop ends with the round, not with the crowd.
    """
    with site.db.presence.turn(wake.job) as ours:
        met = ours and meet(site)
    # Asked at the end of the turn: whose wake came in its last moment was sent away.
    again = met and waits(site)
    if again:
        site.engine.wake(wake)
    return again


def _meet_lists(site: Site) -> bool:
    """Let all lists that wait together meet everyone; say whether anybody was met."""
    began = monotonic()
    done = sweep.meet_lists(site)
    if done.left:
        site.engine.wake(_MANY)
    if not done.full:
        _take_breath(done.met, monotonic() - began)
    return done.met > 0


def _meet_people(site: Site) -> bool:
    """Let newcomers meet all lists; say whether there may be more.

    Who comes meanwhile is met by the next look: a pass costs the same for many.
    """
    began = monotonic()
    done = sweep.meet_newcomers(site)
    if not done.full:
        _take_breath(done.met, monotonic() - began)
    return done.full


def _take_breath(met: int, seconds: float) -> None:
    """Wait after a round that took so long: more come together, and a whole crowd costs hardly more than one of them.

    Somebody alone is met at once, and keeps nobody waiting.
    """
    if met > 1:
        # The longer it took, the longer others had to wait.
        time.sleep(max(BREATH_SECONDS, 2 * seconds))


def _segments(site: Site) -> tuple[Job, Chore]:
    def tend(_key: str) -> None:
        segments.tend(site)

    def look() -> Iterable[Wake]:
        return [Wake(job="segment", key="all")] if segments.concern(site) else []

    return Job(name="segment", run=tend), Chore(name="segment", seconds=900, look=look)
