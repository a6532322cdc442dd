"""The file of the keyring: made once, never beside the database of a public site, replaced whole."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from openportability.clock import monotonic
from openportability.settings import PREFIX, BadSetting, Settings
from openportability.vault import Keyring

#: How often a process looks whether its keyring was replaced.
LOOK_SECONDS = 5.0


def master_key(settings: Settings, make: Callable[[], str]) -> str:
    """Return the keyring's text: as given, else from its file, which is made once, mode 600."""
    path = settings.key_file
    if path is None:
        return settings.master_key
    if _lies_beside(settings, path):
        raise _beside(f"{PREFIX}MASTER_KEY_FILE" if settings.master_key else str(path))
    if settings.master_key:
        return settings.master_key
    if not path.exists():
        made = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_once(path, made)
    if path.stat().st_mode & 0o077:
        raise BadSetting(f"{path} can be read by others on this machine: do chmod 600 on it")
    return path.read_text().strip()


def watch(path: Path, ring: Keyring) -> Callable[[bool], Keyring | None]:
    """Return a look for another keyring in the file: now and then, or at once when a key is missing.

    What does not belong to the same database is passed over: the running process goes on as it is.
    """
    seen, looked = _stamp(path), monotonic()

    def newer(missing: bool) -> Keyring | None:
        nonlocal seen, looked
        if not missing and monotonic() - looked < LOOK_SECONDS:
            return None
        looked = monotonic()
        stamp = _stamp(path)
        if stamp is None or stamp == seen:
            return None
        try:
            found = Keyring.parse(path.read_text())
        except (OSError, ValueError):
            return None
        seen = stamp
        return found if found.identity == ring.identity else None

    return newer


def replace(path: Path, text: str) -> None:
    """Put another keyring in place of the one in the file: killed at any point, one of both is whole.

    Who may read it stays: root may replace what a site reads that runs as somebody else.
    """
    draft, before = _draft(path, text), path.stat()
    try:
        os.chown(draft, before.st_uid, before.st_gid)
        draft.chmod(before.st_mode & 0o777)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        told = path.stat()
    except OSError:
        return None
    return told.st_ino, told.st_mtime_ns, told.st_size


def _write_once(path: Path, text: str) -> None:
    """Write a new file; whoever was quicker wins."""
    draft = _draft(path, text)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _draft(path: Path, text: str) -> Path:
    """Write a file beside another one, mode 600, and see it onto the disk."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return draft


def _lies_beside(settings: Settings, key: Path) -> bool:
    """True where a site open to others would keep its key in the directory of its SQLite file."""
    if not settings.production or settings.key_beside_database:
        return False
    scheme, _, file = settings.database_url.partition(":///")
    return (
        scheme == "sqlite" and Path(file.partition("?")[0]).resolve().parent == key.resolve().parent
    )


def _beside(what: str) -> BadSetting:
    return BadSetting(
        f"{what}: the key would lie beside the database, so that one copy gives away everything: "
        f"keep it elsewhere and name it in {PREFIX}MASTER_KEY_FILE, "
        f"or set {PREFIX}KEY_BESIDE_DATABASE=yes"
    )
