"""Lists meet the directory: when lists arrive (forward), and when people do (reverse).

Both end in `_meet_all`, short transactions between some owners of lists and others. Each holds the match sets of all of
them, and only then reads today's lists and accounts, so what was replaced or unlinked meanwhile never speaks. What the
lists say is written into the owner's set and into the others' at once: whoever was told something is in the owner's
set, and so is found again when the lists change. Done twice, or killed half-way and done again, it ends the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from openportability.accounts import line_store
from openportability.accounts import store as accounts
from openportability.accounts.people import Listed
from openportability.clock import micros
from openportability.db.engine import Tx
from openportability.domain import Account, AccountId, UserId
from openportability.graph import store as lists
from openportability.graph.codec import Keys
from openportability.graph.probe import held
from openportability.matching import store
from openportability.matching.answers import Answers
from openportability.matching.directory import Directories, Numbers
from openportability.matching.holders import Pairs, who_lists
from openportability.matching.rules import FROM_MINE, FROM_THEIRS, MINE, Bit, told
from openportability.matching.sets import Bits, People
from openportability.site import Site

#: Accounts that one reverse pass takes: a pass costs the same for one as for a thousand.
_NEWCOMERS = 1000
#: Lists that one look after forgotten wakes takes.
_LISTS = 1000
#: Pairs of an owner and another whose sets one transaction changes: others wait some tenths of a second.
_PAIRS = 200
PEOPLE_CURSOR = "matching.accounts"
_LISTS_CURSOR = "matching.lists"


def match_lists(site: Site, user: UserId) -> None:
    """Forward: let a user's lists meet everyone who is in them, or was until now."""
    with site.db.read() as tx:
        # First, so that whoever comes while the rest is read is met once more rather than never.
        horizon = store.Horizon(
            people=line_store.newest_seq(tx), lists=lists.newest_seq_of(tx, user)
        )
        newer_than = _known_until(tx, user, horizon)
        meant = concerned(tx, site, user)
    # In this order: whoever came meanwhile is still the one who arrives.
    late = meant.newer_than(newer_than)
    _meet_all(site, Pairs.of(user, late), owner_came=False)
    _meet_all(site, Pairs.of(user, meant.users() - late), owner_came=True)
    with site.db.write() as tx:
        opened = store.lock_sets(tx, site.vault, [user])
        for own in opened.values():
            own.rows.drop(meant.gone)
        store.put_sets(tx, opened)
        store.note_horizon(tx, user, horizon)


def answer_more(site: Site, user: UserId) -> None:
    """Forward for whose lists hold more people than could be answered in a day."""
    match_lists(site, user)
    with site.db.write() as tx:
        store.put_off_answers(tx, user, site.clock.now())


def lists_wait(site: Site) -> bool:
    """Say whether lists came that the last look has not seen."""
    with site.db.read() as tx:
        return bool(lists.brought_since(tx, store.cursor(tx, _LISTS_CURSOR), 1))


def meet_lists(site: Site) -> bool:
    """Forward for lists that came since the last look, in case their wake was lost."""
    with site.db.read() as tx:
        brought = lists.brought_since(tx, store.cursor(tx, _LISTS_CURSOR), _LISTS)
        met = store.horizons(tx, [user for user, _ in brought])
    if not brought:
        return False
    for user, seq in dict(brought).items():
        if met.get(user, store.NOBODY_MET).lists < seq:
            match_lists(site, user)
    with site.db.write() as tx:
        store.move_cursor(tx, _LISTS_CURSOR, brought[-1][1])
    return True


def newcomers_wait(site: Site) -> bool:
    """Say whether anybody arrived, linked or unlinked an account or changed who may find them."""
    with site.db.read() as tx:
        return line_store.newest_seq(tx) > store.cursor(tx, PEOPLE_CURSOR)


def meet_newcomers(site: Site) -> bool:
    """Reverse: let the next newcomers meet all lists; say whether there were any."""
    with site.db.read() as tx:
        listed = line_store.listed_since(tx, store.cursor(tx, PEOPLE_CURSOR), limit=_NEWCOMERS)
        # All accounts of these people: a new place to follow them matters to who knew the old one.
        people = line_store.listed_of(tx, sorted({line.user for line in listed}))
    if not listed:
        return False
    came = {line.user: line.seq for line in listed}
    _meet_all(site, _missed(site, who_lists(site, people), came), owner_came=False)
    for user, seq in came.items():
        # Whom their own lists name: what those see of them changed as well.
        with site.db.read() as tx:
            met = store.horizons(tx, [user]).get(user, store.NOBODY_MET)
        if met.people < seq:
            match_lists(site, user)
    with site.db.write() as tx:
        store.move_cursor(tx, PEOPLE_CURSOR, listed[-1].seq)
    return True


