"""Accounts that are seen to, grants that are ended at their networks, and what nobody came back for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from openportability.accounts import cabinet_store, grant_store, keeping, service, session_store
from openportability.domain import AccountId, Grant
from openportability.errors import NetworkError
from openportability.jobs.port import Chore, Job, Wake
from openportability.site import Site

#: One try an hour for a week; then a server that never answers keeps its token.
_TRIES = 7 * 24
_AGAIN = timedelta(hours=1)
#: Seen to every ten minutes at most: no server is asked for many at once.
_TURNS = 100


def work(site: Site) -> tuple[list[Job], list[Chore]]:
    """Return the jobs and chores of this folder."""

    def revoke(key: str) -> None:
        _revoke(site, int(key))

    def due_revocations() -> Iterable[Wake]:
        with site.db.read() as tx:
            due = grant_store.due_revocations(tx, site.clock.now())
        return [Wake(job="revoke", key=str(number)) for number in due]

    def see_to(key: str) -> None:
        keeping.see_to(site, AccountId(int(key)))

    def due_turns() -> Iterable[Wake]:
        with site.db.read() as tx:
            due = grant_store.due_turns(tx, site.clock.now(), _TURNS)
        return [Wake(job="see-to-account", key=str(account)) for account in due]

    def purge() -> Iterable[Wake]:
        with site.db.write() as tx:
            session_store.drop_expired(tx, site.clock.now())
            cabinet_store.drop_ended(tx, site.clock.now())
        return ()

    return (
        [Job(name="revoke", run=revoke), Job(name="see-to-account", run=see_to)],
        [
            Chore(name="revoke", seconds=60, look=due_revocations),
            Chore(name="see-to-accounts", seconds=600, look=due_turns),
            Chore(name="purge-sign-ins", seconds=3600, look=purge),
        ],
    )


def _revoke(site: Site, number: int) -> None:
    now = site.clock.now()
    with site.db.write() as tx:
        taken = grant_store.take_revocation(tx, site.vault, number, now=now, again_at=now + _AGAIN)
    if taken is None:
        return
    if _is_ended(site, taken.grant) or taken.tries >= _TRIES:
        with site.db.write() as tx:
            grant_store.drop_revocation(tx, number)


def _is_ended(site: Site, grant: Grant) -> bool:
    """End a grant at its network; say whether there is nothing left to do.

    A server may give the same token again to who comes back: what is in use again is left alone.
    """
    network = site.networks.get(grant.network)
    if network is None or network.sign_in is None:
        return False  # switched off, and perhaps on again tomorrow
    if service.is_kept(site, grant):
        return True
    try:
        network.sign_in.revoke(grant)
    except NetworkError:
        return False
    return True
