"""How many people somebody's own lists may newly show them in a day, given out while lists are met."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from openportability.db.engine import Tx
from openportability.domain import NetworkName, UserId
from openportability.matching import store
from openportability.matching.people import People
from openportability.site import Site


class Answers:
    """The day's answers of those who own some sets, which nobody else changes meanwhile."""

    def __init__(
        self,
        tx: Tx,
        site: Site,
        opened: Mapping[UserId, store.Opened],
        people: People,
    ) -> None:
        now = site.clock.now()
        self._opened = opened
        self._day, self._next = store.day_of(now), store.next_day(now)
        self._before = store.answers_spent(tx, list(opened), self._day)
        self._spent = dict(self._before)
        self._proved: dict[UserId, set[NetworkName]] = defaultdict(set)
        columns = (people.users, people.networks, people.proved)
        for user, network, proved in zip(*(one.tolist() for one in columns), strict=True):
            if proved:
                self._proved[UserId(user)].add(NetworkName(network))
        self._few, self._many = site.settings.answers_a_day_claimed, site.settings.answers_a_day

    def give(self, user: UserId, met: People) -> None:
        """Let a user be shown whom they met, as far as their day's answers go."""
        most = np.full(met.accounts.size, self._few)
        for network in self._proved.get(user, ()):
            most[met.on(network)] = self._many
        own, spent = self._opened[user], self._spent.get(user, 0)
        if newly := own.rows.answer(met, most, spent):
            self._spent[user] = spent + newly
        own.again_at = (own.again_at or self._next) if own.rows.waits else None

    def note(self, tx: Tx) -> None:
        """Store how many each has had now."""
        more = {user: n for user, n in self._spent.items() if n != self._before.get(user)}
        store.note_answers(tx, self._day, more)
