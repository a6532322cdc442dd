"""How many people somebody's own lists may newly show them in a day, given out while lists are met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from openportability.accounts.people import Listed
from openportability.db.engine import Tx
from openportability.domain import Proof, UserId
from openportability.matching import store
from openportability.matching.sets import People
from openportability.site import Site


class Answers:
    """The day's answers of those who own some sets, which nobody else changes meanwhile."""

    def __init__(
        self,
        tx: Tx,
        site: Site,
        opened: Mapping[UserId, store.Opened],
        lines: Mapping[UserId, Sequence[Listed]],
    ) -> None:
        now = site.clock.now()
        self._opened = opened
        self._day, self._next = store.day_of(now), store.next_day(now)
        self._before = store.answers_spent(tx, list(opened), self._day)
        self._spent = dict(self._before)
        self._proved = {
            (line.user, line.network)
            for some in lines.values()
            for line in some
            if line.proof is Proof.PROVED
        }
        self._few, self._many = site.settings.answers_a_day_claimed, site.settings.answers_a_day

    def give(self, user: UserId, met: People) -> None:
        """Let a user be shown whom they met, as far as their day's answers go."""
        most = np.array(
            [
                self._many if (user, line.network) in self._proved else self._few
                for line in met.lines
            ],
            np.int64,
        )
        own, spent = self._opened[user], self._spent.get(user, 0)
        if newly := own.rows.answer(met, most, spent):
            self._spent[user] = spent + newly
        own.again_at = (own.again_at or self._next) if own.rows.waits else None

    def note(self, tx: Tx) -> None:
        """Store how many each has had now."""
        more = {user: n for user, n in self._spent.items() if n != self._before.get(user)}
        store.note_answers(tx, self._day, more)
