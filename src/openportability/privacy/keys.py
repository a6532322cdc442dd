"""Keys: refuse to start with a wrong keyring, and replace keys while everything goes on.

A rotation can be killed at any point and begun again: the keyring keeps its old keys until nothing
in the database needs them, and each row is changed only if it still is what was read.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from openportability import keyfile
from openportability.clock import monotonic
from openportability.db.engine import Database, Tx
from openportability.domain import UserId
from openportability.errors import Misconfigured
from openportability.privacy import store
from openportability.reconnection import lane_store
from openportability.settings import PREFIX, Settings
from openportability.site import Site
from openportability.vault import Keyring, Unreadable, Vault

#: Rows that one transaction seals again.
_ROWS = 500
#: How long a person's slice may take to end before their key is replaced, and how often we look.
_PATIENCE_SECONDS = 150.0
_LOOK_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Rotated:
    """What a rotation did."""

    #: Values sealed again under the newest master key.
    values: int
    #: People who have a new key of their own.
    people: int


def refuse_wrong_keyring(db: Database, vault: Vault, settings: Settings) -> None:
    """Raise `Misconfigured` unless this keyring belongs to this database; note it for a new one."""
    with db.write() as tx:
        proof = store.key_proof(tx)
        if proof is None:
            store.put_key_proof(tx, vault)
            return
    if proof.identity != vault.token_hash(store.PROOF):
        raise Misconfigured(
            f"the keyring ({_where(settings)}) belongs to another database: its line identity is "
            "not the one that this database was begun with. Give the keyring that was kept for it."
        )
    try:
        vault.open(proof.sealed, store.PROOF)
    except Unreadable:
        raise Misconfigured(
            f"the keyring ({_where(settings)}) lacks a key that this database still needs. Put the "
            "line that was taken out back in; it can go when `keys rotate` says so."
        ) from None


def fits(tx: Tx, vault: Vault) -> bool:
    """Say whether a keyring belongs to a database and has the key that it needs; to a new one any does."""
    proof = store.key_proof(tx)
    if proof is None:
        return True
    try:
        vault.open(proof.sealed, store.PROOF)
    except Unreadable:
        return False
    return proof.identity == vault.token_hash(store.PROOF)


def fresh_keyring(db: Database, settings: Settings) -> str:
    """Return the keyring of a new site; raise `Misconfigured` where there are rows sealed already."""
    with db.read() as tx:
        if store.key_proof(tx) is not None:
            raise Misconfigured(
                f"there is no keyring ({_where(settings)}), but the database was sealed with one. "
                "Put its copy there; without it nobody can read what people brought."
            )
    return Keyring.fresh().text()


def rotate(
    site: Site, *, people: bool = False, wait: Callable[[float], None] = time.sleep
) -> Rotated:
    """Seal everything under a new master key; `people`: give each person a new key as well.

    Processes that run meanwhile find the new keyring by themselves within `keyfile.LOOK_SECONDS`;
    the last pass comes after that, so nothing they sealed before is left behind.
    """
    path = site.settings.key_file
    if path is None:
        raise Misconfigured(
            f"the keyring is given in {PREFIX}MASTER_KEY itself, where it cannot be replaced: put it "
            f"into a file, name that in {PREFIX}MASTER_KEY_FILE, and start all processes again"
        )
    ring = Keyring.parse(path.read_text())
    if len(ring.sealing) == 1:
        # More than one: a rotation was begun and not finished; it goes on with the same new key.
        ring = ring.grown()
        _replace(path, ring)
    vault = Vault(ring)
    values = _seal_again(site.db, vault)
    replaced = _rotate_people(site, vault, wait) if people else 0
    wait(2 * keyfile.LOOK_SECONDS)
    values += _seal_again(site.db, vault)
    with site.db.write() as tx:
        store.put_key_proof(tx, vault)
    _replace(path, ring.newest_only())
    return Rotated(values=values, people=replaced)


def _seal_again(db: Database, vault: Vault) -> int:
    count = 0
    for column in store.instance_columns():
        while True:
            with db.write() as tx:
                some = store.seal_again(tx, vault, column, limit=_ROWS)
            if not some:
                break
            count += some
    return count


def _rotate_people(site: Site, vault: Vault, wait: Callable[[float], None]) -> int:
    with site.db.read() as tx:
        everyone = store.everyone(tx)
    for user in everyone:
        give_up = monotonic() + _PATIENCE_SECONDS
        while not _rotate_person(site, vault, user):
            if monotonic() > give_up:
                raise Misconfigured(
                    "somebody's follows are being made without end: try again later"
                )
            wait(_LOOK_SECONDS)
    return len(everyone)


def _rotate_person(site: Site, vault: Vault, user: UserId) -> bool:
    """Give a person a new key and seal all of theirs with it; False while a worker holds the old one."""
    with site.db.write() as tx:
        if not store.hold_gently(tx, user):
            return True  # they left
        lane_store.hold_all(tx, user)
        if store.is_being_served(tx, user):
            return False
        old = vault.personal(store.hold_key(tx, user), user)
        wrapped = vault.new_personal_key(user)
        store.seal_with(tx, user, old, vault.personal(wrapped, user))
        store.put_key(tx, user, wrapped)
    return True


def _replace(path: Path, ring: Keyring) -> None:
    try:
        keyfile.replace(path, ring.text())
    except OSError as error:
        raise Misconfigured(
            f"{path} cannot be replaced ({error.strerror}): let us write there"
        ) from None


def _where(settings: Settings) -> str:
    return str(settings.key_file or f"{PREFIX}MASTER_KEY")
