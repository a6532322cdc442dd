"""The other way, that of platforms before us: each link a row in PostgreSQL, found from both ends by a b-tree."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import psycopg

from bench.world import KINDS
from openportability.domain import Kind
from openportability.graph.codec import Keys

_HEAD = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TAIL = b"\xff\xff"
#: A row as PostgreSQL reads it: how many fields, and each with its length before it.
_ROW = np.dtype(
    [
        ("fields", ">i2"),
        *(
            (f"{name}{part}", form)
            for name, width in (("kind", 2), ("owner", 8), ("other", 8))
            for part, form in (("_length", ">i4"), ("", f">i{width}"))
        ),
    ]
)


class Rows:
    """Links as rows, in a database of their own."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._on = connection
        connection.execute("CREATE TABLE directory (key bigint PRIMARY KEY, owner bigint)")

    def members(self, keys: Keys) -> None:
        """Say who is here."""
        with self._on.cursor().copy("COPY directory FROM STDIN") as copy:
            for number, key in enumerate(keys.tolist()):
                copy.write_row((key, number))

    def load(self, lists: Iterable[tuple[int, Kind, Keys]]) -> None:
        """Take all lists, then make both b-trees: as quickly as PostgreSQL's manual knows how."""
        self._on.execute("SET maintenance_work_mem = '1GB'")
        with self._on.transaction():
            # Frozen, as only a table may be that nobody has seen: no vacuum has to read it all again.
            self._on.execute("CREATE TABLE link (kind smallint, owner bigint, other bigint)")
            self._copy(lists, "FORMAT binary, FREEZE")
        self._on.execute("ALTER TABLE link ADD PRIMARY KEY (kind, owner, other)")
        self._on.execute("CREATE INDEX link_other ON link (other, kind, owner)")
        self._on.execute("ANALYZE")

    def add(self, lists: Iterable[tuple[int, Kind, Keys]]) -> None:
        """Take some more lists, in one transaction."""
        with self._on.transaction():
            self._copy(lists)

    def here(self, owner: int) -> int:
        """Return how many of somebody's people are here."""
        return self._ask(
            "SELECT count(*) FROM link JOIN directory ON key = other WHERE link.owner = %s", owner
        )

    def owners(self, keys: Keys) -> int:
        """Return how many links lead to these."""
        return self._ask("SELECT count(owner) FROM link WHERE other = ANY(%s)", keys.tolist())

    def all_here(self) -> int:
        """Return how many links lead to somebody who is here."""
        return self._ask("SELECT count(link.owner) FROM link JOIN directory ON key = other")

    def size(self) -> int:
        """Return the bytes of table and b-trees."""
        return self._ask("SELECT pg_total_relation_size('link')")

    def _ask(self, question: str, *given: object) -> int:
        (answer,) = self._on.execute(question.encode(), given).fetchone() or (0,)
        return int(answer)

    def _copy(self, lists: Iterable[tuple[int, Kind, Keys]], how: str = "FORMAT binary") -> None:
        with self._on.cursor().copy(f"COPY link FROM STDIN ({how})".encode()) as copy:
            copy.write(_HEAD)
            for owner, kind, keys in lists:
                rows = np.zeros(keys.size, _ROW)
                rows["fields"] = 3
                rows["kind_length"], rows["owner_length"], rows["other_length"] = 2, 8, 8
                rows["kind"], rows["owner"], rows["other"] = KINDS.index(kind), owner, keys
                copy.write(rows.tobytes())
            copy.write(_TAIL)
