"""Watches sites while tests use them: nothing secret may stand in a row, a log line or an error page.

What is secret is learned where it passes: tokens and keys when they are sealed, codes and states
in ways back, sessions in cookies.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qsl

import pytest
from fastapi import FastAPI

from openportability import vault
from openportability.site import Site
from tests.promises.spying import database, standing_in

#: What is made by chance and kept secret looks so; handles, addresses and names of networks do not.
_BY_CHANCE = re.compile(r"[A-Za-z0-9_-]{16,}")
#: A way back from a network holds these.
_OF_A_WAY_BACK = ("code", "state")
_COOKIES = ("session", "sign-in")


class Watch(logging.Handler):
    """What was secret since it began, what was logged, and what error pages showed."""

    def __init__(self) -> None:
        super().__init__()
        self.secrets: set[str] = set()
        self._told: list[str] = []
        self._shown: list[bytes] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._told.append(f"{logging.Formatter().format(record)} {vars(record)}")

    def sealed(self, plain: bytes) -> None:
        """Learn what a network asked us to keep: of sign-ins under way, grants, registrations."""
        self.secrets |= secrets_in(plain)

    def asked(self, scope: Mapping[str, Any]) -> None:
        """Learn what somebody brought back from a network."""
        if "/callback" in scope["path"]:
            query = parse_qsl(scope["query_string"].decode("latin-1"))
            self.secrets |= {
                value
                for name, value in query
                if name in _OF_A_WAY_BACK and _BY_CHANCE.fullmatch(value)
            }

    def answered(self, message: Mapping[str, Any]) -> None:
        """Learn which cookies a browser was given."""
        for name, value in message["headers"]:
            if name.lower() == b"set-cookie":
                given = SimpleCookie(value.decode("latin-1")).items()
                self.secrets |= {one.value for key, one in given if _is_ours(key) and one.value}

    def showed(self, page: bytes) -> None:
        self._shown.append(page)

    def finds_nothing(self, site: Site) -> None:
        """Fail where a secret stands in the site's database, in a log or on an error page."""
        if self.secrets:
            assert standing_in(database(site), self.secrets) == set()
            assert standing_in("\n".join(self._told).encode(), self.secrets) == set()
            assert standing_in(b"\n".join(self._shown), self.secrets) == set()


@contextmanager
def watching() -> Iterator[Watch]:
    """Watch all sites of this process."""
    watch = Watch()
    seal, answer = vault._gcm_seal, FastAPI.__call__

    def watched_seal(key: Any, plain: bytes, header: bytes, place: str) -> bytes:
        watch.sealed(plain)
        return seal(key, plain, header, place)

    async def watched_answer(self: FastAPI, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_simulated/"):
            await answer(self, scope, receive, send)
            return
        failed = False

        async def watched_send(message: Any) -> None:
            nonlocal failed
            if message["type"] == "http.response.start":
                watch.answered(message)
                failed = message["status"] >= 400
            elif failed:
                watch.showed(message.get("body", b""))
            await send(message)

        watch.asked(scope)
        await answer(self, scope, receive, watched_send)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vault, "_gcm_seal", watched_seal)
        patch.setattr(FastAPI, "__call__", watched_answer)
        logging.getLogger().addHandler(watch)
        try:
            yield watch
        finally:
            logging.getLogger().removeHandler(watch)


def secrets_in(sealed: bytes) -> set[str]:
    """Return what stands under `secret` in what was sealed, and was made by chance."""
    try:
        form = json.loads(sealed)
    except ValueError:
        return set()
    kept = form.get("secret", {}) if isinstance(form, dict) else {}
    values = [value for value in kept.values() if isinstance(value, str)]
    return {value for value in values if _BY_CHANCE.fullmatch(value)}


def _is_ours(cookie: str) -> bool:
    return cookie.removeprefix("__Host-") in _COOKIES
