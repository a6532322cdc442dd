"""Tables about the site itself and none of its people, and the METADATA that all tables share."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, String, Table

from openportability.db.columns import NAMES, Id, kept, whose

METADATA = MetaData(naming_convention=NAMES)

tallies = Table(
    "tallies",
    METADATA,
    Column("key", LargeBinary, primary_key=True, info=kept("hash")),
    Column("n", Integer, nullable=False),
    Column("until", BigInteger, nullable=False, index=True),
    info=whose(
        "nobody (a keyed hash)",
        "how often one asked, against floods; what was spent today under an account that has gone",
        "a day, at most 25 hours",
    ),
)

key_proofs = Table(
    "key_proofs",
    METADATA,
    Column("name", String, primary_key=True),
    Column("identity", LargeBinary, nullable=False, info=kept("hash")),
    Column("sealed", LargeBinary, nullable=False, info=kept("proof")),
    info=whose("nobody", "to see that the keyring given is the right one", "kept"),
)

daily_totals = Table(
    "daily_totals",
    METADATA,
    Column("day", Integer, primary_key=True, autoincrement=False),  # proleptic ordinal, UTC
    Column("name", String, primary_key=True),
    Column("n", BigInteger, nullable=False),
    info=whose("nobody", "how many took part on a day: the public numbers", "kept"),
)

acts = Table(
    "acts",
    METADATA,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("who", String, nullable=False),  # a name of the machine's
    Column("what", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
    info=whose("who operates", "what was done from a shell; append-only", "two years"),
)
