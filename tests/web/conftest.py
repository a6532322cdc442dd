"""A small site with nothing but the shell, for the tests of the shell."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pytest
import uvicorn
from fastapi import FastAPI
from starlette.testclient import TestClient

from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.domain import NetworkName
from openportability.network import Network
from openportability.settings import Settings
from openportability.vault import Keyring, Vault
from openportability.web import connection
from openportability.web.shell import dress

HOME = "http://127.0.0.1:8000"
HTTPS_HOME = "https://op.example"


@dataclass(frozen=True, kw_only=True)
class House:
    """What the shell needs of a site."""

    settings: Settings
    clock: MovedClock
    vault: Vault
    networks: Mapping[NetworkName, Network]


@pytest.fixture(scope="session")
def herd() -> Network:
    """A network that only has a name, a logo and words."""
    return Network(
        name=NetworkName("herd"),
        title="Herd",
        logo='<svg viewBox="0 0 4 4"><circle cx="2" cy="2" r="2" fill="currentColor"/></svg>',
        numeric_ids=False,
        profile_url=lambda actor: f"https://herd.example/{actor.handle}",
        sign_in=None,
        source=None,
        destination=None,
        words={"herd.asleep": ("The herd sleeps", "Come back when 100% of it is awake.")},
    )


@pytest.fixture
def make_app(herd: Network, clock: MovedClock) -> Callable[..., FastAPI]:
    """Make a dressed application for a base URL, and a database if the test has one."""

    def make(base_url: str, db: Database | None = None) -> FastAPI:
        app = FastAPI(openapi_url=None)
        house = House(
            settings=Settings.read({"OPENPORTABILITY_BASE_URL": base_url}),
            clock=clock,
            vault=Vault(Keyring.fresh()),
            networks={herd.name: herd},
        )
        dress(app, house, db=db)
        return app

    return make


@pytest.fixture
def app(make_app: Callable[[str], FastAPI]) -> FastAPI:
    """The shell as a developer runs it."""
    return make_app(HOME)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """A browser without scripts, on that shell."""
    with TestClient(app, base_url=HOME, follow_redirects=False) as made:
        yield made


@pytest.fixture
def served(make_app: Callable[[str], FastAPI]) -> Iterator[FastAPI]:
    """The shell on a port of its own; `settings.base_url` says where. Routes may still be added."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        app = make_app(f"http://127.0.0.1:{listening.getsockname()[1]}")
        server = uvicorn.Server(connection.config(app, timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.02)
        yield app
        app.state.streams.close()
        server.should_exit = True
        thread.join(10)
