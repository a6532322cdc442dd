"""Which processes live: what a killed one held can be taken over at once, not when its lease has run out.

Each process holds a lock that ends with it, however it ends: the operating system lets go of a locked file, PostgreSQL
of a session's advisory lock. A lease begins with the name of the process that took it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import select
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

from sqlalchemy import URL, Connection, NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError

from openportability.clock import monotonic

#: The first key of PostgreSQL's advisory locks of processes: "open" in ASCII. The second is the name.
_LOCKS = 0x6F70656E
#: The same for turns: "turn" in ASCII. The second stands for what it is the turn for.
_TURNS = 0x7475726E
_TAKE = text("SELECT pg_try_advisory_lock(:turns, :name)")
_GIVE = text("SELECT pg_advisory_unlock(:turns, :name)")
_HOLD = text("SELECT pg_advisory_lock(:locks, :name)")
#: After so long who lost a session has held a new one, for the next lanes, or has nothing begun any more.
_BACK_SECONDS = 60.0
_HELD = text(
    "SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND granted "
    "AND classid::bigint = :locks AND database = "
    "(SELECT oid FROM pg_database WHERE datname = current_database())"
)


class Presence(Protocol):
    """This process among all that use one database."""

    def name(self) -> str:
        """Return the name of this process, held as long as it lives. It has no colon in it."""

    def gone(self, names: Collection[str]) -> set[str]:
        """Return which of these processes have ended."""

    def turn(self, name: str) -> AbstractContextManager[bool]:
        """Say whether no other process is at what has this name; then none is until the block ends.

        On SQLite always: the engine of its one process does nothing twice at once.
        """

    def close(self) -> None:
        """Be gone."""


class LockedFile:
    """On SQLite: a locked file beside the database's."""

    def __init__(self, database: Path) -> None:
        self._prefix = f"{database}-process-"
        self._name = secrets.token_hex(4)
        self._file: int | None = None
        self._holding = Lock()

    def name(self) -> str:
        with self._holding:
            if self._file is None:
                self._clear()
                # Locked first, then shown under its name: nobody sees it unlocked while we live.
                hidden = self._path(f".{self._name}")
                self._file = os.open(hidden, os.O_CREAT | os.O_RDWR, 0o600)
                fcntl.flock(self._file, fcntl.LOCK_EX)
                hidden.rename(self._path(self._name))
        return self._name

    def gone(self, names: Collection[str]) -> set[str]:
        return {name for name in names if name != self._name and self._ended(name)}

    def turn(self, name: str) -> AbstractContextManager[bool]:
        return nullcontext(enter_result=True)

    def close(self) -> None:
        with self._holding:
            if self._file is not None:
                self._path(self._name).unlink(missing_ok=True)
                os.close(self._file)
                self._file = None

    def _clear(self) -> None:
        """Remove what killed processes left."""
        folder = Path(self._prefix).parent
        for left in folder.glob(f"{Path(self._prefix).name}[0-9a-f]*"):
            self._ended(left.name.rpartition("-")[2])

    def _ended(self, name: str) -> bool:
        path = self._path(name)
        try:
            file = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            path.unlink(missing_ok=True)
            return True
        finally:
            os.close(file)

    def _path(self, name: str) -> Path:
        return Path(f"{self._prefix}{name}")


class SessionLock:
    """On PostgreSQL: an advisory lock of a session that this process keeps open."""

    def __init__(self, url: URL) -> None:
        self._engine = create_engine(
            url, poolclass=NullPool, isolation_level="AUTOCOMMIT", hide_parameters=True
        )
        self._name = secrets.randbelow(2**31)
        self._session: Connection | None = None
        #: Until then nobody is taken for gone.
        self._patient_until = 0.0
        self._holding = Lock()

    def name(self) -> str:
        with self._holding:
            self._held()
        return str(self._name)

    def gone(self, names: Collection[str]) -> set[str]:
        with self._holding:
            try:
                alive = set(self._held().execute(_HELD, {"locks": _LOCKS}).scalars())
            except DBAPIError:
                self._lose()  # the next look holds a new session
                return set()
            if monotonic() < self._patient_until:
                return set()
        return {name for name in names if name.isdecimal() and int(name) not in alive}

    @contextmanager
    def turn(self, name: str) -> Iterator[bool]:
        # A session of its own, so that nobody who waits for one of the pool holds another.
        number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], signed=True)
        which = {"turns": _TURNS, "name": number}
        with self._engine.connect() as session:
            ours = bool(session.execute(_TAKE, which).scalar())
            yield ours
            if ours:
                # A session ends a moment after it is closed: who takes the next turn does not wait for that.
                session.execute(_GIVE, which)

    def close(self) -> None:
        with self._holding:
            self._drop()
        self._engine.dispose()

    def _held(self) -> Connection:
        if self._session is not None and has_ended(self._session.connection.driver_connection):
            self._lose()
        if self._session is None:
            session = self._engine.connect()
            session.execute(_HOLD, {"locks": _LOCKS, "name": self._name})
            self._session = session
        return self._session

    def _lose(self) -> None:
        """Let go of a session that the database ended, with those of all others if it was restarted: they live."""
        self._drop()
        self._patient_until = monotonic() + _BACK_SECONDS

    def _drop(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


def has_ended(raw: Any) -> bool:
    """Say whether PostgreSQL ended a connection that nobody uses, without asking it: unasked it only says farewell."""
    if raw.closed:
        return True
    waiting = select.poll()
    waiting.register(raw.fileno(), select.POLLIN)
    return bool(waiting.poll(0))
