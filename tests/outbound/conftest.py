"""Servers on loopback, and doors to reach them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from openportability.clock import SystemClock
from openportability.outbound import Door
from tests.outbound.server import Play, Server


@pytest.fixture
def serve() -> Iterator[Callable[[Play], Server]]:
    servers: list[Server] = []

    def start(play: Play) -> Server:
        servers.append(Server(play))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def make_door() -> Iterator[Callable[..., Door]]:
    doors: list[Door] = []

    def make(*, extra_ca_file: Path | None = None, **options: Any) -> Door:
        options.setdefault("allow_loopback", True)
        options.setdefault("clock", SystemClock())
        doors.append(Door(user_agent="Test/1", extra_ca_file=extra_ca_file, **options))
        return doors[-1]

    yield make
    for door in doors:
        door.close()


@pytest.fixture
def door(make_door: Callable[..., Door]) -> Iterator[Door]:
    """A door of a development machine, closed before the servers are."""
    door = make_door()
    yield door
    door.close()
