"""What SQLite has committed is brought to the disk before anybody is told so: a power cut takes nothing back.

SQLite itself does that with `synchronous=FULL`, while it keeps all other writers out. Here those wait together who
want it, and one sync is for all of them: https://www.sqlite.org/wal.html (performance considerations).
"""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import count
from pathlib import Path
from threading import Lock


class WriteAheadLog:
    """SQLite's log of what it committed, beside the database."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(f"{database.name}-wal")
        self._numbers = count(1)
        #: Of the newest commit that is known, and of the newest that is on the disk.
        self._committed = 0
        self._kept = 0
        self._syncing = Lock()

    def keep(self) -> None:
        """Return when what this thread has committed is on the disk. Raise `OSError` if the disk refuses."""
        mine = self._committed = next(self._numbers)
        with self._syncing:
            if self._kept >= mine:
                return
            newest = self._committed
            # Where there is no log, its changes are in the database, and were synced on their way there.
            with suppress(FileNotFoundError):
                _sync(self._path)
            self._kept = newest


def _sync(path: Path) -> None:
    log = os.open(path, os.O_RDONLY)
    try:
        os.fsync(log)
    finally:
        os.close(log)
