"""Lists that arrived meet everyone; people who arrived meet all lists."""

from __future__ import annotations

import time
from collections.abc import Iterable

from openportability.clock import monotonic
from openportability.domain import UserId
from openportability.graph import store as lists
from openportability.jobs.port import Chore, Job, Wake
from openportability.matching import segments, store, sweep
from openportability.site import Site

_PEOPLE = Wake(job="people-arrived", key="all")
#: Whose lists hold so many people that others would wait for them.
_MANY = Wake(job="many-to-meet", key="all")
_BREATH_SECONDS = 1.0


def work(site: Site) -> tuple[list[Job], list[Chore]]:
    """Return the jobs and chores of this folder."""

    def lists_arrived(_key: str) -> None:
        _meet_lists(site)
        # Who brings lists has often just come: those whose lists name them are shown at once as well.
        if sweep.newcomers_wait(site):
            site.engine.wake(_PEOPLE)

    def many_to_meet(_key: str) -> None:
        with site.db.presence.turn(_MANY.job) as ours:
            while ours and sweep.meet_many(site):
                pass

    def people_arrived(_key: str) -> None:
        with site.db.presence.turn(_PEOPLE.job) as ours:
            # Who comes meanwhile is met by the next look: a pass costs the same for many.
            while ours and sweep.meet_newcomers(site) >= sweep.NEWCOMERS:
                pass

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
            Job(name=lists.ARRIVED.job, run=lists_arrived),
            Job(name=_MANY.job, run=many_to_meet),
            Job(name=_PEOPLE.job, run=people_arrived),
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


def _meet_lists(site: Site) -> None:
    """Let lists meet everyone, while any come: all that wait together, by one worker at a time.

    Somebody alone is met at once. On a crowded day a breath is taken in between, so that more come
    together: it costs a whole crowd hardly more than one of them.
    """
    # Asked again at the end of the turn: whose wake came in its last moment was sent away.
    while sweep.lists_wait(site):
        with site.db.presence.turn(lists.ARRIVED.job) as ours:
            if not ours or not _meet_rounds(site):
                return


def _meet_rounds(site: Site) -> bool:
    """Say whether anybody was met."""
    met = 0
    while True:
        began = monotonic()
        done = sweep.meet_lists(site)
        if done.left:
            site.engine.wake(_MANY)
        if not done.met:
            return met > 0
        met += done.met
        if done.met > 1 and not done.full and sweep.lists_wait(site):
            # The longer it took, the longer others had to wait, and the more may come together.
            time.sleep(max(_BREATH_SECONDS, monotonic() - began))


def _segments(site: Site) -> tuple[Job, Chore]:
    def build(_key: str) -> None:
        if segments.due(site):
            segments.build(site)

    def look() -> Iterable[Wake]:
        return [Wake(job="segment", key="all")] if segments.due(site) else []

    return Job(name="segment", run=build), Chore(name="segment", seconds=900, look=look)
