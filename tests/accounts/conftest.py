"""A site without pages, on both databases, with one network that a test holds in its hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from openportability.accounts import grant_store, jobs, store
from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.domain import Account, Actor, ActorId, Grant, Key, Proof, UserId
from openportability.files import Folder
from openportability.jobs.local import LocalRunner
from openportability.jobs.port import Work
from openportability.settings import Settings
from openportability.site import Site
from openportability.vault import Keyring, Vault
from tests import secrecy
from tests.accounts.desk import HERD, Desk, network
from tests.browsing import Browser
from tests.house import House

AddAccount = Callable[..., Account]


@pytest.fixture
def desk(clock: MovedClock) -> Desk:
    return Desk(clock)


@pytest.fixture
def site(db: Database, clock: MovedClock, desk: Desk) -> Site:
    """Its engine does the work of accounts and nothing else: `site.engine.turn()`."""
    engine = LocalRunner(threads=1)
    made = Site(
        settings=Settings.read({}),
        clock=clock,
        vault=Vault(Keyring.fresh()),
        db=db,
        files=Folder(Path("var")),
        networks={HERD: network(desk)},
        engine=engine,
        before_unlink=(),
    )
    mine, chores = jobs.work(made)
    engine.register(Work(jobs=mine, chores=chores))
    return made


@pytest.fixture
def user(site: Site) -> UserId:
    with site.db.write() as tx:
        return store.create_user(tx, site.vault, "en", site.clock.now())


@pytest.fixture
def add(site: Site, user: UserId) -> AddAccount:
    """Link an account: `add("ann")`, with a grant: `add("ann", grant=…)`."""

    def made(
        name: str,
        *,
        of: UserId = user,
        proof: Proof = Proof.PROVED,
        grant: Grant | None = None,
    ) -> Account:
        actor = actor_of(name, site)
        with site.db.write() as tx:
            key = Key(site.vault.actor_key(HERD, actor.id))
            account = store.add_account(tx, of, actor, key, proof)
            if grant is not None:
                sealing = store.personal_key(tx, site.vault, of)
                grant_store.put_grant(tx, sealing, of, account.id, grant, site.clock.now())
        return account

    return made


@pytest.fixture
def house(house: House) -> Iterator[House]:
    """The same; at its end all is looked through for what was secret."""
    with secrecy.watching() as watch:
        yield house
        watch.finds_nothing(house.site)


@pytest.fixture
def browser(house: House) -> Browser:
    """A browser that was never here."""
    return house.new_browser()


@pytest.fixture
def nora(house: House) -> dict[str, str]:
    """The handles of one person, by network."""
    return house.handles(0)


@pytest.fixture
def elif_(house: House) -> dict[str, str]:
    """The handles of another person, by network."""
    return house.handles(3)


def actor_of(name: str, site: Site) -> Actor:
    """Return the actor of that name at the desk."""
    return Actor(
        network=HERD,
        instance="herd.example",
        id=ActorId(name),
        handle=f"@{name}",
        name=name.title(),
        seen_at=site.clock.now(),
    )
