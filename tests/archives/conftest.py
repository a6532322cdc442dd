"""A site with one network that archives come from, and the people on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from openportability import app as house
from openportability.accounts import service as accounts
from openportability.accounts import store
from openportability.accounts.session import COOKIE
from openportability.accounts.session_store import SessionKind
from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.domain import Actor, ActorId, Key, NetworkName, Proof, UserId
from openportability.files import Folder
from openportability.jobs.local import LocalRunner
from openportability.network import Network, Source
from openportability.networks.x.archive import ARCHIVE
from openportability.settings import Settings
from openportability.site import Site
from openportability.vault import Keyring, Vault

HOME = "http://127.0.0.1:8000"
BIRD = NetworkName("bird")
HERD = NetworkName("herd")

#: `member(archive_id)` makes a user who has proved that account; `member()` one who is known elsewhere only.
Member = Callable[..., UserId]


def network(name: NetworkName, source: Source | None) -> Network:
    return Network(
        name=name,
        title=name.title(),
        logo="<svg viewBox='0 0 4 4'></svg>",
        numeric_ids=source is not None,
        profile_url=lambda actor: f"https://{name}.example/{actor.handle}",
        sign_in=None,
        source=source,
        destination=None,
        words={},
    )


@pytest.fixture
def site(db: Database, clock: MovedClock) -> Site:
    return Site(
        settings=Settings.read({"OPENPORTABILITY_BASE_URL": HOME}),
        clock=clock,
        vault=Vault(Keyring.fresh()),
        db=db,
        files=Folder(Path("var")),
        networks={HERD: network(HERD, None), BIRD: network(BIRD, Source(archive=ARCHIVE))},
        engine=LocalRunner(threads=1),
        before_unlink=(),
    )


@pytest.fixture
def member(site: Site) -> Member:
    count = iter(range(1, 1000))

    def make(actor_id: str = "", proof: Proof = Proof.PROVED) -> UserId:
        now = site.clock.now()
        number = next(count)
        with site.db.write() as tx:
            user = store.create_user(tx, site.vault, "en", now)
            of = BIRD if actor_id else HERD
            actor = Actor(
                network=of,
                instance=f"{of}.example",
                id=ActorId(actor_id or f"https://herd.example/{number}"),
                handle=f"@member{number}",
                name=f"Member {number}",
                seen_at=now,
            )
            store.add_account(tx, user, actor, Key(int(actor_id or number)), proof)
        return user

    return make


@pytest.fixture
def browser(site: Site) -> Iterator[Callable[[UserId], TestClient]]:
    """A browser without scripts in which somebody is signed in."""
    opened: list[TestClient] = []
    app = house.web(site)

    def sign_in(user: UserId) -> TestClient:
        with site.db.write() as tx:
            token = accounts.sign_in(tx, site, user, kind=SessionKind.BROWSER, name="test")
        client = TestClient(app, base_url=HOME, follow_redirects=False, cookies={COOKIE: token})
        opened.append(client.__enter__())
        return opened[-1]

    yield sign_in
    for client in opened:
        client.__exit__(None, None, None)
