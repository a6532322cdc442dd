"""Everything that points to a person, found by reading the schema: a new table cannot be forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, Row, Table, and_, bindparam, delete, func, select, update

from openportability.clock import micros, moment
from openportability.db.engine import Tx
from openportability.db.schema import METADATA, answered, counters, lanes, plans, user_keys, users
from openportability.db.site_schema import key_proofs
from openportability.domain import UserId
from openportability.vault import PersonalKey, Vault

#: The place for which the proof of a keyring is sealed, and its name.
PROOF = "keyring"
#: When people were last looked for who did not come, and since when that is done without a gap.
_LOOKED = "privacy.looked"
_STEADY_SINCE = "privacy.steady_since"


@dataclass(frozen=True, kw_only=True)
class KeyProof:
    """What only the right keyring can have made."""

    identity: bytes
    sealed: bytes


def hold(tx: Tx, user: UserId) -> bool:
    """Let nobody add a row for a user until this ends; say whether they are (still) here."""
    held = select(users.c.id).where(users.c.id == user).with_for_update()
    return tx.execute(held).first() is not None


def erase_rows(tx: Tx, user: UserId) -> dict[str, int]:
    """Delete every row that names a user, and the user; their key goes with them. Return how many."""
    deleted = {
        table.name: tx.execute(delete(table).where(table.c.user_id == user)).rowcount
        for table in reversed(METADATA.sorted_tables)
        if "user_id" in table.columns
    }
    deleted[users.name] = tx.execute(delete(users).where(users.c.id == user)).rowcount
    return {name: count for name, count in deleted.items() if count}


def unseen(tx: Tx, since: datetime, limit: int) -> list[UserId]:
    """Return users who were not here since then, the longest absent first."""
    away = select(users.c.id).where(users.c.seen_at < micros(since)).order_by(users.c.seen_at)
    return [UserId(user) for user in tx.execute(away.limit(limit)).scalars()]


def looked_for_unseen(tx: Tx, now: datetime, most_apart: timedelta) -> datetime:
    """Note that who is unseen is looked for, and return since when that was done, never further apart than this.

    After a gap it counts from now: the clock was set, or the site was not there for anybody to come.
    """
    rows = tx.execute(select(counters).where(counters.c.name.in_([_LOOKED, _STEADY_SINCE])))
    known = {row.name: moment(row.n) for row in rows}
    steady = _LOOKED in known and timedelta(0) <= now - known[_LOOKED] <= most_apart
    since = known[_STEADY_SINCE] if steady else now
    tx.execute(
        tx.dialect.upsert(counters, key=["name"], change=["n"]),
        [{"name": _LOOKED, "n": micros(now)}, {"name": _STEADY_SINCE, "n": micros(since)}],
    )
    return since


def is_unseen(tx: Tx, user: UserId, since: datetime) -> bool:
    """Say whether a user is here and did not come since then."""
    away = select(users.c.id).where(users.c.id == user, users.c.seen_at < micros(since))
    return tx.execute(away).first() is not None


def is_being_served(tx: Tx, user: UserId) -> bool:
    """Say whether a worker is in the middle of a slice of this user's."""
    held = select(lanes.c.account_id).where(lanes.c.user_id == user, lanes.c.lease.is_not(None))
    return tx.execute(held.limit(1)).first() is not None


def created_at(tx: Tx, user: UserId) -> datetime:
    """Return when a user came."""
    return moment(tx.execute(select(users.c.created_at).where(users.c.id == user)).scalar_one())


_PLANS_OF = select(plans.c.id).where(plans.c.user_id == bindparam("user")).order_by(plans.c.id)


def plans_of(tx: Tx, user: UserId) -> list[int]:
    """Return a user's plans, oldest first."""
    return list(tx.execute(_PLANS_OF, {"user": user}).scalars())


def answers_of(tx: Tx, user: UserId) -> list[tuple[int, int]]:
    """Return days, as numbers since 1970, and how many people a user was newly shown on each."""
    rows = tx.execute(select(answered).where(answered.c.user_id == user).order_by(answered.c.day))
    return [(row.day, row.n) for row in rows]


