"""Lists that arrived meet everyone; people who arrived meet all lists."""

from __future__ import annotations

from collections.abc import Iterable

from openportability.domain import UserId
from openportability.jobs.port import Chore, Job, Wake
from openportability.matching import segments, store, sweep
from openportability.site import Site


def work(site: Site) -> tuple[list[Job], list[Chore]]:
    """Return the jobs and chores of this folder."""

    def lists_arrived(key: str) -> None:
        sweep.match_lists(site, UserId(int(key)))
        # Who brings lists has often just come: those whose lists name them are shown at once as well.
        if sweep.newcomers_wait(site):
            site.engine.wake(Wake(job="people-arrived", key="all"))

    def lists_waiting(_key: str) -> None:
        while sweep.meet_lists(site):
            pass

    def people_arrived(_key: str) -> None:
        while sweep.meet_newcomers(site):
            pass

    def lists() -> Iterable[Wake]:
        return [Wake(job="lists-waiting", key="all")] if sweep.lists_wait(site) else []

    def newcomers() -> Iterable[Wake]:
        return [Wake(job="people-arrived", key="all")] if sweep.newcomers_wait(site) else []

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
            Job(name="lists-arrived", run=lists_arrived),
            Job(name="lists-waiting", run=lists_waiting),
            Job(name="people-arrived", run=people_arrived),
            Job(name="answer-more", run=answer_more),
            segment,
        ],
        [
            Chore(name="lists-waiting", seconds=60, look=lists),
            Chore(name="people-arrived", seconds=20, look=newcomers),
            Chore(name="unanswered", seconds=3600, look=unanswered),
            segment_due,
        ],
    )


def _segments(site: Site) -> tuple[Job, Chore]:
    def build(_key: str) -> None:
        if segments.due(site):
            segments.build(site)

    def look() -> Iterable[Wake]:
        return [Wake(job="segment", key="all")] if segments.due(site) else []

    return Job(name="segment", run=build), Chore(name="segment", seconds=900, look=look)
