"""Whose lists hold these people: by the segment, where there is one, and newer lists; else by all lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openportability.accounts.people import Listed
from openportability.domain import NetworkName, UserId
from openportability.graph import shared_pass
from openportability.graph.codec import Keys, sorted_set
from openportability.graph.crew import Crew
from openportability.matching.directory import Numbers, Places, ranges
from openportability.matching.segments import Segments
from openportability.site import Site
from openportability.vault import Unreadable


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Owners of lists and others, a column each; each pair once."""

    owners: Numbers
    others: Numbers

    @classmethod
    def of(cls, owner: UserId, others: Iterable[UserId]) -> Pairs:
        """Pair one owner with some others."""
        every = np.array(sorted(others), np.uint64)
        return cls(owners=np.full(every.size, owner, np.uint64), others=every)

    def __len__(self) -> int:
        return self.owners.size

    @classmethod
    def joined(cls, some: Sequence[Pairs]) -> Pairs:
        """Put pairs together, in the order in which they are given."""
        every = [cls.of(UserId(0), ()), *some]
        return cls(
            owners=np.concatenate([one.owners for one in every]),
            others=np.concatenate([one.others for one in every]),
        )

    def kept(self, which: NDArray[np.bool_] | Places) -> Pairs:
        """Return some of these pairs, by mask or by place."""
        return Pairs(owners=self.owners[which], others=self.others[which])


def who_lists(site: Site, people: Sequence[Listed]) -> Pairs:
    """Return whose lists hold which of these people.

    Some pairs may be of a list of yesterday: whoever acts on a pair asks the list of today.
    """
    asked = {
        network: _Asked([line for line in people if line.network == network])
        for network in sorted({line.network for line in people})
    }
    hits, since = _in_segment(site, asked.values())
    hits.extend(_in_lists(site, asked, since))
    return _once(Pairs.joined(hits))


class _Asked:
    """The keys of some people, sorted and distinct, and whose they are: several may claim one."""

    def __init__(self, lines: Sequence[Listed]) -> None:
        keys = np.array([line.key for line in lines], np.uint64)
        order = np.argsort(keys, kind="stable")
        self.users: Numbers = np.array([line.user for line in lines], np.uint64)[order]
        self.keys: Keys
        self.keys, self._first, self._counts = np.unique(
            keys[order], return_index=True, return_counts=True
        )

    def hit(self, places: Places, owners: Numbers) -> Pairs:
        """Pair each owner with whoever has the key at the place beside it."""
        counts = self._counts[places]
        first = self._first[places]
        return Pairs(
            owners=np.repeat(owners, counts), others=self.users[ranges(first, first + counts)]
        )


def _in_segment(site: Site, asked: Iterable[_Asked]) -> tuple[list[Pairs], int]:
    """Return what the segment knows, and up to which list; nothing where it cannot be had."""
    held = site.memory.of(Segments)
    segment = held.current(site)
    if segment is None:
        return [], 0
    try:
        found = [(one, *segment.holders(one.keys)) for one in asked]
    except (OSError, Unreadable) as error:
        held.lose(site, segment, error)
        return [], 0
    hits = [one.hit(places, owners.astype(np.uint64)) for one, places, owners in found]
    return hits, segment.head.lists


def _in_lists(site: Site, asked: Mapping[NetworkName, _Asked], since: int) -> Iterator[Pairs]:
    """Yield what the lists say that came after a sequence number, by one pass over them."""
    keys = {network: one.keys for network, one in asked.items()}
    for some in shared_pass.hits(site.db, site.vault, site.memory.of(Crew), keys, since=since):
        yield asked[some.network].hit(some.places, some.owners)


def _once(hits: Pairs) -> Pairs:
    """Leave out what is there twice, and whose own list it is; in the order of owners, then others."""
    # One number for both sorts several times faster than two columns; others are few.
    few, other = np.unique(hits.others, return_inverse=True)
    both = sorted_set(hits.owners * np.uint64(max(few.size, 1)) + other.astype(np.uint64))
    owner, at = np.divmod(both, np.uint64(max(few.size, 1)))
    pairs = Pairs(owners=owner, others=few[at.astype(np.intp)])
    return pairs.kept(pairs.owners != pairs.others)
