"""Lists in and out: one sealed row for an account and kind. Nothing here knows who is a member."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, delete, func, select, update

from openportability.clock import micros, moment
from openportability.db.engine import Database, Tx
from openportability.db.schema import follow_lists, user_keys
from openportability.domain import AccountId, Kind, NetworkName, UserId
from openportability.errors import without_words
from openportability.graph.codec import Keys, Unreadable, decode, encode
from openportability.vault import PersonalKey, Vault
from openportability.vault import Unreadable as Sealed

log = logging.getLogger(__name__)

#: What one query of a pass reads: so many lists, and no more once they hold so many links (12 MB).
_BATCH_LISTS = 500
_BATCH_LINKS = 2_000_000

#: Lists belong to the identity they came from: a second account of a person brings lists of its own.
_OWN = (follow_lists.c.account_id, follow_lists.c.kind)
_SEALED = select(
    *_OWN,
    follow_lists.c.user_id,
    follow_lists.c.network,
    follow_lists.c.sealed,
    user_keys.c.wrapped,
).join(user_keys, user_keys.c.user_id == follow_lists.c.user_id)
#: Put together once: it is asked at each step of matching.
_SEALED_OF = _SEALED.where(follow_lists.c.user_id == bindparam("user")).order_by(
    follow_lists.c.network, *_OWN
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
            "sealed": key.seal(encode(keys), _place(of.account, of.kind)),
            "taken_at": micros(taken_at) if taken_at else None,
            "imported_at": micros(imported_at),
        }
        for of, keys in some
    ]
    if not rows:
        return
    own = ("account_id", "kind")
    change = [name for name in (*rows[0], "seq") if name not in own]
    last = tx.dialect.next_seq(tx, "follow_lists", len(rows))
    numbered = [row | {"seq": seq} for seq, row in enumerate(rows, last - len(rows) + 1)]
    tx.execute(tx.dialect.upsert(follow_lists, key=own, change=change), numbered)


def open_list(tx: Tx, key: PersonalKey, account: AccountId, kind: Kind) -> Keys | None:
    """Return the keys of one list, or None where there is none."""
    sealed = tx.execute(
        select(follow_lists.c.sealed).where(
            follow_lists.c.account_id == account, follow_lists.c.kind == kind
        )
    ).scalar()
    return None if sealed is None else decode(key.open(sealed, _place(account, kind)))


def lists_of(tx: Tx, user: UserId) -> list[Held]:
    """Return what lists a user has brought."""
    rows = tx.execute(
        select(follow_lists)
        .where(follow_lists.c.user_id == user)
        .order_by(follow_lists.c.network, *_OWN)
    )
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
        for row in rows
    ]


def move_lists(tx: Tx, old: PersonalKey, new: PersonalKey, user: UserId, to: UserId) -> None:
    """Let all lists of a user be another's; they meet everyone again."""
    rows = tx.execute(select(*_OWN, follow_lists.c.sealed).where(follow_lists.c.user_id == user))
    for row in rows.all():
        place = _place(AccountId(row.account_id), Kind(row.kind))
        tx.execute(
            update(follow_lists)
            .where(follow_lists.c.account_id == row.account_id, follow_lists.c.kind == row.kind)
            .values(
                user_id=to,
                sealed=new.seal(old.open(row.sealed, place), place),
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
            keys = open_list(tx, key, lost, kind)
            assert keys is not None, "listed in the same transaction"
            of = replace(held.of, account=kept)
            put_list(tx, key, of, keys, taken_at=held.taken_at, imported_at=held.imported_at)
    drop_lists(tx, lost)


def drop_lists(tx: Tx, account: AccountId) -> None:
    """Forget the lists that belong to an account."""
    tx.execute(delete(follow_lists).where(follow_lists.c.account_id == account))


def open_lists(tx: Tx, vault: Vault, user: UserId) -> list[tuple[ListOf, Keys]]:
    """Return all lists of a user; none when they left."""
    return list(_opened(vault, tx.execute(_SEALED_OF, {"user": user})))


def each_list(
    db: Database, vault: Vault, networks: Collection[NetworkName] | None, *, since: int = 0
) -> Iterator[tuple[ListOf, Keys]]:
    """Pass over all lists of these networks (None: of all) that came after a sequence number.

    Each is opened with its owner's key. Each batch is read in a transaction of its own: what
    changes while the pass goes on may come in its old form, in its new one, or in both; what
    goes may not come at all. A batch ends when it is large.
    """
    after = since
    while True:
        with db.read() as tx:
            meant = [follow_lists.c.seq > after]
            if networks is not None:
                meant.append(tx.dialect.among(follow_lists.c.network, list(networks)))
            last, more = _batch(tx, meant)
            if last is None:
                return
            wanted = _SEALED.where(*meant, follow_lists.c.seq <= last)
            rows = tx.execute(wanted.order_by(follow_lists.c.seq)).all()
        yield from _opened(vault, rows)
        if not more:
            return
        after = last


def brought_since(tx: Tx, seq: int, limit: int) -> list[tuple[UserId, int]]:
    """Return who brought a list after a sequence number, and its number, in that order."""
    rows = tx.execute(
        select(follow_lists.c.user_id, follow_lists.c.seq)
        .where(follow_lists.c.seq > seq)
        .order_by(follow_lists.c.seq)
        .limit(limit)
    )
    return [(UserId(row.user_id), row.seq) for row in rows]


def newest_seq(tx: Tx) -> int:
    """Return the highest sequence number of a list, 0 when there is none."""
    newest: int | None = tx.execute(select(func.max(follow_lists.c.seq))).scalar()
    return newest or 0


def links_since(tx: Tx, seq: int) -> int:
    """Return how many links all lists hold together that came after a sequence number."""
    held = select(func.sum(follow_lists.c.n)).where(follow_lists.c.seq > seq)
    return int(tx.execute(held).scalar() or 0)


def newest_seq_of(tx: Tx, user: UserId) -> int:
    """Return the sequence number of the list that a user brought last, 0 when there is none."""
    newest: int | None = tx.execute(
        select(func.max(follow_lists.c.seq)).where(follow_lists.c.user_id == user)
    ).scalar()
    return newest or 0


def _batch(tx: Tx, meant: Sequence[ColumnElement[bool]]) -> tuple[int | None, bool]:
    """Return the number of the last list of the next batch, and whether others may come behind it."""
    heads = tx.execute(
        select(follow_lists.c.seq, follow_lists.c.n)
        .where(*meant)
        .order_by(follow_lists.c.seq)
        .limit(_BATCH_LISTS)
    ).all()
    links, last = 0, None
    for head in heads:
        links += head.n
        if last is not None and links > _BATCH_LINKS:
            return last, True
        last = head.seq
    return last, len(heads) == _BATCH_LISTS


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
            keys = decode(key.open(row.sealed, _place(of.account, of.kind)))
        except (Sealed, Unreadable) as error:
            # One damaged list must not keep everybody else from being found. A key that does not
            # open is another matter: then the keyring is wrong, and all must wait for it.
            fields = {"network": of.network, "kind": of.kind, **without_words(error)}
            log.error("list_unreadable", extra=fields)
            continue
        yield of, keys


def _place(account: AccountId, kind: Kind) -> str:
    return f"follow_lists:{account}:{kind}"