def forget_account(tx: Tx, site: Site, account: Account) -> None:
    """Take out of the set of an account's user what was known through it, before it goes.

    That is what its lists say, and all that others' lists say on its network: if that names
    another account of theirs as well, the next sweep brings it back, and it tells the others too.
    """
    lists.drop_lists(tx, account.id)
    opened = store.lock_sets(tx, site.vault, [account.user])
    if account.user in opened:
        own = opened[account.user].rows
        lines = line_store.listed_by_id(tx, own.accounts().tolist())
        there = People([line for line in lines if line.network == account.actor.network])
        said, _ = _said(lists.open_lists(tx, site.vault, account.user), there)
        own.owe(there, said)
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

    def users(self) -> set[UserId]:
        return {UserId(user) for user in np.unique(self.owners).tolist()}

    def newer_than(self, seq: int | None) -> set[UserId]:
        """Return who came after a sequence number; nobody without one."""
        if seq is None:
            return set()
        return {UserId(user) for user in np.unique(self.owners[self.seqs > seq]).tolist()}


def concerned(tx: Tx, site: Site, user: UserId) -> Concerned:
    """Return whom a user's lists or match set hold."""
    directory = site.memory.of(Directories).as_of(tx)
    listed = [
        directory.holding(of.network, keys) for of, keys in lists.open_lists(tx, site.vault, user)
    ]
    met = store.accounts_met(tx, site.vault, user)
    here, at = directory.find(met)
    places = np.concatenate([*listed, at])
    places = places[directory.lines.user[places] != user]
    return Concerned(
        owners=directory.lines.user[places], seqs=directory.lines.seq[places], gone=met[~here]
    )


def _known_until(tx: Tx, user: UserId, horizon: store.Horizon) -> int | None:
    """Return up to which sequence number a user's lists, or a sweep, have met everyone.

    None where the lists are new themselves: then it is they who come.
    """
    before = store.horizons(tx, [user]).get(user, store.NOBODY_MET)
    if before.lists < horizon.lists:
        return None
    return max(before.people, store.cursor(tx, PEOPLE_CURSOR))


def _missed(site: Site, knowing: Pairs, came: Mapping[UserId, int]) -> Pairs:
    """Leave out whom a forward pass of the owner has met since they came."""
    owners, owner = np.unique(knowing.owners, return_inverse=True)
    with site.db.read() as tx:
        met = store.horizons(tx, [UserId(one) for one in owners.tolist()])
    until = [met.get(UserId(one), store.NOBODY_MET).people for one in owners.tolist()]
    seqs = [came[UserId(one)] for one in knowing.others.tolist()]
    return knowing.kept(np.array(until, np.int64)[owner] < np.array(seqs, np.int64))


def _meet_all(site: Site, meetings: Pairs, *, owner_came: bool) -> None:
    """Let owners of lists meet others; some pairs at a time.

    `owner_came`: it is the owner who has something new, so it is they who arrive at the others.
    """
    for some in _batches(meetings):
        with site.db.write() as tx:
            people = {*some, *chain.from_iterable(some.values())}
            opened = store.lock_sets(tx, site.vault, sorted(people))
            lines: dict[UserId, list[Listed]] = defaultdict(list)
            for line in line_store.listed_of(tx, list(opened)):
                lines[line.user].append(line)
            answers = Answers(tx, site, opened, lines)
            for owner in sorted(opened.keys() & some.keys()):
                others = [other for other in some[owner] if other in opened]
                _meet(tx, site, owner, others, opened, lines, answers, owner_came=owner_came)
            answers.note(tx)
            store.put_sets(tx, opened)


def _meet(
    tx: Tx,
    site: Site,
    owner: UserId,
    others: Sequence[UserId],
    opened: Mapping[UserId, store.Opened],
    lines: Mapping[UserId, Sequence[Listed]],
    answers: Answers,
    *,
    owner_came: bool,
) -> None:
    """Write what the owner's lists of today say of these others, on both sides."""
    them = People([line for other in others for line in lines.get(other, ())])
    me = People(lines.get(owner, ()))
    of_them, to_them = _said(lists.open_lists(tx, site.vault, owner), them)
    now = micros(site.clock.now()) // 1_000_000
    opened[owner].rows.say(
        them, of_them, instead_of=FROM_MINE, by_them=not owner_came, now_seconds=now
    )
    answers.give(owner, them)
    for other in others:
        said = to_them.get(other, {})
        bits: Bits = np.array([said.get(line.account, 0) for line in me.lines], np.uint8)
        opened[other].rows.say(
            me, bits, instead_of=FROM_THEIRS, by_them=owner_came, now_seconds=now
        )
        answers.give(other, me)


def _said(
    now: Sequence[tuple[lists.ListOf, Keys]], people: People
) -> tuple[Bits, Mapping[UserId, Mapping[AccountId, Bit]]]:
    """Return what lists say of these accounts, and what to their users about the lists' accounts."""
    of_them = np.zeros(len(people.lines), np.uint8)
    to_them: dict[UserId, dict[AccountId, Bit]] = defaultdict(lambda: defaultdict(lambda: Bit.NONE))
    for of, keys in now:
        for at in np.flatnonzero(held(keys, people.keys)):
            line = people.lines[at]
            if line.network == of.network:
                of_them[at] |= MINE[of.kind]
                to_them[line.user][of.account] |= told(of.kind, line.proof)
    return of_them, to_them


def _batches(meetings: Pairs) -> Iterator[dict[UserId, list[UserId]]]:
    for start in range(0, len(meetings), _PAIRS):
        batch: dict[UserId, list[UserId]] = defaultdict(list)
        for owner, other in meetings.between(start, start + _PAIRS):
            batch[owner].append(other)
        yield batch
