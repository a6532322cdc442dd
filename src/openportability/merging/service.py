"""Two users who turn out to be one person: what would move, and the move itself, in one transaction.

A person proves it by signing in, while signed in as one user, with an account of the other
(`accounts.rules.Taken`). For ten minutes that very session may then join the two, or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from openportability.accounts import grant_store, session_store, twin_store
from openportability.accounts import service as account_service
from openportability.accounts import store as accounts
from openportability.accounts.session_store import SessionKind
from openportability.archives import store as archives
from openportability.consent import service as consent
from openportability.consent.rules import Choice
from openportability.db.engine import Tx
from openportability.domain import Account, Deed, Pace, Proof, UserId
from openportability.errors import Conflict
from openportability.graph import store as lists
from openportability.mail import service as mail
from openportability.matching import service as matching
from openportability.privacy import store as privacy
from openportability.reconnection import move_store
from openportability.reconnection import service as reconnection
from openportability.reconnection import store as ledger
from openportability.site import Site


@dataclass(frozen=True, kw_only=True)
class Coming:
    """What moves to who is signed in, and what does not."""

    accounts: list[Account]
    lists: int
    reports: int
    matches: int
    dismissed: int
    #: Rows of the ledger, by the words of the progress page.
    follows: Mapping[str, int]
    #: What holds afterwards, of what was ever chosen.
    holds: Mapping[Choice, str]
    pace: Pace
    #: Of both, for they speak of one half alone.
    plans: int
    #: Where the other user is signed in: browsers and programs.
    sessions: int


def look(site: Site, user: UserId, session: int) -> Coming:
    """Say what a merge would do; nothing is changed."""
    now = site.clock.now()
    with site.db.read() as tx:
        other = _other(tx, site, session)
        matches = [one for one in matching.matches_of(tx, site, other) if one.user != user]
        counts = ledger.counts(tx, other)[Deed.FOLLOW]
        return Coming(
            accounts=accounts.accounts_of(tx, other),
            lists=len(lists.lists_of(tx, other)),
            reports=archives.count(tx, other),
            matches=len(matches),
            dismissed=sum(match.dismissed for match in matches),
            follows={
                group: sum(number for (_, state), number in counts.items() if state in states)
                for group, states in reconnection.GROUPS.items()
            },
            holds={choice: said.value for choice, said in consent.joined(tx, user, other).items()},
            pace=_pace(tx, user, other),
            plans=move_store.plans_of(tx, [user, other]),
            sessions=sum(
                len(session_store.sessions_of(tx, other, kind, now)) for kind in SessionKind
            ),
        )


def cancel(site: Site, session: int) -> None:
    """Leave the two as they are."""
    with site.db.write() as tx:
        session_store.drop_merge(tx, session)


def merge(site: Site, user: UserId, session: int) -> None:
    """Make one user of two: all that is the other's becomes theirs, and the other is erased."""
    now = site.clock.now()
    with site.db.write() as tx:
        other = _other(tx, site, session)
        held = [accounts.hold(tx, one, now) for one in sorted((user, other))]
        # Asked again: what was true before we held the two may be past.
        if not all(held) or _other(tx, site, session) != other:
            raise Conflict("merge.ended")
        # As one who leaves: whoever meets them holds their key, waits for their match set, and would keep both of us.
        privacy.hold(tx, other)
        _join(tx, site, user, other)
        session_store.drop_merge(tx, session)
        privacy.erase_rows(tx, other)
        tx.after(lambda: site.engine.wake(lists.ARRIVED))


def _join(tx: Tx, site: Site, user: UserId, other: UserId) -> None:
    old, key = (accounts.personal_key(tx, site.vault, one) for one in (other, user))
    pace = _pace(tx, user, other)
    matching.join(tx, site, user, other)
    lists.move_lists(tx, old, key, other, user)
    archives.move_reports(tx, old, key, other, user)
    grant_store.move_grants(tx, old, key, other, user)
    for lost, kept in _doubles(tx, user, other):
        lists.hand_lists_over(tx, key, lost.id, kept.id, user)
        account_service.drop(tx, site, lost)
    accounts.move_accounts(tx, other, user)
    twin_store.move(tx, other, user)
    twin_store.drop_where_native(tx, user)
    reconnection.join(tx, site, user, other)
    consent.join(tx, site, user, other)
    mail.join(tx, site, user)
    accounts.choose(tx, user, pace=pace)
    accounts.meet_again(tx, user)


def _other(tx: Tx, site: Site, session: int) -> UserId:
    """Return whom a session may join; the account that was proved must still be theirs."""
    offer = session_store.merge_offered(tx, site.vault, session, site.clock.now())
    account = accounts.account(tx, offer.account) if offer else None
    if offer is None or account is None or account.user != offer.other:
        raise Conflict("merge.ended")
    return offer.other


def _doubles(tx: Tx, user: UserId, other: UserId) -> list[tuple[Account, Account]]:
    """Return accounts that both have, the one that goes first: one proves what the other claims."""
    mine = {(one.actor.network, one.actor.id): one for one in accounts.accounts_of(tx, user)}
    doubles = []
    for theirs in accounts.accounts_of(tx, other):
        own = mine.get((theirs.actor.network, theirs.actor.id))
        if own is not None:
            goes_first = theirs.proof is Proof.CLAIMED
            doubles.append((theirs, own) if goes_first else (own, theirs))
    return doubles


def _pace(tx: Tx, user: UserId, other: UserId) -> Pace:
    """Return the gentler pace of the two."""
    chosen = [one.pace for one in accounts.users_by_id(tx, [user, other]).values()]
    return min(chosen, key=list(Pace).index)