def key_proof(tx: Tx) -> KeyProof | None:
    """Return the proof of the keyring, None in a database that has none yet."""
    row = tx.execute(select(key_proofs).where(key_proofs.c.name == PROOF)).one_or_none()
    return None if row is None else KeyProof(identity=row.identity, sealed=row.sealed)


def put_key_proof(tx: Tx, vault: Vault) -> None:
    """Note which keyring this database belongs to, sealed by its newest key."""
    row = {"name": PROOF, "identity": vault.token_hash(PROOF), "sealed": vault.seal(b"", PROOF)}
    tx.execute(tx.dialect.upsert(key_proofs, key=["name"], change=["identity", "sealed"]), row)


def instance_columns() -> list[Column[Any]]:
    """Return the columns that hang on the master key: sealed by it, or keys wrapped by it."""
    return [column for column, kept in _kept() if kept in {"SEALED", "wrapped"}]


def seal_again(tx: Tx, vault: Vault, column: Column[Any], *, limit: int) -> int:
    """Seal some values of a column under the newest key; return how many were not."""
    table, header = column.table, vault.newest_header()
    assert isinstance(table, Table)
    stale = select(table).where(column.is_not(None), func.substr(column, 1, len(header)) != header)
    rows = tx.execute(stale.limit(limit)).all()
    for row in rows:
        was = getattr(row, column.name)
        if column.info["kept"] == "wrapped":
            now = vault.rewrap(was, row.user_id)
        else:
            now = vault.seal_again(was, _place_of(column, row))
        # Whoever changed it meanwhile has the last word: the next pass sees it again.
        tx.execute(
            update(table).where(_is_row(table, row), column == was).values({column.name: now})
        )
    return len(rows)


def everyone(tx: Tx) -> list[UserId]:
    """Return all users."""
    return [UserId(user) for user in tx.execute(select(users.c.id).order_by(users.c.id)).scalars()]


def hold_gently(tx: Tx, user: UserId) -> bool:
    """Let nobody erase a user until this ends; rows of theirs may still be added."""
    held = select(users.c.id).where(users.c.id == user).with_for_update(key_share=True)
    return tx.execute(held).first() is not None


def hold_key(tx: Tx, user: UserId) -> bytes:
    """Return a person's wrapped key; nobody else seals with it until this ends."""
    held = select(user_keys.c.wrapped).where(user_keys.c.user_id == user).with_for_update()
    wrapped: bytes = tx.execute(held).scalar_one()
    return wrapped


def put_key(tx: Tx, user: UserId, wrapped: bytes) -> None:
    """Replace a person's key."""
    tx.execute(update(user_keys).where(user_keys.c.user_id == user).values(wrapped=wrapped))


def seal_with(tx: Tx, user: UserId, old: PersonalKey, new: PersonalKey) -> None:
    """Seal everything of a person with another key."""
    for column, kept in _kept():
        table = column.table
        if kept not in {"sealed", "block"}:
            continue
        assert isinstance(table, Table)
        for row in tx.execute(select(table).where(table.c.user_id == user)).all():
            was = getattr(row, column.name)
            if was is None:
                continue
            if kept == "block":
                now = new.block(column.info["place"], old.unblock(column.info["place"], was))
            else:
                place = _place_of(column, row)
                now = new.seal(old.open(was, place), place)
            tx.execute(update(table).where(_is_row(table, row)).values({column.name: now}))


def _kept() -> Iterator[tuple[Column[Any], str]]:
    for table in METADATA.sorted_tables:
        for column in table.columns:
            if "kept" in column.info:
                yield column, column.info["kept"]


def _place_of(column: Column[Any], row: Row[Any]) -> str:
    values = row._mapping.items()  # noqa: SLF001 - its public name, against clashes
    written = {name: value.hex() if isinstance(value, bytes) else value for name, value in values}
    place: str = column.info["place"].format(**written)
    return place


def _is_row(table: Table, row: Row[Any]) -> Any:
    # Whose it is leads to its partition, also where the id alone would do.
    key = {column.name for column in table.primary_key} | {"user_id"} & set(table.c.keys())
    return and_(*(table.c[name] == getattr(row, name) for name in sorted(key)))
