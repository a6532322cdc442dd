"""What operators do with a whole database: move it, save it, put it back."""

from __future__ import annotations

from pathlib import Path

from openportability.db import backup, migrate
from openportability.db.engine import Database, Tx
from openportability.errors import Misconfigured
from openportability.operator import store
from openportability.vault import Unreadable, Vault


def opens(tx: Tx, vault: Vault) -> bool:
    """Say whether the keyring is the one that this database was sealed with."""
    found = store.some_key(tx)
    if found is None:
        return True
    user, wrapped = found
    try:
        vault.personal(wrapped, user)
    except Unreadable:
        return False
    return True


def restore(database: Database, vault: Vault, file: Path) -> None:
    """Put a backup in place and bring it to the newest revision; nothing stays if a key is missing."""
    backup.restore(database, file)
    migrate.upgrade(database)
    with database.read() as tx:
        fits = opens(tx, vault)
    if not fits:
        database.close()
        backup.take_away(database)
        raise Misconfigured(
            "The keyring does not open this backup, so nothing was restored: put the keyring that "
            "was in use when it was made where OPENPORTABILITY_MASTER_KEY_FILE or DATA_DIR says."
        )
