"""Looking at, making and taking back follows on a simulated network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from secrets import randbelow
from threading import Lock
from typing import Any

from openportability.clock import Clock, micros, moment
from openportability.domain import ActorId, Deed, Grant, Limits, Relationship, Tie, Wanted, Window
from openportability.errors import Gone, NetworkError, Refused, Unavailable
from openportability.network import Answers, Budget, Page
from openportability.networks.fake.residents import Role
from openportability.networks.fake.ties import DAY, HOUR, REQUEST_SECONDS, REQUESTS
from openportability.networks.fake.way import Line

KEY_DIGITS = "234567abcdefghijklmnopqrstuvwxyz"


def limits_of(role: Role, speed: float) -> Limits:
    """Return what the documentation of such a network would say."""
    if role is Role.INSTANCES:
        return Limits(
            batch=1,
            look=40,
            windows=(
                Window(400, _seconds(DAY, speed)),
                Window(REQUESTS, _seconds(REQUEST_SECONDS, speed), follow=4, undo=2),
            ),
            gap_seconds=1 / speed,
        )
    return Limits(
        batch=200,
        look=100,
        windows=(
            Window(5_000, _seconds(HOUR, speed), follow=3, undo=1),
            Window(35_000, _seconds(DAY, speed), follow=3, undo=1),
        ),
    )


class Client:
    """A destination of the contract."""

    def __init__(self, line: Line, role: Role, *, speed: float, clock: Clock) -> None:
        self.limits = limits_of(role, speed)
        self._line = line
        self._keys = _Keys(clock) if role is Role.REPOSITORY else None

    def following(self, grant: Grant, cursor: str | None) -> Page:
        told = self._line.ask("following", token=grant.secret["token"], cursor=cursor)
        return Page(actors=frozenset(map(ActorId, told["actors"])), cursor=told["cursor"])

    def reserve(self, count: int) -> Sequence[str | None]:
        return self._keys.take(count) if self._keys else [None] * count

    def relationships(self, grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        return self.ask("relationships", grant, wanted=_wire(wanted))

    def follow(self, grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        return self.ask("follow", grant, wanted=_wire(wanted))

    def unfollow(self, grant: Grant, made: Sequence[Wanted]) -> Answers:
        return self.ask("unfollow", grant, made=_wire(made))

    def ask(self, verb: str, grant: Grant, **args: object) -> Answers:
        """Send a verb about some actors; return what it says of each."""
        told = self._line.ask(verb, token=grant.secret["token"], **args)
        of = {ActorId(actor): _meaning(row) for actor, row in told["of"].items()}
        if "remaining" not in told:
            return Answers(of=of)
        budget = Budget(remaining=told["remaining"], reset_at=moment(told["reset_at"]))
        return Answers(of=of, budget=budget)


class ClientAvoidance:
    """The blocks, or the mutes, of a destination."""

    def __init__(self, client: Client, role: Role, deed: Deed) -> None:
        #: Blocks are records where follows are; mutes are none anywhere.
        self.public = role is Role.REPOSITORY and deed is Deed.BLOCK
        self._client = client
        self._deed = deed

    def reserve(self, count: int) -> Sequence[str | None]:
        return self._client.reserve(count) if self.public else [None] * count

    def relationships(self, grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        return self._client.ask("avoiding", grant, deed=self._deed, wanted=_wire(wanted))

    def make(self, grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        return self._client.ask(self._deed, grant, wanted=_wire(wanted))

    def take_back(self, grant: Grant, made: Sequence[Wanted]) -> Answers:
        return self._client.ask(f"un{self._deed}", grant, made=_wire(made))


class _Keys:
    """Record keys that never repeat: microseconds, then a number of this process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._process = randbelow(1 << 10)
        self._last = 0
        self._lock = Lock()

    def take(self, count: int) -> list[str]:
        with self._lock:
            first = max(self._last + 1, micros(self._clock.now()))
            self._last = first + count - 1
        return [_spell(number << 10 | self._process) for number in range(first, first + count)]


def _spell(number: int) -> str:
    return "".join(KEY_DIGITS[number >> 5 * place & 31] for place in reversed(range(13)))


def _wire(wanted: Sequence[Wanted]) -> list[Mapping[str, str | None]]:
    return [{"id": one.actor.id, "record": one.record} for one in wanted]


def _meaning(row: Mapping[str, Any]) -> Relationship | NetworkError:
    match row.get("error"):
        case None:
            return Relationship(
                tie=Tie(row["tie"]),
                record=row.get("record"),
                blocked=row.get("blocked", False),
                moved_to=row.get("moved_to"),
            )
        case "gone":
            return Gone()
        case "moved":
            return Gone(moved_to=row["moved_to"])
        case "remote_down":
            return Unavailable()
        case reason:
            return Refused(reason=reason)


def _seconds(window: int, speed: float) -> int:
    return max(ceil(window / speed), 1)
