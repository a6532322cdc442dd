"""Lists in and out: one sealed row for an account and kind. Nothing here knows who is a member."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, delete, func, select, update

from openportability.clock import micros, moment
from openportability.db.engine import Tx
from openportability.db.schema import follow_lists, user_keys
from openportability.domain import AccountId, Kind, NetworkName, UserId
from openportability.errors import without_words
from openportability.graph.codec import Keys, Unreadable, decode, encode
from openportability.jobs.port import Wake
from openportability.vault import PersonalKey, Vault
from openportability.vault import Unreadable as Sealed

log = logging.getLogger(__name__)

#: Lists came, or changed hands: whoever meets lists with people is to look.
ARRIVED = Wake(job="lists-arrived", key="all")
#: People whose lists are read by one query.
_TOGETHER = 100

#: Lists belong to the identity they came from: a second account of a person brings lists of its own.
_OWN = (follow_lists.c.account_id, follow_lists.c.kind)
_KEY = ("user_id", "account_id", "kind")
#: A sealed list, and the key to it.
SEALED = select(
    *_OWN,
    follow_lists.c.user_id,
    follow_lists.c.network,
    follow_lists.c.sealed,
    user_keys.c.wrapped,
).join(user_keys, user_keys.c.user_id == follow_lists.c.user_id)
_OF_USER = follow_lists.c.user_id == bindparam("user")
_IN_ORDER = follow_lists.c.network, *_OWN
#: Put together once: they are asked at each step of matching, and at each page.
_SEALED_OF = SEALED.where(_OF_USER).order_by(*_IN_ORDER)
_SEALED_LIST = select(follow_lists.c.sealed).where(
    _OF_USER,
    follow_lists.c.account_id == bindparam("account"),
    follow_lists.c.kind == bindparam("kind"),
)
#: Without the lists themselves, which are long.
_LISTS_OF = (
    select(
        *_OWN,
        follow_lists.c.network,
        follow_lists.c.n,
        follow_lists.c.taken_at,
        follow_lists.c.imported_at,
    )
    .where(_OF_USER)
    .order_by(*_IN_ORDER)
)


@dataclass(frozen=True, kw_only=True)
class ListOf:
    """Whose list, and of what."""

    user: UserId
    network: NetworkName
    kind: Kind
    #: The account it belongs to: who unlinks that account takes its lists away.
    account: AccountId


@dataclass(frozen=True, kw_only=True)
class Held:
    """A list as it is listed: all but the keys."""

    of: ListOf
    count: int
    taken_at: datetime | None
    imported_at: datetime


def put_list(
    tx: Tx,
    key: PersonalKey,
    of: ListOf,
    keys: Keys,
    *,
    taken_at: datetime | None,
    imported_at: datetime,
) -> None:
    """Store the list in place of the one before."""
    put_lists(tx, key, [(of, keys)], taken_at=taken_at, imported_at=imported_at)


def put_lists(
    tx: Tx,
    key: PersonalKey,
    some: Sequence[tuple[ListOf, Keys]],
    *,
    taken_at: datetime | None,
    imported_at: datetime,
) -> None:
    """Store a person's lists in place of those before, in two statements however many they are."""
    rows = [
        {
            "user_id": of.user,
            "network": of.network,
            "kind": of.kind,
            "account_id": of.account,
            "n": int(keys.size),
            "sealed": key.seal(encode(keys), place(of.account, of.kind)),
            "taken_at": micros(taken_at) if taken_at else None,
            "imported_at": micros(imported_at),
        }
        for of, keys in some
    ]
    if not rows:
        return
    change = [name for name in (*rows[0], "seq") if name not in _KEY]
    last = tx.dialect.next_seq(tx, "follow_lists", len(rows))
    numbered = [row | {"seq": seq} for seq, row in enumerate(rows, last - len(rows) + 1)]
    tx.execute(tx.dialect.upsert(follow_lists, key=_KEY, change=change), numbered)


def open_list(
    tx: Tx, key: PersonalKey, user: UserId, account: AccountId, kind: Kind
) -> Keys | None:
    """Return the keys of one list, or None where there is none."""
    which = {"user": user, "account": account, "kind": kind}
    sealed = tx.execute(_SEALED_LIST, which).scalar()
    return None if sealed is None else decode(key.open(sealed, place(account, kind)))


def lists_of(tx: Tx, user: UserId) -> list[Held]:
    """Return what lists a user has brought."""
    return [
        Held(
            of=ListOf(
                user=user,
                network=NetworkName(row.network),
                kind=Kind(row.kind),
                account=AccountId(row.account_id),
            ),
            count=row.n,
            taken_at=None if row.taken_at is None else moment(row.taken_at),
            imported_at=moment(row.imported_at),
        )
        for row in tx.execute(_LISTS_OF, {"user": user})
    ]


