"""Keys are replaced where processes of other machines, with a keyring file of their own, go on meanwhile."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from openportability import app as parts
from openportability import keyfile
from openportability.accounts import store as accounts
from openportability.db.schema import user_keys
from openportability.errors import Misconfigured
from openportability.privacy import keys, store, taking
from openportability.privacy.parts import Document
from openportability.settings import Settings
from openportability.site import Site
from openportability.vault import Keyring, Unreadable, Vault
from tests.house import NETWORKS, House
from tests.journeys.neighbourhood import Neighbourhood

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A site with a keyring file of its own, as the other machine has it."""

    site: Site

    @property
    def file(self) -> Path:
        path = self.site.settings.key_file
        assert path is not None
        return path

    @property
    def ring(self) -> Keyring:
        return Keyring.parse(self.file.read_text())

    def give(self, *sealing: str, of: Keyring) -> None:
        """Put a file with these keys of a ring there, the first of which seals."""
        given = Keyring(identity=of.identity, sealing={name: of.sealing[name] for name in sealing})
        keyfile.replace(self.file, given.text())

    def works(self) -> None:
        """Read all that is sealed, and seal something."""
        with self.site.db.write() as tx:
            accounts.create_user(tx, self.site.vault, "en", self.site.clock.now())
        self.told()

    def told(self) -> list[Document]:
        """Return what it would hand to each person."""
        with self.site.db.read() as tx:
            return [taking.document(tx, self.site, user) for user in store.everyone(tx)]

    def starts(self) -> None:
        """Start another process there."""
        site = parts.build(self.site.settings, self.site.clock)
        site.engine.close()
        site.db.close()


@pytest.fixture
def here(house: House, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """The machine where keys are rotated; somebody lives there of whom every table knows."""
    monkeypatch.setattr(keyfile, "LOOK_SECONDS", 0.0)
    place = Neighbourhood(house)
    alice, _bob = place.circle(1, standing="ask")
    place.reconnect(alice)
    return Machine(site=house.site)


@pytest.fixture
def there(here: Machine, database_url: str, tmp_path: Path) -> Iterator[Machine]:
    """Another machine, which shares the database and nothing else."""
    folder = tmp_path / "there"
    folder.mkdir()
    shutil.copy(here.file, folder / "master.key")
    environ = {
        **NETWORKS,
        "OPENPORTABILITY_BASE_URL": here.site.settings.base_url,
        "OPENPORTABILITY_DATA_DIR": str(folder),
        "OPENPORTABILITY_DATABASE_URL": database_url,
    }
    site = parts.build(Settings.read(environ), here.site.clock)
    with closing(site.db), closing(site.engine):
        yield Machine(site=site)


def test_machines_go_on_while_keys_are_replaced_in_the_order_of_the_page(
    here: Machine, there: Machine
) -> None:
    (old,) = here.ring.sealing
    ring = here.ring.grown()
    new = next(iter(ring.sealing))

    def all_go_on(_seconds: float = 0) -> None:
        for machine in (here, there):
            machine.works()
            machine.starts()
        assert here.told() == there.told()

    all_go_on()
    for order in ((old, new), (new, old)):  # first it is read everywhere, then everywhere it seals
        for machine in (here, there):
            machine.give(*order, of=ring)
            all_go_on()
    keys.rotate(here.site, wait=all_go_on)
    assert list(here.ring.sealing) == [new]
    all_go_on()
    there.give(new, of=ring)
    all_go_on()
    assert nothing_is_sealed_by_another(here)


def test_a_machine_that_was_forgotten_is_mended_with_the_old_key(
    here: Machine, there: Machine
) -> None:
    (old,) = here.ring.sealing
    old_ring = here.ring
    keys.rotate(here.site, wait=lambda _seconds: None)
    (new,) = here.ring.sealing
    both = Keyring(identity=old_ring.identity, sealing={**here.ring.sealing, **old_ring.sealing})
    # It reads nothing of what is sealed anew, refuses to start, and what it seals is read nowhere else.
    with pytest.raises(Unreadable):
        there.told()
    with pytest.raises(Misconfigured, match="lacks a key"):
        there.starts()
    with there.site.db.write() as tx:
        accounts.create_user(tx, there.site.vault, "en", there.site.clock.now())
    with pytest.raises(Unreadable):
        here.told()
    for machine in (there, here):
        machine.give(new, old, of=both)
    assert here.told() == there.told()
    keys.rotate(here.site, wait=lambda _seconds: None)
    assert list(here.ring.sealing) == [new]
    there.give(new, of=both)
    assert here.told() == there.told()
    assert nothing_is_sealed_by_another(here)


def nothing_is_sealed_by_another(machine: Machine) -> bool:
    vault = Vault(machine.ring)
    with machine.site.db.read() as tx:
        wrapped = tx.execute(select(user_keys.c.wrapped)).scalars().all()
    return all(vault.is_newest(one) for one in wrapped)
