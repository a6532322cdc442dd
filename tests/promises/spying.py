"""Looks for secrets in all that is stored, told and shown, however they are spelled there."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from contextlib import suppress
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from sqlalchemy import select

from openportability.db.schema import METADATA
from openportability.site import Site
from tests.browsing import Answer


def database(site: Site) -> bytes:
    """Return every value of every row, one after the other."""
    values: list[bytes] = []
    with site.db.read() as tx:
        for table in METADATA.sorted_tables:
            for row in tx.execute(select(table)):
                values += [one if isinstance(one, bytes) else str(one).encode() for one in row]
    return b"\n".join(values)


def told(caplog: pytest.LogCaptureFixture) -> bytes:
    """Return all that was logged, with what only some log formats show."""
    return (caplog.text + "".join(str(vars(record)) for record in caplog.records)).encode()


def shown(pages: list[Answer]) -> bytes:
    """Return the text of all pages."""
    return b"".join(answer.body for answer in pages)


def codes_of(addresses: list[str]) -> set[str]:
    """Return codes and states of ways back."""
    queries = [parse_qs(urlsplit(address).query) for address in addresses]
    names = ("code", "state")
    return {value for query in queries for name in names for value in query.get(name, ())}


def standing_in(text: bytes, secrets: Iterable[str]) -> set[str]:
    """Return the secrets that stand in a text, in clear or written in some other way."""
    return {secret for secret in secrets if any(one in text for one in _spellings(secret))}


def _spellings(secret: str) -> Iterator[bytes]:
    raws = [secret.encode(), secret.encode("utf-16-le")]
    with suppress(ValueError):  # the bytes of a key, where the secret is their text
        raws.append(urlsafe_b64decode(secret + "=" * (-len(secret) % 4)))
    for raw in raws:
        yield raw
        yield from (raw.hex().encode(), raw.hex().upper().encode())
        for lead in range(3):  # as a part of something longer
            for encode in (b64encode, urlsafe_b64encode):
                yield encode(b"\0" * lead + raw)[4 if lead else 0 :].rstrip(b"=")[:-1]
    yield quote(secret, safe="").encode()
    yield json.dumps(secret)[1:-1].encode()
