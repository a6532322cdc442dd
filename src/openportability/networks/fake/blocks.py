"""Who blocks whom on a simulated network: as records where follows are, else by whom alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from openportability.networks.fake.reply import Refusal
from openportability.networks.fake.ties import Row, Wish


class Blocks:
    """The blocks of one network. With `records`, two of the same person are two."""

    def __init__(self, *, records: bool) -> None:
        self._records = records
        #: Whom each record blocks, by actor and key.
        self._made: defaultdict[str, dict[str, str]] = defaultdict(dict)

    def of(self, actor: str) -> list[str]:
        """Return whom the actor blocks, one entry a block."""
        return list(self._made[actor].values())

    def row(self, actor: str, wish: Wish) -> Row:
        """Say whether the actor blocks one other."""
        found = [key for key, whom in self._made[actor].items() if whom == wish.id]
        if not self._records:
            return {"tie": "blocking" if found else "none"}
        record = wish.record if wish.record in found else next(iter(found), None)
        return {"tie": "blocking" if found else "none", "record": record}

    def make(self, actor: str, wishes: Sequence[Wish]) -> None:
        """Make these blocks, all or none."""
        new = {self._key(wish): wish.id for wish in wishes}
        if self._records and (len(new) < len(wishes) or new.keys() & self._made[actor].keys()):
            raise Refusal(500, "internal")
        self._made[actor] |= new

    def take_back(self, actor: str, wishes: Sequence[Wish]) -> None:
        """Take these blocks back; those that are not there are no error."""
        for wish in wishes:
            if self._made[actor].get(self._key(wish)) == wish.id:
                del self._made[actor][self._key(wish)]

    def _key(self, wish: Wish) -> str:
        return (wish.record or f"by hand {wish.id}") if self._records else wish.id
