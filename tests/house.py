"""A whole site on a port of its own, with simulated networks, for browsers to visit."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

from openportability import app as house
from openportability.clock import MovedClock
from openportability.networks.fake.realm import Terms
from openportability.networks.fake.residents import Role
from openportability.networks.fake.world import World, shared_world
from openportability.settings import Settings
from openportability.site import Site
from openportability.web import connection
from openportability.web import line as lines
from openportability.web.line import Line
from tests.browsing import Browser

#: How many people live in the simulated world.
PEOPLE = 120
#: A source of lists, many servers with one follow a call, and repositories with batches.
ROLES = {"bird": Role.SOURCE, "herd": Role.INSTANCES, "sky": Role.REPOSITORY}
NETWORKS = {
    "OPENPORTABILITY_NETWORKS": ",".join(f"{name}:fake" for name in ROLES),
    **{f"OPENPORTABILITY_{name.upper()}_ROLE": role.value for name, role in ROLES.items()},
    **{f"OPENPORTABILITY_{name.upper()}_PEOPLE": str(PEOPLE) for name in ROLES},
}

#: For modules about pages, cookies and words, whose every statement other tests send to both databases; decision 150.
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@contextmanager
def full(line: Line, clock: MovedClock) -> Iterator[None]:
    """Let as many bring lists meanwhile as have turns, and nobody wait for one but elsewhere."""
    inside = [str(number).encode() for number in range(line.most)]
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(lines, "HELD_SECONDS", 0.0)
        for who in inside:
            assert line.enter(who, clock.now())
        yield
        for who in inside:
            line.leave(who)


@dataclass(frozen=True, kw_only=True)
class House:
    """A running site. `turn()` does all work that is due, once; `clock.forward(…)` makes more due."""

    site: Site
    clock: MovedClock
    base_url: str
    app: FastAPI

    @property
    def line(self) -> Line:
        """Who may bring lists now."""
        line: Line = self.app.state.line
        return line

    def new_browser(self) -> Browser:
        """Return a browser that was never here."""
        return Browser(self.base_url)

    def turn(self) -> int:
        """Do all chores and all that waits, errors let through."""
        return self.site.engine.turn()

    @property
    def world(self) -> World:
        """The people behind the simulated networks, to be moved by tests."""
        return shared_world(seed="1", people=PEOPLE, clock=self.clock)

    def ask_world(self, network: str, verb: str, **args: Any) -> dict[str, Any]:
        """Ask a simulated network something behind the stage; see networks/fake/README.md."""
        terms = Terms(name=network, role=ROLES[network])
        reply = self.world.call(terms, verb, args)
        assert reply.status == 200, f"{verb}: {reply.text}"
        told = json.loads(reply.text)
        assert isinstance(told, dict)
        return told

    def lives(self, network: str, who: str) -> bool:
        """Say whether a simulated network has a token of somebody, and end it."""
        return bool(self.ask_world(network, "withdraw", who=who)["ended"])

    def handles(self, person: int) -> dict[str, str]:
        """Return the handles of one person on the simulated networks where they live."""
        browser = self.new_browser()
        return {
            name: one["handle"]
            for name in self.site.networks
            for one in browser.get(f"/_simulated/{name}/people?limit=1000").json()["people"]
            if one["person"] == person
        }


@contextmanager
def opened(data_dir: Path, database_url: str, clock: MovedClock, **more: str) -> Iterator[House]:
    """Build a site on this database and serve it; `more` are settings without their prefix."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        base_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        environ = {
            **NETWORKS,
            "OPENPORTABILITY_BASE_URL": base_url,
            "OPENPORTABILITY_DATA_DIR": str(data_dir),
            "OPENPORTABILITY_DATABASE_URL": database_url,
            "OPENPORTABILITY_ALLOW_LOOPBACK": "yes",
            "OPENPORTABILITY_WORKER_THREADS": "2",
            **{f"OPENPORTABILITY_{name}": value for name, value in more.items()},
        }
        site = house.build(Settings.read(environ), clock)
        try:
            app = house.web(site)
            with served(app, listening):
                yield House(site=site, clock=clock, base_url=base_url, app=app)
        finally:
            site.engine.close()
            site.db.close()


@contextmanager
def served(app: FastAPI, listening: socket.socket) -> Iterator[None]:
    """Serve an application on a port."""
    server = uvicorn.Server(connection.config(app, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.01)
    try:
        yield
    finally:
        app.state.streams.close()
        server.should_exit = True
        thread.join(10)
