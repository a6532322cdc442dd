"""Lists meet the directory: when lists arrive (forward), and when people do (reverse).

Both end in `meeting.meet`. Who comes together is met together: a set that all of them concern is opened once.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from openportability.accounts import line_store
from openportability.accounts import store as accounts
from openportability.db.engine import Tx
from openportability.domain import Account, UserId
from openportability.errors import without_words
from openportability.graph import store as lists
from openportability.graph.codec import sorted_set
from openportability.matching import horizon_store, store
from openportability.matching.directory import Directories, Numbers
from openportability.matching.holders import Pairs, who_lists
from openportability.matching.horizon_store import NOBODY_MET, Horizon
from openportability.matching.meeting import meet, said_of
from openportability.matching.people import People
from openportability.matching.rounds import Newcomers, within
from openportability.site import Site

log = logging.getLogger(__name__)

#: Accounts that one reverse pass takes: a pass costs the same for one as for a thousand.
NEWCOMERS = 1000
#: Lists that are met together at most.
LISTS = 500
#: Who may meet more people meets them by themselves: others would wait for seconds.
_MANY = 10_000
PEOPLE_CURSOR = "matching.accounts"
_LISTS_CURSOR = "matching.lists"


def match_lists(site: Site, user: UserId) -> None:
    """Forward: let a user's lists meet everyone who is in them, or was until now."""
    _match_all(site, [user], None)


def answer_more(site: Site, user: UserId) -> None:
    """Forward for whose lists hold more people than could be answered in a day."""
    match_lists(site, user)
    with site.db.write() as tx:
        store.put_off_answers(tx, user, site.clock.now())


def lists_wait(site: Site) -> bool:
    """Say whether lists came that have not met the others."""
    with site.db.read() as tx:
        return lists.newest_seq(tx) > store.cursor(tx, _LISTS_CURSOR)


@dataclass(frozen=True, kw_only=True)
class Round:
    """What became of lists that waited."""

    #: Whose have met everyone now.
    met: int
    #: Whose are so long that they are to be met alone.
    left: Sequence[UserId]
    #: There may be more behind these.
    full: bool


def meet_lists(site: Site) -> Round:
    """Forward for all lists that wait."""
    with site.db.read() as tx:
        cursor = store.cursor(tx, _LISTS_CURSOR)
        waiting = horizon_store.unmet(tx, cursor, LISTS)
        until = waiting[0][1] - 1 if waiting else lists.newest_seq(tx)
    if until > cursor:
        with site.db.write() as tx:
            store.move_cursor(tx, _LISTS_CURSOR, until)
    users = sorted({user for user, _ in waiting})
    left, failed = _match_some(site, users, _MANY)
    met = len(users) - len(left) - len(failed)
    if failed and not met:
        raise failed[0]
    return Round(met=met, left=left, full=len(waiting) == LISTS)


def meet_many(site: Site) -> bool:
    """Forward for those whom `meet_lists` leaves, one after the other; say whether anybody was met."""
    with site.db.read() as tx:
        waiting = horizon_store.unmet(tx, store.cursor(tx, _LISTS_CURSOR), LISTS)
    met, failed = False, list[Exception]()
    for user in dict.fromkeys(user for user, _ in waiting):
        try:
            met |= _met_as_many(site, user)
        except Exception as error:  # noqa: BLE001 - it is raised where nobody else was met
            failed.append(error)
    if failed and not met:
        raise failed[0]
    return met


def _met_as_many(site: Site, user: UserId) -> bool:
    """Match a user whose lists are long; say whether they are."""
    with site.db.read() as tx:
        many = concerned(tx, site, user).most > _MANY
    if many:
        match_lists(site, user)
    return many


def _match_some(
    site: Site, users: Sequence[UserId], most: int | None
) -> tuple[list[UserId], list[Exception]]:
    """Match users together; if that fails by halves: what is wrong with one is not the trouble of all.

    Return who is left, and what went wrong.
    """
    try:
        return _match_all(site, users, most), []
    except Exception as error:  # noqa: BLE001 - it is raised, or logged, where nobody else was met
        if len(users) == 1:
            return [], [error]
    middle = len(users) // 2
    some, others = (_match_some(site, half, most) for half in (users[:middle], users[middle:]))
    return some[0] + others[0], some[1] + others[1]


def _match_all(site: Site, users: Sequence[UserId], most: int | None) -> list[UserId]:
    """Forward for some users; leave out, and return, those who may meet more people than `most`."""
    with site.db.read() as tx:
        horizons = _horizons(tx, users)
        before = horizon_store.horizons(tx, users)
        swept = store.cursor(tx, PEOPLE_CURSOR)
        meant = {user: concerned(tx, site, user) for user in users}
    left = [user for user, one in meant.items() if most is not None and one.most > most]
    late, others = [], []
    for user, one in meant.items():
        if user not in left:
            came = one.newer_than(_known_until(before.get(user, NOBODY_MET), horizons[user], swept))
            late.append(Pairs.of(user, came))
            others.append(Pairs.of(user, one.users() - came))
    # In this order: whoever came meanwhile is still the one who arrives.
    meet(site, Pairs.joined(late), owner_came=False)
    meet(site, Pairs.joined(others), owner_came=True)
    brought = {user: to for user, to in horizons.items() if to.lists and user not in left}
    touched = [user for user in users if user in brought or meant[user].gone.size]
    if touched:
        with site.db.write() as tx:
            opened = store.lock_sets(tx, site.vault, touched, site.clock.now())
            for user, own in opened.items():
                own.rows.drop(meant[user].gone)
            store.put_sets(tx, opened)
            # Not of who has no lists: it would tell when they came into the sets of others.
            noted = {user: brought[user] for user in opened if user in brought}
            horizon_store.note_horizons(tx, noted)
    return left


