"""Whom a user is shown, and through which of their accounts, by the directory of today."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from openportability.domain import UserId
from openportability.matching.directory import NOBODY, Directory, Lines, Numbers, Places
from openportability.matching.rules import Bit
from openportability.matching.said import NO_ROW, Said
from openportability.matching.sets import MatchSet

Mask = NDArray[np.bool_]


def shown(directory: Directory, met: MatchSet, user: UserId) -> tuple[Places, Said, Mask]:
    """Return where all accounts of who is shown are, what is said of them, and through which they are.

    Of those who are one actor only the proof is shown, else the oldest claim. A claim beside a
    proof that I may not see is shown as if there were none: else its absence would tell of it.
    """
    lines = directory.lines
    known, here = directory.find(met.accounts())
    # Written down, for to look each account up in the set again would take as long as the first time.
    row = np.full(lines.user.size, NO_ROW, np.int32)
    row[here] = np.flatnonzero(known)
    places = directory.with_their_others(here[lines.user[here] != user])
    said = met.at(row[places])
    through = said.may_show(lines.found[places])
    avoided = said.bits & Bit.AVOIDED != 0
    if avoided.any():
        through &= ~_of_their_people(lines.user[places], avoided)
    through = _foremost(lines, places, through)
    if through.all():
        return places, said, through
    kept = _of_their_people(lines.user[places], through) & (lines.found[places] != NOBODY)
    return places[kept], said.kept(kept), through[kept]


def begins(user: Numbers) -> Places:
    """Return where each person begins among accounts that are in the order of persons."""
    first = np.ones(user.size, np.bool_)
    np.not_equal(user[1:], user[:-1], out=first[1:])
    return np.flatnonzero(first)


def _of_their_people(user: Numbers, some: Mask) -> Mask:
    """Say of accounts, which are in the order of persons, whose owner has one of these."""
    starts = begins(user)
    return np.repeat(np.logical_or.reduceat(some, starts), np.diff(starts, append=user.size))


def _foremost(lines: Lines, places: Places, through: Mask) -> Mask:
    """Leave of the accounts that are one actor the first: the proof, else the oldest claim."""
    claimed = lines.key[places[through & ~lines.proved[places]]]
    if not claimed.size:
        return through
    several = np.flatnonzero(through & np.isin(lines.key[places], claimed))
    these = lines.kept(places[several])
    order = np.lexsort((these.account, ~these.proved, these.key, these.network))
    several, key, network = several[order], these.key[order], these.network[order]
    first = np.ones(several.size, np.bool_)
    first[1:] = (key[1:] != key[:-1]) | (network[1:] != network[:-1])
    foremost = through.copy()
    foremost[several[~first]] = False
    return foremost
