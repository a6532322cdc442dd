"""Lists that are being read page by page from an account, and how far that has come."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import numpy as np

from openportability.domain import Account, AccountId, Kind
from openportability.errors import Unavailable
from openportability.graph.codec import Keys, decode, encode, sorted_set
from openportability.network import Page

#: Pages of one list: a server that goes on for ever is stopped here, after a million people or two.
_MOST_PAGES = 20_000


class FetchState(StrEnum):
    """What becomes of a reading."""

    READING = "reading"
    DONE = "done"
    FAILED = "failed"  # only the person can start it again


@dataclass(frozen=True, kw_only=True)
class Fetch:
    """A reading as a person is shown it."""

    account: AccountId
    state: FetchState
    #: Why it failed, or why it waits: a code of the taxonomy.
    reason: str | None
    #: People read so far.
    count: int
    next_at: datetime | None
    #: The report, once it is done.
    report: int | None
    at: datetime


@dataclass(kw_only=True)
class _List:
    keys: Keys = field(default_factory=lambda: np.zeros(0, np.uint64))
    rows: int = 0
    pages: int = 0


@dataclass(kw_only=True)
class Progress:
    """How far it has come: enough to go on after the last page that was kept."""

    #: What is still to be read; the first is being read, from `cursor` on.
    left: list[Kind]
    cursor: str | None = None
    lists: dict[Kind, _List] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return sum(int(each.keys.size) for each in self.lists.values())

    def take(self, page: Page, keys: Iterable[int]) -> None:
        """Add a page of the list that is being read."""
        now = self.lists.setdefault(self.left[0], _List())
        fresh = np.fromiter(keys, np.uint64)
        now.keys = sorted_set(np.concatenate([now.keys, fresh]))
        now.rows += fresh.size
        now.pages += 1
        if now.pages > _MOST_PAGES:
            raise Unavailable("net.garbage")
        self.cursor = page.cursor
        if page.cursor is None:
            self.left.pop(0)

    def to_bytes(self) -> bytes:
        """Return the form that is kept."""
        lists = {
            kind: [b64encode(encode(each.keys)).decode(), each.rows, each.pages]
            for kind, each in self.lists.items()
        }
        tree = {"left": self.left, "cursor": self.cursor, "lists": lists}
        return json.dumps(tree).encode()

    @staticmethod
    def from_bytes(kept: bytes) -> Progress:
        """Return what was kept."""
        tree: Mapping[str, object] = json.loads(kept)
        left, lists, cursor = tree["left"], tree["lists"], tree["cursor"]
        assert isinstance(left, list)
        assert isinstance(lists, dict)
        assert cursor is None or isinstance(cursor, str)
        return Progress(
            left=[Kind(kind) for kind in left],
            cursor=cursor,
            lists={
                Kind(kind): _List(keys=decode(b64decode(text)), rows=rows, pages=pages)
                for kind, (text, rows, pages) in lists.items()
            },
        )


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """A reading that is ours to go on with for a while."""

    token: str
    account: Account
    progress: Progress
    failures: int
