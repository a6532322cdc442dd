"""Somebody with 100,000 matches, and the page that shows the first of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from sqlalchemy import insert

from bench.sites import BIRD
from openportability.accounts import line_store
from openportability.circle import view
from openportability.circle.view import Show
from openportability.clock import micros
from openportability.db.schema import accounts, users
from openportability.domain import Found, Pace, Proof, Standing, UserId
from openportability.matching import store
from openportability.matching.people import People
from openportability.matching.rules import Bit
from openportability.matching.seen import Filter
from openportability.site import Site

_ROWS = 50


def meet(site: Site, somebody: UserId, count: int) -> None:
    """Let so many people be here, and be somebody's matches."""
    now = micros(site.clock.now())
    person = {
        "locale": "en",
        "found": Found.ANYONE,
        "standing": Standing.OFF,
        "pace": Pace.NORMAL,
        "seen_at": now,
        "created_at": now,
    }
    with site.db.write() as tx:
        seq = tx.dialect.next_seq(tx, "accounts")
        added = insert(users).returning(users.c.id)
        made = list(tx.execute(added, [person] * count).scalars())
        rows = [_account(user, number, seq, now) for number, user in enumerate(made)]
        tx.execute(insert(accounts), rows)
        lines = line_store.listed_of(tx, [UserId(user) for user in made])
        people = People.of(lines)
        bits = np.full(count, Bit.I_FOLLOW, np.uint8)
        opened = store.lock_sets(tx, site.vault, [somebody])
        mine = opened[somebody].rows
        mine.say(people, bits, instead_of=Bit.NONE, by_them=False, now_seconds=now // 10**6)
        mine.answer(people, np.full(count, count), 0)
        store.put_sets(tx, opened)


def asked(site: Site, somebody: UserId) -> dict[str, Callable[[], object]]:
    """Return what may be asked about these matches."""
    return {
        "page-100k": partial(_page, site, somebody, Filter()),
        "page-100k-mutual": partial(_page, site, somebody, Filter(mutual_only=True)),
        "page-100k-search": partial(_page, site, somebody, Filter(text="d 777")),
    }


def _page(site: Site, somebody: UserId, by: Filter) -> object:
    with site.db.read() as tx:
        return view.page(tx, site, somebody, by, Show.ALL, after=None, limit=_ROWS)


def _account(user: int, number: int, seq: int, now: int) -> dict[str, object]:
    return {
        "user_id": user,
        "network": BIRD,
        "instance": "bird.example",
        "actor_id": f"crowd{number}",
        "key": number - 2**63,
        "handle": f"crowd{number}",
        "name": f"Crowd {number}",
        "seen_at": now,
        "proof": Proof.PROVED,
        "seq": seq,
    }
