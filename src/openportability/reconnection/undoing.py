"""Take back the follows of a slice that we made, and only those."""

from __future__ import annotations

from collections.abc import Sequence

from openportability.domain import Grant
from openportability.errors import NetworkError
from openportability.network import Answers
from openportability.reconnection import claiming, following, lane_store, rules, store
from openportability.reconnection.claiming import Slice
from openportability.reconnection.ledger import Reconnection
from openportability.site import Site


def undo(site: Site, work: Slice, grant: Grant) -> int:
    """Return how many follows were asked to be taken back."""
    asked = 0
    for some in work.batches(work.undo):
        if asked and not following.pause(work):
            break
        with site.db.write() as tx:
            if following.still_ours(tx, work) is None:
                break
        asked += len(some)
        try:
            answers = work.destination.unfollow(grant, work.wanted(some))
        except NetworkError as error:
            _record(site, work, some, Answers(of={work.actor(row).id: error for row in some}))
            raise
        _record(site, work, some, answers)
    return asked


def _record(site: Site, work: Slice, rows: Sequence[Reconnection], answers: Answers) -> None:
    now = site.clock.now()
    with site.db.write() as tx:
        lane_store.hold(tx, work.account.id)
        for row in store.fresh(tx, work.key, rows):
            answer = claiming.answer_of(answers, work.actor(row))
            decision = (
                rules.after_undo(answer, attempts=row.attempts, now=now)
                if isinstance(answer, NetworkError)
                else rules.undone(answer)
            )
            store.decide(tx, work.key, row, decision, now)
        if answers.budget is not None:
            lane_store.learn(tx, work.account.id, answers.budget)