def move_lists(tx: Tx, old: PersonalKey, new: PersonalKey, user: UserId, to: UserId) -> None:
    """Let all lists of a user be another's; they meet everyone again."""
    rows = tx.execute(select(*_OWN, follow_lists.c.sealed).where(follow_lists.c.user_id == user))
    for row in rows.all():
        where = place(row.account_id, row.kind)
        tx.execute(
            update(follow_lists)
            .where(*_is_list(user, row.account_id, row.kind))
            .values(
                user_id=to,
                sealed=new.seal(old.open(row.sealed, where), where),
                seq=tx.dialect.next_seq(tx, "follow_lists"),
            )
        )


def hand_lists_over(
    tx: Tx, key: PersonalKey, lost: AccountId, kept: AccountId, user: UserId
) -> None:
    """Give the lists of one account to another of the same user that is the same actor: the newer stay."""
    there = {held.of.kind: held for held in lists_of(tx, user) if held.of.account == kept}
    for held in lists_of(tx, user):
        kind = held.of.kind
        if held.of.account != lost:
            continue
        if kind not in there or there[kind].imported_at < held.imported_at:
            keys = open_list(tx, key, user, lost, kind)
            assert keys is not None, "listed in the same transaction"
            of = replace(held.of, account=kept)
            put_list(tx, key, of, keys, taken_at=held.taken_at, imported_at=held.imported_at)
    drop_lists(tx, user, lost)


def drop_lists(tx: Tx, user: UserId, account: AccountId) -> None:
    """Forget the lists that belong to an account of a user."""
    own = follow_lists.c.user_id == user, follow_lists.c.account_id == account
    tx.execute(delete(follow_lists).where(*own))


def open_lists(tx: Tx, vault: Vault, user: UserId) -> list[tuple[ListOf, Keys]]:
    """Return all lists of a user; none when they left."""
    return list(_opened(vault, tx.execute(_SEALED_OF, {"user": user})))


def open_all(tx: Tx, vault: Vault, users: Sequence[UserId]) -> Iterator[tuple[ListOf, Keys]]:
    """Yield all lists of some users. Not all of them are in memory at once."""
    for start in range(0, len(users), _TOGETHER):
        some = users[start : start + _TOGETHER]
        wanted = SEALED.where(tx.dialect.among(follow_lists.c.user_id, some))
        yield from _opened(vault, tx.execute(wanted.order_by(follow_lists.c.user_id, *_OWN)))


def newest_seqs(tx: Tx, users: Sequence[UserId]) -> dict[UserId, int]:
    """Return the sequence number of the list that each user brought last; who has none is left out."""
    rows = tx.execute(
        select(follow_lists.c.user_id, func.max(follow_lists.c.seq).label("seq"))
        .where(tx.dialect.among(follow_lists.c.user_id, users))
        .group_by(follow_lists.c.user_id)
    )
    return {UserId(row.user_id): row.seq for row in rows}


def lengths(tx: Tx, users: Sequence[UserId]) -> dict[UserId, int]:
    """Return how many links each user brought, in all lists together; who has none is left out."""
    rows = tx.execute(
        select(follow_lists.c.user_id, func.sum(follow_lists.c.n).label("links"))
        .where(tx.dialect.among(follow_lists.c.user_id, users))
        .group_by(follow_lists.c.user_id)
    )
    return {UserId(row.user_id): int(row.links) for row in rows}


def newest_seq(tx: Tx) -> int:
    """Return the highest sequence number of a list, 0 when there is none."""
    newest: int | None = tx.execute(select(func.max(follow_lists.c.seq))).scalar()
    return newest or 0


def links_since(tx: Tx, seq: int) -> int:
    """Return how many links all lists hold together that came after a sequence number."""
    held = select(func.sum(follow_lists.c.n)).where(follow_lists.c.seq > seq)
    return int(tx.execute(held).scalar() or 0)


def _is_list(user: int, account: int, kind: str) -> tuple[ColumnElement[bool], ...]:
    return (
        follow_lists.c.user_id == user,
        follow_lists.c.account_id == account,
        follow_lists.c.kind == kind,
    )


def _opened(vault: Vault, rows: Iterable[Row[Any]]) -> Iterator[tuple[ListOf, Keys]]:
    owner, key = None, None
    for row in rows:
        if key is None or row.user_id != owner:
            # The lists of a person mostly come one after the other.
            owner, key = row.user_id, vault.personal(row.wrapped, row.user_id)
        of = ListOf(
            user=UserId(row.user_id),
            network=NetworkName(row.network),
            kind=Kind(row.kind),
            account=AccountId(row.account_id),
        )
        try:
            keys = decode(key.open(row.sealed, place(of.account, of.kind)))
        except (Sealed, Unreadable) as error:
            # One damaged list must not keep everybody else from being found. A key that does not
            # open is another matter: then the keyring is wrong, and all must wait for it.
            log_unreadable(of.network, of.kind, error)
            continue
        yield of, keys


def log_unreadable(network: str, kind: str, error: Exception) -> None:
    """Log that a list is damaged; not whose."""
    fields = {"network": network, "kind": kind, **without_words(error)}
    log.error("list_unreadable", extra=fields)


def place(account: int, kind: str) -> str:
    """Return what a list is sealed for."""
    return f"follow_lists:{account}:{kind}"
