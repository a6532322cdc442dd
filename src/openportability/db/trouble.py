"""What a database or a disk cannot do just now, told apart from mistakes of ours."""

from __future__ import annotations

import errno
import sqlite3
from enum import StrEnum

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoneFree

#: SQLite's primary result codes: https://www.sqlite.org/rescode.html
_SQLITE_NO_ROOM = frozenset({8, 13})  # READONLY, FULL
_SQLITE_AWAY = frozenset({5, 6, 10, 14})  # BUSY, LOCKED, IOERR, CANTOPEN
#: https://www.postgresql.org/docs/current/errcodes-appendix.html
_STATES_NO_ROOM = frozenset({"53100", "25006"})  # disk_full, read_only_sql_transaction
_STATES_AWAY = ("08", "57P", "53300", "55000")
_ERRNO_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG})


class Trouble(StrEnum):
    """What passes once the operator, or the machine by itself, mended it; the value is the code of its words."""

    AWAY = "svc.away"
    NO_ROOM = "svc.no_room"


def trouble(error: BaseException) -> Trouble | None:
    """Return what an error says of the database or the disk; None for anything else."""
    if isinstance(error, OSError):
        return Trouble.NO_ROOM if error.errno in _ERRNO_NO_ROOM else None
    if isinstance(error, NoneFree):
        return Trouble.AWAY
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(getattr(error, "sqlite_errorcode", 0) & 0xFF)
    if not isinstance(error, DBAPIError):
        return None
    if isinstance(error.orig, sqlite3.Error):
        return trouble(error.orig)
    return _of_state(getattr(error.orig, "sqlstate", None), error)


def _of_sqlite(code: int) -> Trouble | None:
    if code in _SQLITE_NO_ROOM:
        return Trouble.NO_ROOM
    return Trouble.AWAY if code in _SQLITE_AWAY else None


def _of_state(state: str | None, error: DBAPIError) -> Trouble | None:
    if state in _STATES_NO_ROOM:
        return Trouble.NO_ROOM
    if state is not None:
        return Trouble.AWAY if state.startswith(_STATES_AWAY) else None
    # The driver itself speaks: there was no server to give a state.
    return Trouble.AWAY if isinstance(error, OperationalError | InterfaceError) else None
