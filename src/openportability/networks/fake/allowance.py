"""What a simulated network lets each actor do in a window of time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from openportability.networks.fake.reply import Refusal


class Allowance:
    """Counts what each actor spends in fixed windows of the clock, and refuses what is beyond."""

    def __init__(
        self, windows: Sequence[tuple[int, float]], *, refusals_cost: bool = False
    ) -> None:
        #: (most, seconds)
        self.windows = windows
        self._refusals_cost = refusals_cost
        #: What was spent, by actor, window and number of the window since 1970.
        self._spent: defaultdict[str, Counter[tuple[float, int]]] = defaultdict(Counter)
        self.refused: Counter[str] = Counter()

    def take(self, actor: str, cost: int, now: datetime) -> None:
        """Spend `cost`, or raise a 429 that names the end of the window that is full."""
        spent = self._spent[actor]
        places = [(most, seconds, _window(now, seconds)) for most, seconds in self.windows]
        full = [
            _end(seconds, window)
            for most, seconds, window in places
            if spent[seconds, window] + cost > most
        ]
        if not full or self._refusals_cost:
            for _, seconds, window in places:
                spent[seconds, window] += cost
        if full:
            self.refused[actor] += 1
            raise Refusal(429, "slow_down", until=max(full))

    def left(self, actor: str, now: datetime) -> tuple[int, datetime]:
        """Return what remains in the fullest window, and when that window ends."""
        spent = self._spent[actor]
        rooms = [
            (max(most - spent[seconds, window], 0), _end(seconds, window))
            for most, seconds in self.windows
            for window in (_window(now, seconds),)
        ]
        return min(rooms)

    def highest(self, actor: str) -> dict[str, int]:
        """Return the most that was ever spent in one window, by its seconds."""
        return {
            f"{seconds:g}": max(
                (n for (length, _), n in self._spent[actor].items() if length == seconds), default=0
            )
            for _, seconds in self.windows
        }

    def actors(self) -> list[str]:
        """Return who has spent anything, or was refused."""
        return sorted({*self._spent, *self.refused})


def spent(*allowances: Allowance) -> dict[str, dict[str, Any]]:
    """Say of each actor what all of these counted."""
    return {
        actor: {
            "highest": {
                window: most for one in allowances for window, most in one.highest(actor).items()
            },
            "refused": sum(one.refused[actor] for one in allowances),
        }
        for actor in sorted({actor for one in allowances for actor in one.actors()})
    }


def _window(now: datetime, seconds: float) -> int:
    return int(now.timestamp() // seconds)


def _end(seconds: float, window: int) -> datetime:
    return datetime.fromtimestamp((window + 1) * seconds, UTC)
