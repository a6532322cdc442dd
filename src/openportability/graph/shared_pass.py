"""Whose lists hold these keys: a pass over all lists, shared out among processes where there are many.

What one of them does not bring back is looked for here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from openportability.db.engine import Database
from openportability.domain import NetworkName
from openportability.graph import crew, pass_store, store
from openportability.graph.codec import Keys
from openportability.graph.crew import Crew
from openportability.graph.pass_store import ALL, Share
from openportability.graph.probe import Places, Probe
from openportability.keyring import Keyring
from openportability.vault import Vault

#: Fewer lists are opened before others could bring them.
_WORTH_LISTS = 10_000
#: However many cores there are: each process takes memory, and one of the connections that a database has.
_MOST_PROCESSES = 8

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Hits:
    """Where keys stand that were asked for, and whose lists of one network hold them: a column each."""

    network: NetworkName
    places: Places
    owners: Keys


@dataclass(frozen=True, kw_only=True)
class _Task:
    """All that another process has to know."""

    database_url: str = field(repr=False)
    ring: Keyring
    asked: Mapping[NetworkName, Keys]
    since: int
    share: Share


@dataclass(frozen=True, kw_only=True)
class _Done:
    hits: list[Hits]
    log: list[logging.LogRecord]


def hits(
    db: Database, vault: Vault, others: Crew, asked: Mapping[NetworkName, Keys], *, since: int
) -> Iterator[Hits]:
    """Yield whose lists that came after a sequence number hold which of these sorted, distinct keys."""
    are_many = pass_store.count(db, since) >= _WORTH_LISTS
    count = min(crew.cores(), _MOST_PROCESSES) if are_many else 1
    if count == 1:
        yield from _looked(db, vault, asked, since, ALL)
        return
    with db.read() as tx:
        newest = store.newest_seq(tx)
    tasks = [
        _Task(
            database_url=db.url.render_as_string(hide_password=False),
            ring=vault.ring,
            asked=asked,
            since=since,
            share=Share(number=number, of=count),
        )
        for number in range(count)
    ]
    for task, done in zip(tasks, others.done([partial(_do, task) for task in tasks]), strict=True):
        if done is None:
            log.warning("share_of_pass_lost")
            yield from _looked(db, vault, asked, since, task.share)
            continue
        for record in done.log:
            logging.getLogger(record.name).handle(record)
        yield from done.hits
    # A list that changed meanwhile has a new number, maybe of a share whose end was read before.
    yield from _looked(db, vault, asked, newest, ALL)


def _looked(
    db: Database, vault: Vault, asked: Mapping[NetworkName, Keys], since: int, share: Share
) -> Iterator[Hits]:
    probes = {network: Probe(keys) for network, keys in asked.items()}
    for some in pass_store.over_all(db, vault, [*asked], since=since, share=share):
        at, places = probes[some.network].among(some.keys)
        owner = np.searchsorted(some.ends, at, side="right")
        yield Hits(network=some.network, places=places, owners=some.owners[owner])


# --- in another process -----------------------------------------------------------------------


class _Kept(logging.Handler):
    """Keeps what is to be logged by the process that asked."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def _do(task: _Task) -> _Done:
    kept = _Kept()
    logging.getLogger().handlers = [kept]
    db = Database(task.database_url, pool_size=1)
    try:
        found = list(_looked(db, Vault(task.ring), task.asked, task.since, task.share))
    finally:
        db.close()
    return _Done(hits=found, log=kept.records)
