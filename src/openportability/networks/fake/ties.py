"""Who follows whom on the two kinds of simulated destination. They differ as the real ones do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Protocol

from openportability.networks.fake.allowance import Allowance, spent
from openportability.networks.fake.people import People, draw
from openportability.networks.fake.reply import Refusal
from openportability.networks.fake.residents import FLAKY_HOST, SLOW_HOST, Resident, Residents

HOUR = 3_600
DAY = 86_400
#: Requests anyone may make in so many seconds where follows go one by one.
REQUESTS = 300
REQUEST_SECONDS = 300
#: How long `SLOW_HOST` takes to confirm a follow.
SLOW_SECONDS = 60
#: How long `FLAKY_HOST` stays away, or there; never less than two seconds, whatever the speed.
AWAY_SECONDS = 60
#: Accounts anyone may follow where follows go one by one.
CEILING = 7_500
#: Part of the people somebody followed before whom they had found again by hand.
FOUND_BY_HAND = 0.06

#: What is told about one actor: a tie with its record, or an error.
Row = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """One actor to be looked at, followed or let go; `record` is the key the client chose."""

    id: str
    record: str | None = None


class Ties(Protocol):
    """The follows of one network."""

    allowance: Allowance
    batch: int
    page: int

    def following(self, actor: str, now: datetime) -> Sequence[str]:
        """Return whom the actor follows, in a steady order, one entry a follow."""

    def row(self, actor: str, wish: Wish, now: datetime) -> Row:
        """Say what is between the actor and one other."""

    def follow(self, actor: str, wishes: Sequence[Wish], now: datetime) -> None:
        """Make these follows, all or none."""

    def unfollow(self, actor: str, wishes: Sequence[Wish], now: datetime) -> None:
        """Take these follows back; those that are not there are no error."""

    def drop_all(self, actor: str, other: str) -> None:
        """Take back every follow of one other, as a person does by hand."""

    def asked(
        self, actor: str, now: datetime, *, requests: int, about: Sequence[Wish] = ()
    ) -> None:
        """Count the requests that a call stands for, and those that find whom it is about."""

    def spent(self) -> Mapping[str, Mapping[str, Any]]:
        """Say what each actor spent at most in one window, and how often they were refused."""


class _Known:
    """What both kinds know of people."""

    def __init__(self, network: str, people: People, residents: Residents) -> None:
        self._network = network
        self._people = people
        self._residents = residents

    def before(self, actor: str) -> list[str]:
        """Return whom somebody had found again by hand before anybody helped."""
        me = self._residents.get(actor)
        if me is None or me.person is None:
            return []
        seed, network = self._people.seed, self._network
        found = (
            self._residents.of_person(number)
            for number in self._people.following[me.person]
            if draw(seed, network, "by hand", me.person, number) < FOUND_BY_HAND
        )
        return [other.id for other in found if other and not other.gone]

    def blocked(self, actor: str, other: Resident) -> bool:
        """Say whether one of the two blocks the other: some do, for reasons of their own."""
        me = self._residents.get(actor)
        if me is None or me.person is None or other.person is None:
            return False
        pair = sorted((me.person, other.person))
        return draw(self._people.seed, self._network, "block", *pair) < 0.004


class ByInstances:
    """One follow a call, 400 a day; some must be confirmed by the other or by their server."""

    batch = 1
    page = 80

    def __init__(self, network: str, people: People, residents: Residents, *, speed: float) -> None:
        self.allowance = Allowance(((400, DAY / speed),))
        self._requests = Allowance(((REQUESTS, REQUEST_SECONDS / speed),))
        #: Whom somebody asked for before: their servers need not be asked again.
        self._met: set[str] = set()
        self._known = _Known(network, people, residents)
        self._residents = residents
        self._seed = (people.seed, network)
        self._speed = speed
        #: When a follow counts, by actor and other; None until the other says yes.
        self._ties: dict[str, dict[str, datetime | None]] = {}

    def following(self, actor: str, now: datetime) -> Sequence[str]:
        return [other for other, at in self._of(actor, now).items() if at and at <= now]

    def row(self, actor: str, wish: Wish, now: datetime) -> Row:
        other = self._residents.get(wish.id)
        if other is None or other.gone:
            return {"error": "gone"}
        ties = self._of(actor, now)
        accepted = ties.get(wish.id)
        tie = "none"
        if wish.id in ties:
            tie = "following" if accepted and accepted <= now else "requested"
        return {
            "tie": tie,
            "blocked": self._known.blocked(actor, other),
            "moved_to": other.moved_to,
        }

    def follow(self, actor: str, wishes: Sequence[Wish], now: datetime) -> None:
        if len(wishes) > self.batch:
            raise Refusal(400, "too_many")
        for wish in wishes:
            ties = self._of(actor, now)
            if wish.id in ties:
                continue
            other = self._willing(actor, wish.id, now)
            if len(ties) >= CEILING:
                raise Refusal(422, "ceiling")
            self.allowance.take(actor, 1, now)
            ties[wish.id] = self._accepted_at(other, actor, now)

    def unfollow(self, actor: str, wishes: Sequence[Wish], now: datetime) -> None:
        for wish in wishes:
            self._of(actor, now).pop(wish.id, None)

    def drop_all(self, actor: str, other: str) -> None:
        self._ties.get(actor, {}).pop(other, None)

    def approve(self, actor: str, other: str, now: datetime) -> None:
        """Let the other say yes to the actor now."""
        if other in self._of(actor, now):
            self._ties[actor][other] = now

    def asked(
        self, actor: str, now: datetime, *, requests: int, about: Sequence[Wish] = ()
    ) -> None:
        # One finds who is known by the number, two who is not: a lookup, then a search.
        finding = sum(1 if wish.id in self._met else 2 for wish in about)
        self._requests.take(actor, requests + finding, now)
        self._met.update(wish.id for wish in about)

    def spent(self) -> Mapping[str, Mapping[str, Any]]:
        return spent(self.allowance, self._requests)

    def _of(self, actor: str, now: datetime) -> dict[str, datetime | None]:
        if actor not in self._ties:
            self._ties[actor] = dict.fromkeys(self._known.before(actor), now)
        return self._ties[actor]

    def _willing(self, actor: str, other_id: str, now: datetime) -> Resident:
        other = self._residents.get(other_id)
        if other is None or other.gone:
            raise Refusal(404, "gone")
        if other.moved_to is not None:
            raise Refusal(403, "moved")
        if other_id == actor or self._known.blocked(actor, other):
            raise Refusal(403, "refused")
        spell = int(now.timestamp() // max(AWAY_SECONDS / self._speed, 2))
        if other.instance == FLAKY_HOST and self._away(spell):
            raise Refusal(503, "remote_down")
        return other

    def _away(self, spell: int) -> bool:
        """Say whether the flaky server is away, for everybody alike; it is back in the next spell."""
        last, now = (draw(*self._seed, "away", one) < 0.5 for one in (spell - 1, spell))
        return now and not last

    def _accepted_at(self, other: Resident, actor: str, now: datetime) -> datetime | None:
        if other.locked:
            patience = draw(*self._seed, "patience", other.id, actor)
            if other.person is None or patience < 0.25:
                return None
            return now + timedelta(hours=48 * patience / self._speed)
        if other.instance == SLOW_HOST:
            return now + timedelta(seconds=SLOW_SECONDS / self._speed)
        return now


class ByRepository:
    """Follows are records, up to 200 a call, under keys the client chooses; calls cost points."""

    batch = 200
    page = 100
    create_points = 3
    delete_points = 1

    def __init__(self, network: str, people: People, residents: Residents, *, speed: float) -> None:
        self.allowance = Allowance(
            ((5_000, HOUR / speed), (35_000, DAY / speed)), refusals_cost=True
        )
        self._known = _Known(network, people, residents)
        self._residents = residents
        #: Whom each record follows, by actor and key; and the keys again, by actor and whom.
        self._records: dict[str, dict[str, str]] = {}
        self._keys: defaultdict[str, defaultdict[str, dict[str, None]]]
        self._keys = defaultdict(lambda: defaultdict(dict))
        self._own_keys = (f"0{number:012d}" for number in count())

    def following(self, actor: str, now: datetime) -> Sequence[str]:
        return list(self._of(actor).values())

    def row(self, actor: str, wish: Wish, now: datetime) -> Row:
        other = self._residents.get(wish.id)
        if other is None or other.gone:
            return {"error": "gone"}
        self._of(actor)
        found = self._keys[actor].get(wish.id, {})
        record = wish.record if wish.record in found else next(iter(found), None)
        return {
            "tie": "following" if found else "none",
            "record": record,
            "blocked": self._known.blocked(actor, other),
        }

    def follow(self, actor: str, wishes: Sequence[Wish], now: datetime) -> None:
        self.allowance.take(actor, self.create_points * len(wishes), now)
        if len(wishes) > self.batch:
            raise Refusal(400, "too_many")
        records = self._of(actor)
        new = {wish.record or next(self._own_keys): wish.id for wish in wishes}
        # A used key fails the whole batch, with no word on which it was.
        if len(new) < len(wishes) or not new.keys().isdisjoint(records):
            raise Refusal(500, "internal")
        self._put(actor, new)

    def unfollow(self, actor: str, wishes: Sequence[Wish], now: datetime) -> None:
        records = self._of(actor)
        ours = [
            wish.record
            for wish in wishes
            if wish.record is not None and records.get(wish.record) == wish.id
        ]
        self.allowance.take(actor, self.delete_points * len(ours), now)
        for record in ours:
            self._drop(actor, record)

    def drop_all(self, actor: str, other: str) -> None:
        """Take back every follow of one other, as a person does by hand."""
        self._of(actor)
        for record in tuple(self._keys[actor][other]):
            self._drop(actor, record)

    def asked(
        self, actor: str, now: datetime, *, requests: int, about: Sequence[Wish] = ()
    ) -> None:
        """Count nothing: such servers count the requests of an address, whoever they are for."""

    def spent(self) -> Mapping[str, Mapping[str, Any]]:
        return spent(self.allowance)

    def _put(self, actor: str, new: Mapping[str, str]) -> None:
        self._records[actor].update(new)
        for record, whom in new.items():
            self._keys[actor][whom][record] = None

    def _drop(self, actor: str, record: str) -> None:
        whom = self._records[actor].pop(record)
        del self._keys[actor][whom][record]

    def _of(self, actor: str) -> dict[str, str]:
        if actor not in self._records:
            self._records[actor] = {}
            before = self._known.before(actor)
            self._put(actor, {next(self._own_keys): other for other in before})
        return self._records[actor]
