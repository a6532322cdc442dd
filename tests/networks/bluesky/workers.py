"""Two workers that keep one person's grant in one database, and what each asked a real server for."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Event

import httpx2

from openportability.accounts import grant_store, store
from openportability.accounts.refresh import usable_grant
from openportability.clock import Clock
from openportability.db.engine import Database
from openportability.domain import Account, Grant, Key, Proof
from openportability.network import Network, Proved
from openportability.site import Memory, Site
from tests import cast

WAIT_SECONDS = 30


@dataclass
class Watched(httpx2.BaseTransport):
    """The way to real servers. Notes how each request for a token ends, and can hold one up."""

    ended: list[tuple[int, str]] = field(default_factory=list)
    asked: Event = field(default_factory=Event)
    go_on: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        self._real = httpx2.HTTPTransport(trust_env=False)
        self.go_on.set()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if not request.url.path.endswith("/oauth/token"):
            return self._real.handle_request(request)
        self.asked.set()
        assert self.go_on.wait(WAIT_SECONDS)
        answer = self._real.handle_request(request)
        said = json.loads(answer.read())
        answer.close()
        self.ended.append((answer.status_code, said.get("error", "")))
        nonce = {"dpop-nonce": answer.headers["dpop-nonce"]}
        return httpx2.Response(answer.status_code, headers=nonce, json=said)

    def close(self) -> None:
        self._real.close()


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A process of the site: its own memory and way out, and the rows that all share."""

    site: Site
    way: Watched

    def grant(self, account: Account) -> Grant:
        """Return a grant that is good for the next minutes, refreshed if need be."""
        return usable_grant(self.site, account)

    def holds(self, proved: Proved) -> Account:
        """Keep somebody new who signed in."""
        assert proved.grant
        actor, site = proved.actor, self.site
        with site.db.write() as tx:
            user = store.create_user(tx, site.vault, "en", site.clock.now())
            key = Key(site.vault.actor_key(actor.network, actor.id))
            account = store.add_account(tx, user, actor, key, Proof.PROVED)
            sealing = store.personal_key(tx, site.vault, user)
            grant_store.put_grant(tx, sealing, user, account.id, proved.grant, site.clock.now())
        return account

    def leases(self, account: Account, token: str) -> bool:
        """Take the right to refresh and die with it; say whether it was to be had."""
        with self.site.db.write() as tx:
            return grant_store.lease(tx, account.id, token, self.site.clock.now())


def two_workers(
    db: Database, clock: Clock, load: Callable[[Watched], Network]
) -> tuple[Worker, Worker]:
    """Start two; `load` loads the network behind a way out."""
    ways = Watched(), Watched()
    ours, theirs = (load(way) for way in ways)
    site = cast.make_site(db, clock, [ours], jobs=())
    other = replace(site, networks={theirs.name: theirs}, memory=Memory())
    return Worker(site=site, way=ways[0]), Worker(site=other, way=ways[1])


def both_at_once(first: Worker, second: Worker, account: Account) -> tuple[Grant, Grant]:
    """Let the second need the grant while the first is at the server to refresh it."""
    first.way.asked.clear()
    first.way.go_on.clear()
    with ThreadPoolExecutor(2) as pool:
        try:
            one = pool.submit(first.grant, account)
            assert first.way.asked.wait(WAIT_SECONDS)
            assert not second.leases(account, "a third one")
            other = pool.submit(second.grant, account)
        finally:
            first.way.go_on.set()
        return one.result(WAIT_SECONDS), other.result(WAIT_SECONDS)
