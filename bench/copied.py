"""The other way to keep a circle: each link a row, found from both ends by an index; on PostgreSQL, by COPY.

Against it stands our step alone: encoding a list, sealing it and storing it in the same database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psycopg

from bench import sites
from bench.figures import seconds
from openportability.accounts import store as accounts
from openportability.domain import Key, Kind, Proof
from openportability.graph import store as graph
from openportability.graph.codec import Keys

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
    with sites.postgresql() as host:
        sites.new_database(host, "rows")
        rows_seconds, rows_bytes = _as_rows(host, lists)
        ours_seconds, ours_bytes = _as_lists(host, lists)
    return Compared(
        ours_seconds=ours_seconds,
        rows_seconds=rows_seconds,
        ours_bytes=ours_bytes,
        rows_bytes=rows_bytes,
    )


def _as_rows(host: str, lists: Mapping[Kind, Keys]) -> tuple[float, int]:
    with sites.connected(host, "rows") as database:
        database.execute(_TABLE)
        ids = {at: keys.astype(np.int64).tolist() for at, keys in enumerate(lists.values())}

        def copy() -> None:
            database.execute("TRUNCATE links")
            with (
                database.transaction(),
                database.cursor().copy("COPY links FROM STDIN (FORMAT BINARY)") as rows,
            ):
                rows.set_types(["int8", "int2", "int8"])
                for kind, others in ids.items():
                    for other in others:
                        rows.write_row((1, kind, other))

        return seconds(copy), _bytes(database, "links")


def _as_lists(host: str, lists: Mapping[Kind, Keys]) -> tuple[float, int]:
    url = sites.new_database(host, "lists")
    with TemporaryDirectory() as name, sites.opened(Path(name), url) as site:
        now = site.clock.now()
        with site.db.write() as tx:
            user = accounts.create_user(tx, site.vault, "en", now)
            account = accounts.add_account(tx, user, sites.bird(77, site), Key(77), Proof.PROVED)

        def store() -> None:
            with site.db.write() as tx:
                key = accounts.personal_key(tx, site.vault, user)
                for kind, keys in lists.items():
                    of = graph.ListOf(user=user, network=sites.BIRD, kind=kind, account=account.id)
                    graph.put_list(tx, key, of, keys, taken_at=None, imported_at=now)

        taken = seconds(store)
    with sites.connected(host, "lists") as database:
        # What was replaced while it was measured several times is no part of what is kept.
        database.execute("VACUUM FULL follow_lists")
        return taken, _bytes(database, "follow_lists")


def _bytes(database: psycopg.Connection, table: str) -> int:
    row = database.execute(sites.BYTES_OF, {"table": table}).fetchone()
    assert row is not None
    return int(row[0])