def _horizons(tx: Tx, users: Sequence[UserId]) -> dict[UserId, Horizon]:
    """Return how far lists will have met others that are read in this transaction."""
    people, brought = line_store.newest_seq(tx), lists.newest_seqs(tx, users)
    return {user: Horizon(people=people, lists=brought.get(user, 0)) for user in users}


def newcomers_wait(site: Site) -> bool:
    """Say whether anybody arrived, linked or unlinked an account or changed who may find them."""
    with site.db.read() as tx:
        return line_store.newest_seq(tx) > store.cursor(tx, PEOPLE_CURSOR)


def meet_newcomers(site: Site) -> Newcomers:
    """Reverse: let the next newcomers meet all lists, and their own lists all others."""
    with site.db.read() as tx:
        waiting = line_store.listed_since(tx, store.cursor(tx, PEOPLE_CURSOR), limit=NEWCOMERS)
        listed = within(tx, waiting)
        # All accounts of these people: a new place to follow them matters to who knew the old one.
        people = line_store.listed_of(tx, sorted({line.user for line in listed}))
    if not listed:
        return Newcomers(met=0, full=False)
    came = {line.user: line.seq for line in listed}
    meet(site, _missed(site, who_lists(site, people), came), owner_came=False)
    # Whom their own lists name: what those see of them changed as well.
    with site.db.read() as tx:
        met = horizon_store.horizons(tx, list(came))
    own = [user for user, seq in came.items() if met.get(user, NOBODY_MET).people < seq]
    if own:
        _, failed = _match_some(site, own, None)
        if len(failed) == len(own):
            raise failed[0]
        for error in failed:
            # Theirs wait for their next lists, or for the day's answers; whoever comes waits for nobody.
            log.error("newcomer_unmet", extra=without_words(error))
    with site.db.write() as tx:
        store.move_cursor(tx, PEOPLE_CURSOR, listed[-1].seq)
    return Newcomers(met=len(listed), full=listed is not waiting or len(listed) >= NEWCOMERS)


def forget_account(tx: Tx, site: Site, account: Account) -> None:
    """Take out of the set of an account's user what was known through it, before it goes.

    That is what its lists say, and all that others' lists say on its network: if that names
    another account of theirs as well, the next sweep brings it back, and it tells the others too.
    """
    lists.drop_lists(tx, account.user, account.id)
    opened = store.lock_sets(tx, site.vault, [account.user], site.clock.now())
    if account.user in opened:
        own = opened[account.user].rows
        lines = line_store.listed_by_id(tx, own.accounts().tolist())
        there = People.of([line for line in lines if line.network == account.actor.network])
        own.owe(there, said_of(lists.open_lists(tx, site.vault, account.user), there))
        store.put_sets(tx, opened)
    accounts.meet_again(tx, account.user)


@dataclass(frozen=True, kw_only=True)
class Concerned:
    """Whom a user's lists or match set hold."""

    #: All their accounts that are held, and the sequence numbers of these.
    owners: Numbers
    seqs: Numbers
    #: Accounts in the set that are no longer linked.
    gone: Numbers
    #: How many there may be, by what the user knows: how long their lists are, and how much they are shown. To go by
    #: who is here would tell them, by how long they wait, of those who hide.
    most: int

    def users(self) -> set[UserId]:
        return {UserId(user) for user in sorted_set(self.owners).tolist()}

    def newer_than(self, seq: int | None) -> set[UserId]:
        """Return who came after a sequence number; nobody without one."""
        if seq is None:
            return set()
        return {UserId(user) for user in sorted_set(self.owners[self.seqs > seq]).tolist()}


def concerned(tx: Tx, site: Site, user: UserId) -> Concerned:
    """Return whom a user's lists or match set hold."""
    directory = site.memory.of(Directories).as_of(tx, site.vault)
    own = lists.open_lists(tx, site.vault, user)
    listed = [directory.holding(of.network, keys) for of, keys in own]
    known = store.set_of(tx, site.vault, user)
    met = known.accounts()
    here, at = directory.find(met)
    places = np.concatenate([*listed, at])
    places = places[directory.lines.user[places] != user]
    return Concerned(
        owners=directory.lines.user[places],
        seqs=directory.lines.seq[places],
        gone=met[~here],
        most=sum(keys.size for _, keys in own) + known.count_seen(),
    )


def _known_until(before: Horizon, now: Horizon, swept: int) -> int | None:
    """Return up to which sequence number a user's lists, or a sweep, have met everyone.

    None where the lists are new themselves: then it is they who come.
    """
    return None if before.lists < now.lists else max(before.people, swept)


def _missed(site: Site, knowing: Pairs, came: Mapping[UserId, int]) -> Pairs:
    """Leave out whom a forward pass of the owner has met since they came."""
    owners, owner = np.unique(knowing.owners, return_inverse=True)
    with site.db.read() as tx:
        met = horizon_store.horizons(tx, [UserId(one) for one in owners.tolist()])
    until = [met.get(UserId(one), NOBODY_MET).people for one in owners.tolist()]
    seqs = [came[UserId(one)] for one in knowing.others.tolist()]
    return knowing.kept(np.array(until, np.int64)[owner] < np.array(seqs, np.int64))
