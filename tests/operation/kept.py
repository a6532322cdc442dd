"""What an instance holds at a release: kept as one file, put back as the release's own migrations make it.

The rows stand in it by table, not as one database writes them, so one file serves both kinds.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import zstandard
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, LargeBinary, MetaData, Table, insert, select, text

from openportability.accounts import store as accounts
from openportability.db import migrate
from openportability.db.engine import Database
from openportability.db.schema import METADATA, users
from openportability.domain import UserId
from openportability.graph import store as lists
from openportability.matching import service as matching
from openportability.reconnection import service as reconnection
from openportability.site import Site

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "releases"

#: For each user: their accounts, lists with their keys, whom they are shown, and the ledger.
Told = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A populated instance of a release."""

    revision: str
    #: The statements that made its tables, in SQLite's words.
    shape: list[str]
    #: A keyring that opens nothing else.
    keyring: str
    told: Told
    #: Rows by table; bytes as hexadecimals.
    rows: Mapping[str, list[dict[str, Any]]]


def of_this_version() -> Path:
    """Return where the file of the version that is being made lies."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return FOLDER / f"{project['version']}.json.zst"


def save(site: Site, file: Path) -> None:
    """Keep what a site on SQLite holds."""
    with site.db.read() as tx:
        rows = {
            table.name: [_as_json(dict(row)) for row in tx.execute(select(table)).mappings()]
            for table in METADATA.sorted_tables
        }
    kept = Kept(
        revision=migrate.newest(),
        shape=shape(site.db.sqlalchemy_engine),
        keyring=(site.settings.data_dir / "master.key").read_text(encoding="utf-8"),
        told=told(site),
        rows={name: some for name, some in rows.items() if some},
    )
    file.write_bytes(zstandard.compress(json.dumps(asdict(kept)).encode(), 19))


def read(file: Path) -> Kept:
    """Read a file that `save` wrote."""
    return Kept(**json.loads(zstandard.decompress(file.read_bytes())))


def tables(database: Database, revision: str) -> None:
    """Let an empty database have the tables of a release, by its migrations."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    with database.dialect.alone(database.sqlalchemy_engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def put_back(database: Database, kept: Kept) -> None:
    """Let a database hold what the release's did; its tables are there."""
    there = MetaData()
    there.reflect(database.sqlalchemy_engine, only=list(kept.rows))
    with database.write() as tx:
        for table in there.sorted_tables:
            if rows := kept.rows.get(table.name):
                tx.execute(insert(table), [_of_json(table, row) for row in rows])
                if isinstance(rows[0].get("id"), int):
                    tx.dialect.set_last_id(tx, table, max(row["id"] for row in rows))


def shape(engine: Engine) -> list[str]:
    """Return the statements that made the tables of a SQLite file, constraints in any order."""
    with engine.connect() as connection:
        made = connection.execute(
            text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'alembic%'")
        ).scalars()
        return sorted(
            "\n".join(sorted(line.strip().rstrip(",") for line in one.splitlines())) for one in made
        )


def told(site: Site) -> Told:
    """Return what the members of a site are told, in values that JSON knows."""
    with site.db.read() as tx:
        everyone = tx.execute(select(users.c.id).order_by(users.c.id)).scalars().all()
    return {str(user): _told(site, UserId(user)) for user in everyone}


def _told(site: Site, user: UserId) -> dict[str, Any]:
    with site.db.read() as tx:
        mine = accounts.accounts_of(tx, user)
        ledger = reconnection.page(tx, site, user, group=None, before=None, limit=1000)
        return {
            "found": accounts.users_by_id(tx, [user])[user].found,
            "accounts": sorted([one.actor.network, one.actor.id, one.proof] for one in mine),
            "lists": {
                f"{of.network} {of.kind}": keys.tolist()
                for of, keys in lists.open_lists(tx, site.vault, user)
            },
            "matches": sorted(
                [one.user, one.evidence.mutual] for one in matching.matches_of(tx, site, user)
            ),
            "ledger": sorted(
                [line.row.network, line.row.whom, line.row.deed, line.row.state] for line in ledger
            ),
        }


def _as_json(row: dict[str, Any]) -> dict[str, Any]:
    return {name: one.hex() if isinstance(one, bytes) else one for name, one in row.items()}


def _of_json(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: bytes.fromhex(one)
        if one is not None and isinstance(table.c[name].type, LargeBinary)
        else one
        for name, one in row.items()
    }
