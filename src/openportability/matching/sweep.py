"""Lists meet the directory: when lists arrive (forward), and when people do (reverse).

Both end in `_meet`, a short transaction between one owner of lists and some others. It holds the match sets of all of
them, and only then reads today's lists and accounts, so what was replaced or unlinked meanwhile never speaks. What the
lists say is written into the owner's set and into the others' at once: whoever was told something is in the owner's
set, and so is found again when the lists change. Done twice, or killed half-way and done again, it ends the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import numpy as np

from openportability.accounts import store as accounts
from openportability.accounts.people import Listed
from openportability.clock import micros
from openportability.db.engine import Tx
from openportability.domain import Account, AccountId, NetworkName, Proof, UserId
from openportability.graph import store as lists
from openportability.graph.codec import Keys
from openportability.graph.probe import Probe, held
from openportability.matching import store
from openportability.matching.rules import FROM_MINE, FROM_THEIRS, MINE, Bit, told
from openportability.matching.sets import Bits, People
from openportability.site import Site

#: Accounts that one reverse pass takes: a pass costs the same for one as for a thousand.
_NEWCOMERS = 1000
#: Lists that one look after forgotten wakes takes.
_LISTS = 1000
#: Others whose sets one transaction changes: tens of milliseconds, for which others wait.
_USERS = 200
_PEOPLE_CURSOR = "matching.accounts"
_LISTS_CURSOR = "matching.lists"


def match_lists(site: Site, user: UserId) -> None:
    """Forward: let a user's lists meet everyone who is in them, or was until now."""
    with site.db.read() as tx:
        # First, so that whoever comes while the rest is read is met once more rather than never.
        horizon = store.Horizon(people=accounts.newest_seq(tx), lists=lists.newest_seq_of(tx, user))
        others, gone = _concerned(tx, site, user)
    _meet_all(site, user, others, owner_came=True)
    with site.db.write() as tx:
        opened = store.lock_sets(tx, site.vault, [user])
        for own in opened.values():
            own.rows.drop(gone)
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
        return accounts.newest_seq(tx) > store.cursor(tx, _PEOPLE_CURSOR)


def meet_newcomers(site: Site) -> bool:
    """Reverse: let the next newcomers meet all lists; say whether there were any."""
    with site.db.read() as tx:
        listed = accounts.listed_since(tx, store.cursor(tx, _PEOPLE_CURSOR), _NEWCOMERS)
        # All accounts of these people: a new place to follow them matters to who knew the old one.
        people = accounts.listed_of(tx, sorted({line.user for line in listed}))
    if not listed:
        return False
    came = {line.user: line.seq for line in listed}
    for owner, others in _who_lists(site, people).items():
        with site.db.read() as tx:
            met = store.horizons(tx, [owner]).get(owner, store.NOBODY_MET)
        # Whom a forward pass has met since they came need not be met again.
        missed = {other for other in others if met.people < came[other]}
        _meet_all(site, owner, missed, owner_came=False)
    for user, seq in came.items():
        # Whom their own lists name: what those see of them changed as well.
        with site.db.read() as tx:
            met = store.horizons(tx, [user]).get(user, store.NOBODY_MET)
        if met.people < seq:
            match_lists(site, user)
    with site.db.write() as tx:
        store.move_cursor(tx, _PEOPLE_CURSOR, listed[-1].seq)
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
        lines = accounts.listed_by_id(tx, own.accounts())
        there = People([line for line in lines if line.network == account.actor.network])
        said, _ = _said(lists.open_lists(tx, site.vault, account.user), there)
        own.owe(there, said)
        store.put_sets(tx, opened)
    accounts.meet_again(tx, account.user)


def _concerned(tx: Tx, site: Site, user: UserId) -> tuple[set[UserId], list[AccountId]]:
    """Return whom a user's lists or match set hold, and accounts in the set that are gone."""
    others: set[UserId] = set()
    for of, keys in lists.open_lists(tx, site.vault, user):
        others |= accounts.users_listed(tx, of.network, keys.tolist())
    met = store.accounts_met(tx, site.vault, user)
    owners = accounts.owners_of(tx, met)
    others.update(owners.values())
    return others - {user}, [account for account in met if account not in owners]


def _who_lists(site: Site, people: Sequence[Listed]) -> dict[UserId, set[UserId]]:
    """Return whose lists hold which of these people, by one pass over all lists."""
    on_network: dict[NetworkName, dict[int, set[UserId]]] = defaultdict(lambda: defaultdict(set))
    for line in people:
        on_network[line.network][line.key].add(line.user)
    probes = {
        network: Probe(np.array(sorted(users), np.uint64)) for network, users in on_network.items()
    }
    knowing: dict[UserId, set[UserId]] = defaultdict(set)
    for of, keys in lists.each_list(site.db, site.vault, list(probes)):
        found, _ = probes[of.network].among(keys)
        users = on_network[of.network]
        others = set[UserId]().union(*(users[key] for key in keys[found].tolist())) - {of.user}
        if others:
            knowing[of.user] |= others
    return knowing


def _meet_all(site: Site, owner: UserId, others: set[UserId], *, owner_came: bool) -> None:
    for some in _batches(sorted(others)):
        with site.db.write() as tx:
            _meet(tx, site, owner, some, owner_came=owner_came)


def _meet(tx: Tx, site: Site, owner: UserId, others: Sequence[UserId], *, owner_came: bool) -> None:
    """Write what the owner's lists of today say of these others, on both sides.

    `owner_came`: it is the owner who has something new, so it is they who arrive at the others.
    """
    opened = store.lock_sets(tx, site.vault, [owner, *others])
    if owner not in opened:
        return
    lines = accounts.listed_of(tx, list(opened))
    them = People([line for line in lines if line.user != owner])
    me = People([line for line in lines if line.user == owner])
    of_them, to_them = _said(lists.open_lists(tx, site.vault, owner), them)
    now = micros(site.clock.now()) // 1_000_000
    opened[owner].rows.say(
        them, of_them, instead_of=FROM_MINE, by_them=not owner_came, now_seconds=now
    )
    for other in opened.keys() - {owner}:
        said = to_them.get(other, {})
        bits: Bits = np.array([said.get(line.account, 0) for line in me.lines], np.uint8)
        opened[other].rows.say(
            me, bits, instead_of=FROM_THEIRS, by_them=owner_came, now_seconds=now
        )
    _answer(tx, site, opened, lines, {user: them if user == owner else me for user in opened})
    store.put_sets(tx, opened)


def _answer(
    tx: Tx,
    site: Site,
    opened: Mapping[UserId, store.Opened],
    lines: Sequence[Listed],
    met: Mapping[UserId, People],
) -> None:
    """Let those who own these sets be shown whom they met, as far as their day's answers go."""
    now = site.clock.now()
    day = store.day_of(now)
    spent = store.answers_spent(tx, list(opened), day)
    proved = {(line.user, line.network) for line in lines if line.proof is Proof.PROVED}
    few, many = site.settings.answers_a_day_claimed, site.settings.answers_a_day
    more: dict[UserId, int] = {}
    for user, own in opened.items():
        places = [line.network for line in met[user].lines]
        most = np.array([many if (user, name) in proved else few for name in places], np.int64)
        if newly := own.rows.answer(met[user], most, spent.get(user, 0)):
            more[user] = spent.get(user, 0) + newly
        own.again_at = (own.again_at or store.next_day(now)) if own.rows.waits else None
    store.note_answers(tx, day, more)


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


def _batches(users: Sequence[UserId]) -> Iterator[list[UserId]]:
    rest = iter(users)
    while some := list(islice(rest, _USERS)):
        yield some
