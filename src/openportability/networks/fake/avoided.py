"""Who blocks or mutes whom on a simulated network: as records where follows are, else by whom alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from openportability.networks.fake.reply import Refusal
from openportability.networks.fake.ties import Row, Wish


class Avoided:
    """The blocks, or mutes, of one network. With `records`, two of the same person are two."""

    def __init__(self, *, records: bool) -> None:
        self._records = records
        #: Whom each record is about, by actor and key.
        self._made: defaultdict[str, dict[str, str]] = defaultdict(dict)

    def of(self, actor: str) -> list[str]:
        """Return whom the actor avoids, one entry each time."""
        return list(self._made[actor].values())

    def row(self, actor: str, wish: Wish) -> Row:
        """Say whether the actor avoids one other."""
        found = [key for key, whom in self._made[actor].items() if whom == wish.id]
        if not self._records:
            return {"tie": "avoiding" if found else "none"}
        record = wish.record if wish.record in found else next(iter(found), None)
        return {"tie": "avoiding" if found else "none", "record": record}

    def make(self, actor: str, wishes: Sequence[Wish]) -> None:
        """Make these, all or none."""
        new = {self._key(wish): wish.id for wish in wishes}
        if self._records and (len(new) < len(wishes) or new.keys() & self._made[actor].keys()):
            raise Refusal(500, "internal")
        self._made[actor] |= new

    def take_back(self, actor: str, wishes: Sequence[Wish]) -> None:
        """Take these back; those that are not there are no error."""
        for wish in wishes:
            if self._made[actor].get(self._key(wish)) == wish.id:
                del self._made[actor][self._key(wish)]

    def _key(self, wish: Wish) -> str:
        return (wish.record or f"by hand {wish.id}") if self._records else wish.id
