"""A small world for tests: a site on a database, people who join it, and the lists they bring."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from openportability import files
from openportability.accounts import service as accounts
from openportability.accounts import store as account_store
from openportability.clock import EPOCH, Clock
from openportability.consent import service as consent
from openportability.consent.rules import Choice
from openportability.db.engine import Database, Tx
from openportability.domain import (
    Account,
    Actor,
    ActorId,
    Found,
    Grant,
    Kind,
    Match,
    NetworkName,
    Proof,
    Purpose,
    UserId,
)
from openportability.graph import store as lists
from openportability.jobs.local import LocalRunner
from openportability.jobs.port import Chore, Job, Work
from openportability.matching import jobs as matching_jobs
from openportability.matching import service as matching
from openportability.network import Begun, Field, Network, Proved
from openportability.settings import Settings
from openportability.site import Site
from openportability.vault import Keyring, Vault

OLD, NEW = NetworkName("old"), NetworkName("new")

Jobs = Callable[[Site], tuple[list[Job], list[Chore]]]
Ending = Callable[[Tx, Site, Account], None]


class Trusting:
    """Signs in whoever says a number: a proof for tests, with no grant unless one is put here."""

    field: Field | None = None

    def __init__(self, name: NetworkName) -> None:
        self.name = name
        self.grants: dict[ActorId, Grant] = {}

    def begin(
        self, *, typed: str, purpose: Purpose, redirect_uri: str, state: str, language: str
    ) -> Begun:
        return Begun(url=state, secret={"number": typed})

    def finish(self, *, secret: Mapping[str, str], answer: Mapping[str, str]) -> Proved:
        actor = actor_of(self.name, int(secret["number"]))
        return Proved(actor=actor, grant=self.grants.get(actor.id))

    def refresh(self, grant: Grant) -> Grant:
        return grant

    def look(self, grant: Grant, known: Actor) -> Actor:
        return known

    def revoke(self, grant: Grant) -> None:
        self.grants.pop(grant.actor_id, None)


def tiny_network(name: NetworkName) -> Network:
    """A network whose ids are numbers, where nothing can be done but be somebody."""
    return Network(
        name=name,
        title=name.title(),
        logo="<svg/>",
        numeric_ids=True,
        profile_url=lambda actor: f"https://{name}.test/{actor.id}",
        sign_in=Trusting(name),
        source=None,
        destination=None,
        words={},
    )


def segments(site: Site) -> list[Path]:
    """Return the segments in the data directory, the newest last."""
    return sorted(site.settings.data_dir.glob("segment-*"), key=lambda one: one.stat().st_mtime_ns)


def make_site(
    db: Database,
    clock: Clock,
    networks: Sequence[Network] = (tiny_network(OLD), tiny_network(NEW)),
    *,
    jobs: Sequence[Jobs] = (matching_jobs.work,),
    endings: Sequence[Ending] = (matching.end_account,),
    given: Mapping[str, str] | None = None,
) -> Site:
    """Join the parts of a site; `site.engine.turn()` does all that is due."""
    ends: list[Callable[[Tx, Account], None]] = []
    engine = LocalRunner(threads=1)
    settings = Settings.read({"OPENPORTABILITY_DATA_DIR": tempfile.gettempdir(), **(given or {})})
    site = Site(
        settings=settings,
        clock=clock,
        vault=Vault(Keyring.fresh()),
        db=db,
        files=files.place(settings),
        networks={network.name: network for network in networks},
        engine=engine,
        before_unlink=ends,
    )
    ends.extend(_bound(ending, site) for ending in endings)
    works = [work(site) for work in jobs]
    engine.register(
        Work(
            jobs=[job for some, _ in works for job in some],
            chores=[chore for _, some in works for chore in some],
        )
    )
    return site


def join(
    site: Site,
    network: NetworkName,
    number: int,
    *,
    user: UserId | None = None,
    found: Found | None = Found.ANYONE,
    proof: Proof = Proof.PROVED,
) -> Account:
    """Prove or claim an actor, as a new user or as one more account of `user`.

    A new user chooses by whom they are found; None: they have not chosen yet.
    """
    if proof is Proof.PROVED:
        account = _signed_in(site, network, number, user)
    else:
        actor = actor_of(network, number)
        with site.db.write() as tx:
            owner = user or account_store.create_user(tx, site.vault, "en", site.clock.now())
            account = accounts.claim(tx, site, owner, actor)
    if user is None and found is not None:
        be_found(site, account.user, found)
    return account


def actor_of(network: NetworkName, number: int) -> Actor:
    return Actor(
        network=network,
        instance=f"{network}.test",
        id=ActorId(str(number)),
        handle=f"person{number}",
        name=f"Person {number}",
        seen_at=EPOCH,
    )


def _signed_in(site: Site, network: NetworkName, number: int, user: UserId | None) -> Account:
    state = accounts.begin(
        site,
        network,
        typed=str(number),
        purpose=Purpose.IDENTIFY,
        browser="browser",
        user=user,
        expected=None,
        next_path="/",
        language="en",
    )
    answer = {"state": state}
    return accounts.finish(site, network, answer, browser="browser", user=user, locale="en").account


def be_found(site: Site, user: UserId, found: Found) -> None:
    """Choose by whom to be found."""
    with site.db.write() as tx:
        consent.choose(tx, site, user, Choice.FOUND, found, locale="en", how="test")


def unlink(site: Site, account: Account) -> None:
    """Take an account back."""
    with site.db.write() as tx:
        accounts.unlink(tx, site, account)


def bring(
    site: Site,
    user: UserId,
    network: NetworkName,
    *,
    following: Iterable[int] | None = None,
    followers: Iterable[int] | None = None,
    blocked: Iterable[int] | None = None,
    muted: Iterable[int] | None = None,
    woken: bool = True,
) -> None:
    """Bring lists, for the user's first account on the network; None leaves the old list."""
    given = {
        Kind.FOLLOWING: following,
        Kind.FOLLOWERS: followers,
        Kind.BLOCKED: blocked,
        Kind.MUTED: muted,
    }
    brought = {kind: numbers for kind, numbers in given.items() if numbers is not None}
    with site.db.write() as tx:
        mine = account_store.accounts_of(tx, user)
        account = next(account for account in mine if account.actor.network == network)
        put_lists(tx, site, account, brought)
        if woken:
            tx.after(lambda: site.engine.wake(lists.ARRIVED))


def put_lists(tx: Tx, site: Site, account: Account, brought: Mapping[Kind, Iterable[int]]) -> None:
    """Put lists of this account in the place of older ones."""
    key = account_store.personal_key(tx, site.vault, account.user)
    for kind, numbers in brought.items():
        of = lists.ListOf(
            user=account.user, network=account.actor.network, kind=kind, account=account.id
        )
        keys = np.array(sorted(set(numbers)), np.uint64)
        lists.put_list(tx, key, of, keys, taken_at=None, imported_at=site.clock.now())


def seen_by(site: Site, user: UserId) -> dict[UserId, Match]:
    """Return whom a user is shown."""
    with site.db.read() as tx:
        return {match.user: match for match in matching.matches_of(tx, site, user)}


def _bound(ending: Ending, site: Site) -> Callable[[Tx, Account], None]:
    return lambda tx, account: ending(tx, site, account)
