"""Somebody with 100,000 matches, and the page that shows the first of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from bench import world
from openportability.accounts import line_store
from openportability.circle import view
from openportability.circle.view import Show
from openportability.clock import micros
from openportability.domain import UserId
from openportability.matching import store
from openportability.matching.people import People
from openportability.matching.rules import Bit
from openportability.matching.seen import Filter
from openportability.site import Site

_ROWS = 50
#: Their keys begin here, where there are no ids.
_FIRST = 2**63


def meet(site: Site, somebody: UserId, count: int) -> None:
    """Let so many people be here, and be somebody's matches."""
    now = micros(site.clock.now())
    joined = world.settle(site, range(_FIRST, _FIRST + count))
    with site.db.write() as tx:
        people = People.of(line_store.listed_of(tx, [account.user for account in joined]))
        bits = np.full(count, Bit.I_FOLLOW, np.uint8)
        opened = store.lock_sets(tx, site.vault, [somebody], site.clock.now())
        mine = opened[somebody].rows
        mine.say(people, bits, instead_of=Bit.NONE, by_them=False, now_seconds=now // 10**6)
        mine.answer(people, np.full(count, count), 0)
        store.put_sets(tx, opened)


def asked(site: Site, somebody: UserId) -> dict[str, Callable[[], object]]:
    """Return what may be asked about these matches."""
    return {
        "page-100k": partial(_page, site, somebody, Filter()),
        "page-100k-mutual": partial(_page, site, somebody, Filter(mutual_only=True)),
        "page-100k-search": partial(_page, site, somebody, Filter(text=f"d {_FIRST}"[:-3])),
    }


def _page(site: Site, somebody: UserId, by: Filter) -> object:
    with site.db.read() as tx:
        return view.page(tx, site, somebody, by, Show.ALL, after=None, limit=_ROWS)
