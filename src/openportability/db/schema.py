"""All tables, those of the site itself in `site_schema`. Read this file second.

Ids are 64-bit numbers never used again, shown outside enciphered. Times are microseconds since 1970 UTC.
*sealed* is AES-GCM under the person's key, *SEALED* under the instance's. `info` says whose data it is, why, how long.
A foreign key to the user restricts: a table that erasure forgets stops it instead of vanishing in silence.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    text,
)

from openportability.db import site_schema
from openportability.db.columns import BY_PERSON, Id, kept, lease, user_column, whose

METADATA = site_schema.METADATA

users = Table(
    "users",
    METADATA,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("locale", String, nullable=False),
    Column("found", String, nullable=False),
    Column("standing", String, nullable=False),
    Column("pace", String, nullable=False),
    Column("bridged", String, nullable=False, server_default="off"),  # off, on
    Column("seen_at", BigInteger, nullable=False),
    Column("looked_at", BigInteger),  # at their matches; null: never
    Column("created_at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
    info=whose("the person", "who is here, choices, last look", "they leave, or 730 days unseen"),
)

user_keys = Table(
    "user_keys",
    METADATA,
    user_column(primary_key=True),
    Column("wrapped", LargeBinary, nullable=False, info=kept("wrapped")),
    info=whose("the person", "the key of all that is sealed for them", "they leave"),
)

accounts = Table(
    "accounts",
    METADATA,
    Column("id", Id, primary_key=True, autoincrement=True),
    user_column(index=True),
    Column("network", String, nullable=False),
    Column("instance", String, nullable=False),
    Column("actor_id", String, nullable=False),
    Column("key", BigInteger, nullable=False),  # the unsigned key, less 2**63
    Column("handle", String, nullable=False),
    Column("name", String, nullable=False),
    *(Column("avatar", String), Column("number", String)),
    Column("seen_at", BigInteger, nullable=False),
    Column("proof", String, nullable=False),
    Column("seq", BigInteger, nullable=False),
    UniqueConstraint("network", "actor_id", "user_id"),
    #: One person proves an actor; how many claim it is nobody's to learn.
    Index(
        "uq_accounts_proved",
        "network",
        "actor_id",
        unique=True,
        sqlite_where=text("proof = 'proved'"),
        postgresql_where=text("proof = 'proved'"),
    ),
    Index(None, "network", "key"),
    Index(None, "network", "handle"),
    Index(None, "seq"),
    sqlite_autoincrement=True,
    info=whose("the person", "who they are on each network: the directory", "unlinked"),
)

twins = Table(
    "twins",
    METADATA,
    #: Whose copy it is: the account that they proved.
    Column("account_id", BigInteger, ForeignKey("accounts.id"), primary_key=True),
    #: Where the copy is.
    Column("network", String, primary_key=True),
    user_column(index=True),
    Column("instance", String, nullable=False),
    Column("actor_id", String, nullable=False),
    Column("handle", String, nullable=False),
    Column("name", String, nullable=False),
    Column("avatar", String),
    Column("seen_at", BigInteger, nullable=False),
    Index(None, "network", "actor_id"),
    info=whose(
        "the person", "copies of them that a bridge keeps elsewhere", "not wished, or unlinked"
    ),
)

grants = Table(
    "grants",
    METADATA,
    Column("account_id", BigInteger, ForeignKey("accounts.id"), primary_key=True),
    user_column(index=True),
    Column("sealed", LargeBinary, nullable=False, info=kept("sealed", "grants:{account_id}")),
    Column("can_follow", Boolean, nullable=False),
    Column("expires_at", BigInteger),
    *lease(),
    Column("state", String, nullable=False),  # live, dead
    #: When it is next seen to while nobody is here; null where it is dead.
    Column("turn_at", BigInteger, index=True),
    info=whose("the person", "to act for them at the network", "unlinked or revoked"),
)

sessions = Table(
    "sessions",
    METADATA,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True, info=kept("hash")),
    user_column(index=True),
    Column("kind", String, nullable=False),  # browser, api
    Column("name", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
    info=whose("the person", "a signed-in browser or an API token", "30 days unused"),
)

flows = Table(
    "flows",
    METADATA,
    Column("state_hash", LargeBinary, primary_key=True, info=kept("hash")),
    Column("sealed", LargeBinary, nullable=False, info=kept("SEALED", "flows:{state_hash}")),
    Column("expires_at", BigInteger, nullable=False, index=True),
    info=whose("a visitor", "a sign-in under way", "10 minutes"),
)

merges = Table(
    "merges",
    METADATA,
    Column("session_id", BigInteger, primary_key=True),
    user_column(index=True),
    Column("sealed", LargeBinary, nullable=False, info=kept("SEALED", "merges:{session_id}")),
    Column("expires_at", BigInteger, nullable=False, index=True),
    info=whose("the person", "another user they proved to be, and may join", "10 minutes"),
)

cabinet = Table(
    "cabinet",
    METADATA,
    Column("network", String, primary_key=True),
    Column("instance", String, primary_key=True),
    Column("name", String, primary_key=True),
    #: Null while it is being made.
    Column("sealed", LargeBinary, info=kept("SEALED", "cabinet:{network}/{instance}/{name}")),
    *lease(),
    #: When it is of no use any more; null where it always is.
    Column("ends_at", BigInteger, index=True),
    info=whose("nobody", "what a network must remember, as our registration", "refused or old"),
)

revocations = Table(
    "revocations",
    METADATA,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("network", String, nullable=False),
    Column("sealed", LargeBinary, nullable=False, info=kept("SEALED", "revocations")),
    Column("tries", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False, index=True),
    sqlite_autoincrement=True,
    info=whose("nobody (no user id)", "grants to be ended at the network", "done, at most 7 days"),
)

consents = Table(
    "consents",
    METADATA,
    Column("id", Id, primary_key=True, autoincrement=True),
    user_column(),
    Column("purpose", String, nullable=False),
    Column("value", String, nullable=False),
    Column("wording", String, nullable=False),
    Column("locale", String, nullable=False),
    Column("how", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index(None, "user_id", "purpose", "id"),
    sqlite_autoincrement=True,
    info=whose("the person", "proof of what they agreed to; append-only", "they leave"),
)

follow_lists = Table(
    "follow_lists",
    METADATA,
    user_column(primary_key=True),
    #: Lists belong to the account they came from, not to the person.
    Column("account_id", BigInteger, ForeignKey("accounts.id"), primary_key=True, index=True),
    Column("kind", String, primary_key=True),
    Column("network", String, nullable=False),
    Column("n", Integer, nullable=False),
    Column(
        "sealed",
        LargeBinary,
        nullable=False,
        info=kept("sealed", "follow_lists:{account_id}:{kind}"),
    ),
    Column("taken_at", BigInteger),
    Column("imported_at", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Index(None, "seq"),
    postgresql_partition_by=BY_PERSON,
    info=whose("the person", "the lists they brought", "replaced, deleted, or they leave"),
)

archives = Table(
    "archives",
    METADATA,
    Column("id", Id, primary_key=True, autoincrement=True),
    user_column(index=True),
    Column("network", String, nullable=False),
    Column(
        "report",
        LargeBinary,
        nullable=False,
        info=kept("sealed", "archives:{user_id}:{network}:report"),
    ),
    Column("at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
    info=whose("the person", "what was read (counts), never the file", "they leave"),
)

fetches = Table(
    "fetches",
    METADATA,
    Column("account_id", BigInteger, ForeignKey("accounts.id"), primary_key=True),
    user_column(index=True),
    Column("network", String, nullable=False),
    Column("sealed", LargeBinary, nullable=False, info=kept("sealed", "fetches:{account_id}")),
    Column("state", String, nullable=False),  # reading, done, failed
    Column("reason", String),
    Column("n", Integer, nullable=False),
    Column("next_at", BigInteger),  # null: nothing is due
    *lease(),
    Column("failures", Integer, nullable=False),
    Column("report_id", BigInteger),
    Column("at", BigInteger, nullable=False),
    Index(None, "next_at"),
    info=whose("the person", "lists being read from their account", "unlinked or read again"),
)

match_sets = Table(
    "match_sets",
    METADATA,
    user_column(primary_key=True),
    Column("n", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False, info=kept("sealed", "match_sets:{user_id}")),
    #: The same about people who are not shown to them.
    Column("apart", LargeBinary, nullable=False, info=kept("sealed", "match_sets:{user_id}:apart")),
    #: By chance at each change, 0 once later stages have looked: an order would show who met whom.
    Column("changed", BigInteger, nullable=False, index=True),
    #: When those who wait for an answer are looked at again; null: nobody does.
    Column("again_at", BigInteger, index=True),
    #: Up to which sequence numbers accounts and own lists have met in a forward pass.
    Column("people_met", BigInteger, nullable=False, server_default="0"),
    Column("lists_met", BigInteger, nullable=False, server_default="0"),
    postgresql_partition_by=BY_PERSON,
    info=whose("the person", "derived: who is here, with the evidence", "they leave"),
)

answered = Table(
    "answered",
    METADATA,
    user_column(primary_key=True),
    Column("day", Integer, primary_key=True),  # days since 1970 UTC
    Column("n", Integer, nullable=False),
    info=whose("the person", "how many accounts their own lists newly showed them", "30 days"),
)

plans = Table(
    "plans",
    METADATA,
    Column("id", Id, primary_key=True, autoincrement=True),
    user_column(index=True),
    Column("sealed", LargeBinary, nullable=False, info=kept("sealed", "plans:{user_id}")),
    Column("state", String, nullable=False),  # open, started
    Column("at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    sqlite_autoincrement=True,
    info=whose("the person", "the dry run they looked at", "7 days"),
)

reconnections = Table(
    "reconnections",
    METADATA,
    #: Unique among all; on PostgreSQL the key is (user_id, id): that of a partition must hold what splits it.
    Column("id", Id, primary_key=True, autoincrement=True),
    user_column(),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False),  # our user's own
    Column("network", String, nullable=False),
    #: The account it is about, as one enciphered block: unique as a key, readable with the person's key alone.
    Column("whom", LargeBinary, nullable=False, info=kept("block", "whom")),
    Column("deed", String, nullable=False),  # follow, block, mute
    Column("state", String, nullable=False),
    Column("reason", String),
    Column("origin", String, nullable=False),  # manual, standing
    Column("plan_id", BigInteger),
    Column("rank", Integer, nullable=False),
    Column("record", LargeBinary, info=kept("sealed", "reconnections:{id}:record")),  # for undo
    Column("asked_at", BigInteger),
    Column("attempts", Integer, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    UniqueConstraint("user_id", "account_id", "whom", "deed"),
    Index(None, "account_id", "state", "rank", "id"),
    Index(None, "user_id", "state", "id"),
    sqlite_autoincrement=True,
    postgresql_partition_by=BY_PERSON,
    info=whose(
        "the person", "the ledger: follows, blocks and mutes, what became of each", "they leave"
    ),
)

lanes = Table(
    "lanes",
    METADATA,
    Column("account_id", BigInteger, ForeignKey("accounts.id"), primary_key=True),
    user_column(index=True),
    Column("network", String, nullable=False),
    Column("instance", String, nullable=False),
    Column("state", String, nullable=False),  # open, paused, signed_out, halted
    Column("reason", String),
    Column("next_at", BigInteger),  # null: nothing is due
    *lease(),
    Column("remaining", Integer),
    Column("reset_at", BigInteger),
    #: Follows asked for lately, as JSON pairs of time and count: what pacing holds against the network's windows.
    Column("spent", String, nullable=False),
    Column("failures", Integer, nullable=False),
    Index(None, "next_at"),
    info=whose("the person", "when their account is served next", "unlinked"),
)

mail_addresses = Table(
    "mail_addresses",
    METADATA,
    user_column(primary_key=True),
    Column("sealed", LargeBinary, nullable=False, info=kept("sealed", "mail_addresses:{user_id}")),
    Column("given_at", BigInteger, nullable=False),
    Column("confirmed_at", BigInteger),
    Column("told_at", BigInteger, nullable=False),  # who arrived until then was told of
    Column("look_at", BigInteger, nullable=False, index=True),
    Column("noticed", Boolean, nullable=False),  # that a network wants them to sign in again
    info=whose("the person", "where to write to, if they asked for it", "not wanted any more"),
)

mails = Table(
    "mails",
    METADATA,
    Column("id", Id, primary_key=True, autoincrement=True),
    user_column(),
    Column("kind", String, nullable=False),
    Column("n", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due_at", BigInteger, nullable=False, index=True),
    Column("at", BigInteger, nullable=False),
    UniqueConstraint("user_id", "kind"),
    sqlite_autoincrement=True,
    info=whose("the person", "mail to be sent: of which kind", "sent, at most 3 days"),
)

hosts = Table(
    "hosts",
    METADATA,
    Column("network", String, primary_key=True),
    Column("instance", String, primary_key=True),
    Column("failures", Integer, nullable=False),  # in a row, whoever was served
    Column("until", BigInteger),  # nobody there is served before
    info=whose("nobody", "which servers do not answer, or want our address to wait", "kept"),
)

suppressed = Table(
    "suppressed",
    METADATA,
    Column("hash", LargeBinary, primary_key=True, info=kept("hash")),
    Column("network", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    info=whose("who is no member (a keyed hash)", "never to be listed", "they say otherwise"),
)

counters = Table(
    "counters",
    METADATA,
    Column("name", String, primary_key=True),
    Column("n", BigInteger, nullable=False),
    info=whose("nobody", "sequences, sweeps, bills, what calls take, a worker's life", "kept"),
)
