"""What is forgotten when its time is over: counts of requests, and people who did not come for long."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from openportability.domain import UserId
from openportability.jobs.port import Chore, Job, Wake
from openportability.privacy import service, store
from openportability.site import Site
from openportability.web import store as tallies

_HOUR_SECONDS = 3600
_FORGET = "forget"
#: Leaving gives back grants at other servers: not all who came on one day go in one hour.
_MOST_AN_HOUR = 200
#: Nobody is forgotten before the clock was steady for so long: one that was set ahead would forget everybody.
_STEADY = timedelta(days=7)


def work(site: Site) -> tuple[list[Job], list[Chore]]:
    """Return the jobs and chores of this folder."""

    def purge() -> Iterable[Wake]:
        with site.db.write() as tx:
            tallies.forget_past(tx, site.clock.now())
        return ()

    def shorten() -> Iterable[Wake]:
        site.db.shorten_log()
        return ()

    def unseen() -> Iterable[Wake]:
        now = site.clock.now()
        with site.db.write() as tx:
            if now - store.looked_for_unseen(tx, now, _STEADY) < _STEADY:
                return []
            away = store.unseen(tx, _since(site), _MOST_AN_HOUR)
        return [Wake(job=_FORGET, key=str(user)) for user in away]

    def forget(key: str) -> None:
        service.forget(site, UserId(int(key)), _since(site))

    return (
        [Job(name=_FORGET, run=forget)],
        [
            Chore(name="purge-tallies", seconds=_HOUR_SECONDS, look=purge),
            Chore(name="shorten-log", seconds=_HOUR_SECONDS, look=shorten),
            Chore(name="forget-unseen", seconds=_HOUR_SECONDS, look=unseen),
        ],
    )


def _since(site: Site) -> datetime:
    return site.clock.now() - timedelta(days=site.settings.unseen_days)
