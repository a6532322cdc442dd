"""What the tables are written with: ids, whose a row is, and words about what a column holds."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, String

#: SQLite only gives out row ids for its own integer type, and never again only with AUTOINCREMENT.
Id = BigInteger().with_variant(Integer(), "sqlite")

#: How PostgreSQL splits the tables that grow with what a person brings and wants; SQLite keeps each whole.
BY_PERSON = "HASH (user_id)"

#: How constraints are called, the same on both databases.
NAMES = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
}


def user_column(*, primary_key: bool = False, index: bool = False) -> Column[int]:
    """Return the column that says whose a row is."""
    return Column(
        "user_id",
        BigInteger,
        ForeignKey("users.id", ondelete="RESTRICT"),
        primary_key=primary_key,
        nullable=False,
        index=index,
    )


def lease() -> tuple[Column[str], Column[int]]:
    """Return the columns that say who works on a row, and how long nobody else may."""
    return Column("lease", String), Column("lease_until", BigInteger)


def whose(person: str, why: str, until: str) -> dict[str, str]:
    """Say of a table whose data it holds, why, and until when; docs/privacy.md is printed from it."""
    return {"whose": person, "why": why, "until": until}


def kept(kind: str, place: str = "") -> dict[str, str]:
    """Say how bytes are kept: a hash, wrapped, a block of a kind, or sealed for a place."""
    return {"kept": kind, "place": place}
