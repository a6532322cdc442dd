"""What tests rely on: they reach nobody, and find their servers."""

from __future__ import annotations

import socket

import pytest
from playwright.sync_api import Browser, Error
from sqlalchemy import text

from openportability.db.engine import Database
from tests.loopback import CalledOutError


def test_a_connection_beyond_loopback_is_refused() -> None:
    with socket.socket() as one, pytest.raises(CalledOutError):
        one.connect(("192.0.2.1", 80))


def test_a_datagram_beyond_loopback_is_refused() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as one, pytest.raises(CalledOutError):
        one.sendto(b"who is there?", ("192.0.2.1", 53))


def test_a_name_is_not_looked_up() -> None:
    with pytest.raises(CalledOutError):
        socket.getaddrinfo("someone.example", 443)


def test_each_test_has_a_migrated_database_of_its_own(db: Database) -> None:
    with db.write() as tx:
        tx.execute(text("INSERT INTO counters (name, n) VALUES ('mine', 1)"))
        found = tx.execute(text("SELECT count(*) FROM counters WHERE name = 'mine'"))
        assert found.scalar_one() == 1


def test_the_browser_reaches_nobody(chromium: Browser) -> None:
    page = chromium.new_page()
    with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
        page.goto("http://someone.example/")
    page.close()
