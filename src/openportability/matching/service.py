"""Whom I knew, where they are now: what a person is shown of their match set, decided when it is read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from openportability.accounts import store as accounts
from openportability.db.engine import Tx
from openportability.domain import Account, AccountId, Kind, Match, NetworkName, Proof, UserId
from openportability.graph import store as lists
from openportability.graph.codec import sorted_set
from openportability.jobs.port import Wake
from openportability.matching import store, sweep
from openportability.matching.counting import NOBODY, Count, Counts, count
from openportability.matching.directory import Directories, Directory
from openportability.matching.rules import Bit
from openportability.matching.said import COSTS, MAY_AVOID
from openportability.matching.seen import Filter, Seen
from openportability.matching.sets import MatchSet
from openportability.site import Site


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which matches a person means: all, these, or those a filter shows."""

    #: None: not by hand.
    users: frozenset[UserId] | None = None
    #: None: no filter, that is all that are not dismissed.
    filter: Filter | None = None


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """How many a selection passes over; who hides or left is not among them, as if they never were here."""

    #: Put aside.
    aside: int = 0
    #: Blocked or muted, as far as the person may learn that these are here.
    avoided: int = 0


def seen(tx: Tx, site: Site, user: UserId) -> Seen:
    """Return everyone a user may see, dismissed ones included, as columns."""
    return Seen(*_shown_to(tx, site, user, _met(tx, site, user)))


def counted(tx: Tx, site: Site, user: UserId, looked_at: datetime | None = None) -> Count:
    """Return how many a user may see, and how many of them came since the user looked at them; None: ever."""
    met = _met(tx, site, user)
    if not len(met):
        # Who is new needs no directory; while many come it is another one at each page.
        return NOBODY
    shown = _shown_to(tx, site, user, met)
    # Who writes may see what is rolled back: nothing that others could be told.
    if tx.writes:
        return count(Seen(*shown), looked_at)
    return site.memory.of(Counts).of(*shown, looked_at)


def _met(tx: Tx, site: Site, user: UserId) -> MatchSet:
    return store.open_set(tx, accounts.personal_key(tx, site.vault, user), user)


def _shown_to(
    tx: Tx, site: Site, user: UserId, met: MatchSet
) -> tuple[Directory, MatchSet, UserId, set[NetworkName]]:
    held = lists.lists_of(tx, user)
    brought = {one.of.network for one in held if one.of.kind is Kind.FOLLOWING}
    return site.memory.of(Directories).as_of(tx, site.vault), met, user, brought


def matches_of(tx: Tx, site: Site, user: UserId) -> list[Match]:
    """Return everyone a user may see, in the order of the page, dismissed ones included."""
    people = seen(tx, site, user)
    return people.matches(tx, people.in_order(np.ones(len(people), np.bool_)))


def chosen(tx: Tx, site: Site, user: UserId, selection: Selection) -> list[Match]:
    """Return the matches that a selection means now.

    Who only claims to be somebody, or is not in the list that would hold them, is never part of
    *all* or of a filter: only picked by hand.
    """
    people = seen(tx, site, user)
    if selection.users is not None:
        which = people.are(selection.users)
    else:
        by = selection.filter or Filter()
        which = people.narrowed(tx, by, among=~people.by_hand_only)
    return people.matches(tx, people.in_order(which))


def left_out(tx: Tx, site: Site, user: UserId, selection: Selection) -> LeftOut:
    """Say how many a selection passes over by the person's own will. Who is picked by hand passes over nobody."""
    by = selection.filter or Filter()
    if selection.users is not None or by.dismissed:
        return LeftOut()
    people = seen(tx, site, user)
    aside = people.narrowed(tx, replace(by, dismissed=True), among=~people.by_hand_only)
    # A filter is of matches: whom it would show of the others nobody asks.
    kinds = avoided(tx, site, user).values() if by == Filter() else ()
    return LeftOut(
        aside=int(aside.sum()),
        avoided=len({account.user for some in kinds for account in some}),
    )


def arrived(tx: Tx, site: Site, user: UserId) -> list[Match]:
    """Return those of *all* who came after the user's lists did: a matter for a standing wish."""
    people = seen(tx, site, user)
    which = people.narrowed(tx, Filter(), among=people.arrived & ~people.by_hand_only)
    return people.matches(tx, people.in_order(which))


def avoided(tx: Tx, site: Site, user: UserId) -> Mapping[Kind, list[Account]]:
    """Return the proved accounts of whom a user blocked, and of whom they muted and did not block.

    Only as far as the user may learn where these people are. Nobody is avoided on a claim: neither
    who only claims to be the one in the list, nor where that one only claims to be somebody else.
    """
    met = store.open_whole(tx, {user: accounts.personal_key(tx, site.vault, user)}).get(user)
    if met is None:
        return {Kind.BLOCKED: [], Kind.MUTED: []}
    directory = site.memory.of(Directories).as_of(tx, site.vault)
    _, here = directory.find(met.accounts())
    lines = directory.lines.kept(here[directory.lines.user[here] != user])
    said = met.about(lines.account)
    told = MAY_AVOID[said.bits, lines.found] & (said.answered | ~COSTS[said.bits]) & lines.proved
    blocked = set(lines.user[told & (said.bits & Bit.BLOCKED != 0)].tolist())
    people = [UserId(one) for one in sorted_set(lines.user[told]).tolist()]
    theirs = accounts.accounts_of_all(tx, people)
    proved = [account for account in theirs if account.proof is Proof.PROVED]
    return {
        Kind.BLOCKED: [account for account in proved if account.user in blocked],
        Kind.MUTED: [account for account in proved if account.user not in blocked],
    }


def set_dismissed(
    tx: Tx, site: Site, user: UserId, others: Collection[UserId], *, dismissed: bool
) -> int:
    """Put matches aside, or take them back; return how many there were."""
    opened = store.lock_sets(tx, site.vault, [user], site.clock.now())
    people = seen(tx, site, user)
    meant = people.are(others)
    for own in opened.values():
        own.rows.dismiss(people.accounts_of(meant), dismissed=dismissed)
    store.put_sets(tx, opened)
    return int(meant.sum())


def set_aside(tx: Tx, site: Site, user: UserId) -> set[AccountId]:
    """Return all accounts of the matches that a user put aside."""
    people = seen(tx, site, user)
    put_aside = people.matches(tx, people.in_order(people.dismissed))
    return {account.id for match in put_aside for account in match.accounts}


def end_account(tx: Tx, site: Site, account: Account) -> None:
    """Forget what was known through an account, in the transaction that unlinks it."""
    keep_spent(tx, site, account)
    sweep.forget_account(tx, site, account)
    tx.after(lambda: site.engine.wake(Wake(job="people-arrived", key="all")))


def keep_spent(tx: Tx, site: Site, account: Account) -> None:
    """Keep what was answered today beyond an account that goes."""
    store.keep_answers(tx, site.vault, account, site.clock.now())


def join(tx: Tx, site: Site, user: UserId, other: UserId) -> None:
    """Let one user know whom two have met, before the accounts of the other become theirs.

    What lists say of the two together is what they say of each; the next sweep tells the others.
    """
    opened = store.lock_sets(tx, site.vault, sorted([user, other]), site.clock.now())
    own = [account.id for account in accounts.accounts_of_all(tx, [user, other])]
    mine, theirs = opened[user], opened[other]
    mine.rows.take(theirs.rows, but=own)
    waiting = [at for at in (mine.again_at, theirs.again_at) if at is not None]
    mine.again_at = min(waiting, default=None)
    store.put_sets(tx, {user: mine})
    store.add_answers(tx, user, other)
