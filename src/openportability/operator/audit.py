"""What was done from a shell: who, what, when. The record names nobody whom it was about, and no route reaches it."""

from __future__ import annotations

import logging
import os
import pwd
from collections.abc import Iterator
from datetime import timedelta

from openportability.clock import Clock
from openportability.db import migrate
from openportability.db.engine import Database
from openportability.db.trouble import trouble
from openportability.operator import store

log = logging.getLogger(__name__)

_KEPT = timedelta(days=730)


def note(database: Database, clock: Clock, what: str, *, if_possible: bool = False) -> None:
    """Record a command before it acts. `if_possible`: a full disk or an older database does not stop it."""
    who = _who()
    log.warning("operated", extra={"who": who, "what": what})
    if if_possible and migrate.current(database) != migrate.newest():
        return
    now = clock.now()
    try:
        with database.write() as tx:
            store.forget_acts(tx, now - _KEPT)
            store.note_act(tx, store.Act(who=who, what=what, at=now))
    except Exception as error:
        if not if_possible or trouble(error) is None:
            raise


def told(database: Database) -> Iterator[str]:
    """Return the record in lines, the newest first."""
    with database.read() as tx:
        acts = store.acts_done(tx)
    for act in acts:
        yield f"{act.at:%Y-%m-%d %H:%M:%S} UTC  {act.who}  {act.what}"


def _who() -> str:
    """Return the name of who is at the machine; behind `sudo`, who asked for it."""
    number = os.getuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:  # a container need not know its user
        name = str(number)
    asked = os.environ.get("SUDO_USER", "")
    return f"{asked} as {name}" if asked else name
