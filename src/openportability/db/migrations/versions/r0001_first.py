"""The first tables.

Written out once and never changed again: what `db/schema.py` says today is another matter.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

#: PostgreSQL splits what grows with each person; how many parts there are cannot be changed without a copy of all.
BY_PERSON = "HASH (user_id)"
PARTITIONS = 8


def upgrade() -> None:
    _users()
    _user_keys()
    _accounts()
    _twins()
    _grants()
    _sessions()
    _flows()
    _merges()
    _cabinet()
    _revocations()
    _consents()
    _follow_lists()
    _archives()
    _fetches()
    _match_sets()
    _answered()
    _plans()
    _reconnections()
    _lanes()
    _mail_addresses()
    _mails()
    _hosts()
    _tallies()
    _key_proofs()
    _suppressed()
    _daily_totals()
    _counters()
    _acts()


def _users() -> None:
    op.create_table(
        "users",
        _id(),
        _text("locale"),
        _text("found"),
        _text("standing"),
        _text("pace"),
        sa.Column("bridged", sa.String, nullable=False, server_default="off"),
        _number("seen_at"),
        _number("looked_at", nullable=True),
        _number("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sqlite_autoincrement=True,
    )


def _user_keys() -> None:
    op.create_table(
        "user_keys",
        _number("user_id"),
        _bytes("wrapped"),
        sa.PrimaryKeyConstraint("user_id", name="pk_user_keys"),
        _of_user("fk_user_keys_user_id"),
    )


def _accounts() -> None:
    op.create_table(
        "accounts",
        _id(),
        _number("user_id"),
        _text("network"),
        _text("instance"),
        _text("actor_id"),
        _number("key"),
        _text("handle"),
        _text("name"),
        _text("avatar", nullable=True),
        _text("number", nullable=True),
        _number("seen_at"),
        _text("proof"),
        _number("seq"),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        _of_user("fk_accounts_user_id"),
        sa.UniqueConstraint(
            "network", "actor_id", "user_id", name="uq_accounts_network_actor_id_user_id"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_accounts_network_handle", "accounts", ["network", "handle"])
    proved = sa.text("proof = 'proved'")
    op.create_index(
        "uq_accounts_proved",
        "accounts",
        ["network", "actor_id"],
        unique=True,
        sqlite_where=proved,
        postgresql_where=proved,
    )
    op.create_index("ix_accounts_network_key", "accounts", ["network", "key"])
    op.create_index("ix_accounts_seq", "accounts", ["seq"])
    op.create_index("ix_accounts_user_id", "accounts", ["user_id"])


def _twins() -> None:
    op.create_table(
        "twins",
        _number("account_id"),
        _text("network"),
        _number("user_id"),
        _text("instance"),
        _text("actor_id"),
        _text("handle"),
        _text("name"),
        _text("avatar", nullable=True),
        _number("seen_at"),
        sa.PrimaryKeyConstraint("account_id", "network", name="pk_twins"),
        _of_account("fk_twins_account_id"),
        _of_user("fk_twins_user_id"),
    )
    op.create_index("ix_twins_network_actor_id", "twins", ["network", "actor_id"])
    op.create_index("ix_twins_user_id", "twins", ["user_id"])


def _grants() -> None:
    op.create_table(
        "grants",
        _number("account_id"),
        _number("user_id"),
        _bytes("sealed"),
        _flag("can_follow"),
        _number("expires_at", nullable=True),
        _text("lease", nullable=True),
        _number("lease_until", nullable=True),
        _text("state"),
        _number("turn_at", nullable=True),
        sa.PrimaryKeyConstraint("account_id", name="pk_grants"),
        _of_account("fk_grants_account_id"),
        _of_user("fk_grants_user_id"),
    )
    op.create_index("ix_grants_turn_at", "grants", ["turn_at"])
    op.create_index("ix_grants_user_id", "grants", ["user_id"])


def _sessions() -> None:
    op.create_table(
        "sessions",
        _id(),
        _bytes("token_hash"),
        _number("user_id"),
        _text("kind"),
        _text("name"),
        _number("created_at"),
        _number("seen_at"),
        _number("expires_at"),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        _of_user("fk_sessions_user_id"),
        sa.UniqueConstraint("token_hash", name="uq_sessions_token_hash"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])


def _flows() -> None:
    op.create_table(
        "flows",
        _bytes("state_hash"),
        _bytes("sealed"),
        _number("expires_at"),
        sa.PrimaryKeyConstraint("state_hash", name="pk_flows"),
    )
    op.create_index("ix_flows_expires_at", "flows", ["expires_at"])


def _merges() -> None:
    op.create_table(
        "merges",
        _number("session_id"),
        _number("user_id"),
        _bytes("sealed"),
        _number("expires_at"),
        sa.PrimaryKeyConstraint("session_id", name="pk_merges"),
        _of_user("fk_merges_user_id"),
    )
    op.create_index("ix_merges_expires_at", "merges", ["expires_at"])
    op.create_index("ix_merges_user_id", "merges", ["user_id"])


def _cabinet() -> None:
    op.create_table(
        "cabinet",
        _text("network"),
        _text("instance"),
        _text("name"),
        _bytes("sealed", nullable=True),
        _text("lease", nullable=True),
        _number("lease_until", nullable=True),
        _number("ends_at", nullable=True),
        sa.PrimaryKeyConstraint("network", "instance", "name", name="pk_cabinet"),
    )
    op.create_index("ix_cabinet_ends_at", "cabinet", ["ends_at"])


def _revocations() -> None:
    op.create_table(
        "revocations",
        _id(),
        _text("network"),
        _bytes("sealed"),
        _count("tries"),
        _number("next_at"),
        sa.PrimaryKeyConstraint("id", name="pk_revocations"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_revocations_next_at", "revocations", ["next_at"])


def _consents() -> None:
    op.create_table(
        "consents",
        _id(),
        _number("user_id"),
        _text("purpose"),
        _text("value"),
        _text("wording"),
        _text("locale"),
        _text("how"),
        _number("at"),
        sa.PrimaryKeyConstraint("id", name="pk_consents"),
        _of_user("fk_consents_user_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_consents_user_id_purpose_id", "consents", ["user_id", "purpose", "id"])


def _follow_lists() -> None:
    op.create_table(
        "follow_lists",
        _number("user_id"),
        _number("account_id"),
        _text("kind"),
        _text("network"),
        _count("n"),
        _bytes("sealed"),
        _number("taken_at", nullable=True),
        _number("imported_at"),
        _number("seq"),
        sa.PrimaryKeyConstraint("user_id", "account_id", "kind", name="pk_follow_lists"),
        _of_account("fk_follow_lists_account_id"),
        _of_user("fk_follow_lists_user_id"),
        postgresql_partition_by=BY_PERSON,
    )
    _split("follow_lists")
    op.create_index("ix_follow_lists_account_id", "follow_lists", ["account_id"])
    op.create_index("ix_follow_lists_seq", "follow_lists", ["seq"])


def _archives() -> None:
    op.create_table(
        "archives",
        _id(),
        _number("user_id"),
        _text("network"),
        _bytes("report"),
        _number("at"),
        sa.PrimaryKeyConstraint("id", name="pk_archives"),
        _of_user("fk_archives_user_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_archives_user_id", "archives", ["user_id"])


def _fetches() -> None:
    op.create_table(
        "fetches",
        _number("account_id"),
        _number("user_id"),
        _text("network"),
        _bytes("sealed"),
        _text("state"),
        _text("reason", nullable=True),
        _count("n"),
        _number("next_at", nullable=True),
        _text("lease", nullable=True),
        _number("lease_until", nullable=True),
        _count("failures"),
        _number("report_id", nullable=True),
        _number("at"),
        sa.PrimaryKeyConstraint("account_id", name="pk_fetches"),
        _of_account("fk_fetches_account_id"),
        _of_user("fk_fetches_user_id"),
    )
    op.create_index("ix_fetches_next_at", "fetches", ["next_at"])
    op.create_index("ix_fetches_user_id", "fetches", ["user_id"])


def _match_sets() -> None:
    op.create_table(
        "match_sets",
        _number("user_id"),
        _count("n"),
        _bytes("sealed"),
        _bytes("apart"),
        _number("changed"),
        _number("again_at", nullable=True),
        sa.Column("people_met", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("lists_met", sa.BigInteger, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("user_id", name="pk_match_sets"),
        _of_user("fk_match_sets_user_id"),
        postgresql_partition_by=BY_PERSON,
    )
    _split("match_sets")
    op.create_index("ix_match_sets_again_at", "match_sets", ["again_at"])
    op.create_index("ix_match_sets_changed", "match_sets", ["changed"])


def _answered() -> None:
    op.create_table(
        "answered",
        _number("user_id"),
        _count("day"),
        _count("n"),
        sa.PrimaryKeyConstraint("user_id", "day", name="pk_answered"),
        _of_user("fk_answered_user_id"),
    )


def _plans() -> None:
    op.create_table(
        "plans",
        _id(),
        _number("user_id"),
        _bytes("sealed"),
        _text("state"),
        _number("at"),
        _number("expires_at"),
        sa.PrimaryKeyConstraint("id", name="pk_plans"),
        _of_user("fk_plans_user_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_plans_expires_at", "plans", ["expires_at"])
    op.create_index("ix_plans_user_id", "plans", ["user_id"])


def _reconnections() -> None:
    key = ["user_id", "id"] if _is_split() else ["id"]
    op.create_table(
        "reconnections",
        _id(),
        _number("user_id"),
        _number("account_id"),
        _text("network"),
        _bytes("whom"),
        _text("deed"),
        _text("state"),
        _text("reason", nullable=True),
        _text("origin"),
        _number("plan_id", nullable=True),
        _count("rank"),
        _bytes("record", nullable=True),
        _number("asked_at", nullable=True),
        _count("attempts"),
        _number("due_at"),
        _number("at"),
        sa.PrimaryKeyConstraint(*key, name="pk_reconnections"),
        _of_user("fk_reconnections_user_id"),
        _of_account("fk_reconnections_account_id"),
        sa.UniqueConstraint(
            "user_id",
            "account_id",
            "whom",
            "deed",
            name="uq_reconnections_user_id_account_id_whom_deed",
        ),
        sqlite_autoincrement=True,
        postgresql_partition_by=BY_PERSON,
    )
    _split("reconnections")
    op.create_index(
        "ix_reconnections_account_id_state_rank_id",
        "reconnections",
        ["account_id", "state", "rank", "id"],
    )
    op.create_index(
        "ix_reconnections_user_id_state_id", "reconnections", ["user_id", "state", "id"]
    )


def _lanes() -> None:
    op.create_table(
        "lanes",
        _number("account_id"),
        _number("user_id"),
        _text("network"),
        _text("instance"),
        _text("state"),
        _text("reason", nullable=True),
        _number("next_at", nullable=True),
        _text("lease", nullable=True),
        _number("lease_until", nullable=True),
        _count("remaining", nullable=True),
        _number("reset_at", nullable=True),
        _text("spent"),
        _count("failures"),
        sa.PrimaryKeyConstraint("account_id", name="pk_lanes"),
        _of_account("fk_lanes_account_id"),
        _of_user("fk_lanes_user_id"),
    )
    op.create_index("ix_lanes_next_at", "lanes", ["next_at"])
    op.create_index("ix_lanes_user_id", "lanes", ["user_id"])


def _mail_addresses() -> None:
    op.create_table(
        "mail_addresses",
        _number("user_id"),
        _bytes("sealed"),
        _number("given_at"),
        _number("confirmed_at", nullable=True),
        _number("told_at"),
        _number("look_at"),
        _flag("noticed"),
        sa.PrimaryKeyConstraint("user_id", name="pk_mail_addresses"),
        _of_user("fk_mail_addresses_user_id"),
    )
    op.create_index("ix_mail_addresses_look_at", "mail_addresses", ["look_at"])


def _mails() -> None:
    op.create_table(
        "mails",
        _id(),
        _number("user_id"),
        _text("kind"),
        _count("n"),
        _count("tries"),
        _number("due_at"),
        _number("at"),
        sa.PrimaryKeyConstraint("id", name="pk_mails"),
        sa.UniqueConstraint("user_id", "kind", name="uq_mails_user_id_kind"),
        _of_user("fk_mails_user_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_mails_due_at", "mails", ["due_at"])


def _hosts() -> None:
    op.create_table(
        "hosts",
        _text("network"),
        _text("instance"),
        _count("failures"),
        _number("until", nullable=True),
        sa.PrimaryKeyConstraint("network", "instance", name="pk_hosts"),
    )


def _tallies() -> None:
    op.create_table(
        "tallies",
        _bytes("key"),
        _count("n"),
        _number("until"),
        sa.PrimaryKeyConstraint("key", name="pk_tallies"),
    )
    op.create_index("ix_tallies_until", "tallies", ["until"])


def _key_proofs() -> None:
    op.create_table(
        "key_proofs",
        _text("name"),
        _bytes("identity"),
        _bytes("sealed"),
        sa.PrimaryKeyConstraint("name", name="pk_key_proofs"),
    )


def _suppressed() -> None:
    op.create_table(
        "suppressed",
        _bytes("hash"),
        _text("network"),
        _number("at"),
        sa.PrimaryKeyConstraint("hash", name="pk_suppressed"),
    )


def _daily_totals() -> None:
    op.create_table(
        "daily_totals",
        sa.Column("day", sa.Integer, autoincrement=False, nullable=False),
        _text("name"),
        _number("n"),
        sa.PrimaryKeyConstraint("day", "name", name="pk_daily_totals"),
    )


def _counters() -> None:
    op.create_table(
        "counters",
        _text("name"),
        _number("n"),
        sa.PrimaryKeyConstraint("name", name="pk_counters"),
    )


def _acts() -> None:
    op.create_table(
        "acts",
        _id(),
        _text("who"),
        _text("what"),
        _number("at"),
        sa.PrimaryKeyConstraint("id", name="pk_acts"),
        sqlite_autoincrement=True,
    )


def _is_split() -> bool:
    return op.get_context().dialect.name == "postgresql"


def _split(table: str) -> None:
    for part in range(PARTITIONS if _is_split() else 0):
        values = f"FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {part})"
        op.execute(f"CREATE TABLE {table}_{part} PARTITION OF {table} {values}")


def _id() -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("id", kind, autoincrement=True, nullable=False)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable, autoincrement=False)


def _count(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String, nullable=nullable)


def _bytes(name: str, *, nullable: bool = False) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary, nullable=nullable)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False)


def _of_user(name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=name, ondelete="RESTRICT")


def _of_account(name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=name)
