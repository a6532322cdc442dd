"""What operators do: put a whole database back, pause a network. They see nobody's lists."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from openportability.accounts import grant_store as grants
from openportability.accounts import session_store
from openportability.db import backup, migrate
from openportability.db.engine import Database, Tx
from openportability.domain import NetworkName
from openportability.errors import Misconfigured
from openportability.mail import store as mail
from openportability.operator import store
from openportability.reconnection import host_store, lane_store
from openportability.reconnection.host_store import Rest
from openportability.reconnection.pacing import Spent
from openportability.site import Site
from openportability.vault import Unreadable, Vault

#: A pause ends by itself within a month: what is to last is a network less in the settings.
MOST_HOURS = 24 * 30
_SERVER = re.compile(r"[a-z0-9.-]+")


def opens(tx: Tx, vault: Vault) -> bool:
    """Say whether the keyring is the one that this database was sealed with."""
    found = store.some_key(tx)
    if found is None:
        return True
    user, wrapped = found
    try:
        vault.personal(wrapped, user)
    except Unreadable:
        return False
    return True


def pause(site: Site, network: str, instance: str, hours: float) -> datetime:
    """Follow nobody on a network, or on one server of it, for so many hours; return until when.

    Lanes keep their rows and go on by themselves afterwards; 0 hours ends a pause. A call under way is finished.
    """
    name = NetworkName(network)
    loaded = site.networks.get(name)
    if loaded is None or loaded.destination is None:
        raise Misconfigured(
            f"Nobody is followed on {network}: name a network of OPENPORTABILITY_NETWORKS."
        )
    if not 0 <= hours <= MOST_HOURS:
        raise Misconfigured(f"A pause is of 0 to {MOST_HOURS} hours: 0 ends one that goes on.")
    # As lanes spell it: any other spelling would pause a server that nobody lives on.
    where = instance.strip().lower()
    if where and not _SERVER.fullmatch(where):
        raise Misconfigured("A server is named as in its people's addresses: social.example.org")
    until = site.clock.now() + timedelta(hours=hours)
    with site.db.write() as tx:
        host_store.pause(tx, name, where or host_store.WHOLE_NETWORK, until)
    return until


@dataclass(frozen=True, kw_only=True)
class Overview:
    """What goes on in a site, in numbers."""

    people: int
    #: By network and state.
    lanes: Mapping[tuple[str, str], int]
    #: Rows of the ledger by network, deed, state and reason.
    rows: Mapping[tuple[str, str, str, str], int]
    #: Servers that are left alone, or paused by us.
    rests: Sequence[Rest]
    mails: int
    revocations: int
    chores: Mapping[str, datetime]


def overview(site: Site) -> Overview:
    """Count what an operator may see. It reads every row of the ledger."""
    now = site.clock.now()
    with site.db.read() as tx:
        mails, _ = mail.backlog(tx)
        return Overview(
            people=store.count_people(tx),
            lanes=store.count_lanes(tx),
            rows=store.count_reconnections(tx),
            rests=host_store.rests(tx, now),
            mails=mails,
            revocations=grants.revocations_waiting(tx),
            chores=store.chores_seen(tx),
        )


def again(site: Site) -> None:
    """Have tried now what waits because a server failed: mails, revocations, and the servers themselves.

    Servers that asked us to wait, and those we paused, are left alone as before.
    """
    now = site.clock.now()
    with site.db.write() as tx:
        mail.hurry(tx, now)
        grants.hurry_revocations(tx, now)
        host_store.forgive(tx)


def turn_back(tx: Tx, now: datetime, by: timedelta) -> None:
    """Let nothing wait longer than was meant, now that a clock went back that was ahead by so much.

    What was put off before the clock was wrong comes sooner by it; a network says itself if that is too soon.
    """
    store.put_off_less(tx, now, by)
    session_store.turn_back(tx, now)
    lanes = lane_store.hold(tx, store.paced_lanes(tx)).values()
    lane_store.put_back(tx, [replace(one, spent=_until_now(one.spent, now, by)) for one in lanes])


def _until_now(spent: Sequence[Spent], now: datetime, by: timedelta) -> tuple[Spent, ...]:
    """Return what was done as if nothing of it lay in the future."""
    return tuple(replace(one, at=max(now, one.at - by)) if one.at > now else one for one in spent)


def restore(
    database: Database, vault: Vault, file: Path, belongs: Callable[[Tx, Vault], bool]
) -> None:
    """Put a backup in place and bring it to the newest revision; nothing stays if a key is missing.

    `belongs` says whether a keyring is the one of a database, be there people in it or not.
    """
    backup.restore(database, file)
    migrate.upgrade(database)
    with database.read() as tx:
        fits = belongs(tx, vault) and opens(tx, vault)
    if not fits:
        database.close()
        backup.take_away(database)
        raise Misconfigured(
            "The keyring does not open this backup, so nothing was restored: put the keyring that "
            "was in use when it was made where OPENPORTABILITY_MASTER_KEY_FILE or DATA_DIR says."
        )
