"""Which part of a site is down, in one word each and what to do."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from datetime import timedelta

from openportability.clock import Watch, moment
from openportability.db import migrate
from openportability.mail import store as mail
from openportability.matching import store as matching
from openportability.operator import service, store
from openportability.site import Site

OK = "ok"
_NO_ROOM = (
    "the disk is full or read-only, so nothing new is kept: make room, the rest goes by itself"
)
#: A worker gives a sign of life every 20 s; a restart of one takes less than this.
WORKER_LOST = timedelta(seconds=120)
#: Parts without which pages still answer.
LESSER = frozenset({"worker", "room", "clock", "mail", "files"})
#: One server that asks to come back is no outage of ours.
MAIL_LATE = timedelta(minutes=10)


def version() -> str:
    """Return the version of this program; a checkout that is not installed has none."""
    try:
        return importlib.metadata.version("openportability")
    except importlib.metadata.PackageNotFoundError:
        return "0.dev"


def parts(site: Site) -> Mapping[str, str]:
    """Return `ok`, or what is wrong, for each part. What cannot be known is not named."""
    try:
        found = {"database": OK, "migrations": _migrations(site)}
        if found["migrations"] == OK:
            jumped = clock_jumped(site)
            found |= {"keyring": _keyring(site), "worker": _worker(site, jumped)}
            found["clock"] = _clock(site, jumped)
            found |= _mail(site)
            found["files"] = _files(site)
            found["room"] = OK if site.db.has_room else _NO_ROOM
    except Exception:  # noqa: BLE001 - whatever a driver raises, it is the database that does not answer
        return {"database": "does not answer: see openportability doctor"}
    return found


def _migrations(site: Site) -> str:
    revision = migrate.current(site.db)
    if revision is None:
        return "the database is empty: run openportability migrate"
    if migrate.is_older(revision):
        return f"at {revision} and not {migrate.newest()}: run openportability migrate"
    return OK


def _keyring(site: Site) -> str:
    with site.db.read() as tx:
        fits = service.opens(tx, site.vault)
    return OK if fits else "does not open this database: put back the one it was sealed with"


def away(site: Site) -> Mapping[str, int]:
    """Return how many servers of each network do not answer; one may be its directory."""
    with site.db.read() as tx:
        return store.servers_away(tx, site.clock.now())


def clock_jumped(site: Site) -> timedelta:
    """Return how far the clock of this machine was set lately; 0 where it was not."""
    jump = site.memory.of(Watch).look(site.clock)
    return jump.by if jump else timedelta(0)


def _clock(site: Site, jumped: timedelta) -> str:
    """Tell of a jump; and compare with the last sign of life, for nothing was written later than now."""
    with site.db.read() as tx:
        seen = store.worker_seen(tx)
    ahead = seen - site.clock.now() if seen else timedelta(0)
    if ahead >= Watch.LEAST:
        back = round(ahead.total_seconds())
        return f"went back {back} s: have the machine set its time by NTP; a worker puts right what waits"
    if jumped:
        told = f"was set by {jumped.total_seconds():+.0f} s"
        return f"{told}: have the machine set its time by NTP; the work goes on by itself"
    return OK


def _mail(site: Site) -> Mapping[str, str]:
    """Say whether mails leave; a site that sends none has no such part."""
    if not site.settings.smtp_url:
        return {}
    with site.db.read() as tx:
        count, since = mail.backlog(tx)
    if since is None or site.clock.now() - since < MAIL_LATE:
        return {"mail": OK}
    return {
        "mail": f"{count} mails wait: see what openportability doctor says of OPENPORTABILITY_SMTP_URL"
    }


def _files(site: Site) -> str:
    """Say whether the worker that saw to files last could read and write there."""
    with site.db.read() as tx:
        since = matching.cursor(tx, matching.FILES_AWAY)
    if not since:
        return OK
    told = f"cannot be read or written since {moment(since):%Y-%m-%d %H:%M} UTC"
    return f"{told}: matching goes on and takes longer; see what openportability doctor says"


def _worker(site: Site, jumped: timedelta) -> str:
    with site.db.read() as tx:
        seen = store.worker_seen(tx)
    if seen is None:
        return "never seen: start one with openportability worker"
    # What a clock was set forward by has not passed in silence.
    silent = site.clock.now() - seen - max(jumped, timedelta(0))
    if silent > WORKER_LOST:
        seconds = round(silent.total_seconds())
        return f"not seen for {seconds} s: start one with openportability worker"
    return OK
