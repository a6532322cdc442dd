"""What a person can agree to, and in which wording. Pure.

A wording is a version of the words on the page; whoever changes their meaning counts it up, and people are asked
again. Until they answer, what gives nothing away holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from openportability.domain import Found, Standing
from openportability.errors import Invalid

#: How it was said, where it was said to another site: history, which holds for nothing here.
ELSEWHERE = "elsewhere"
#: Lines of it that are kept for one person, so that no files fill a table.
MOST_ELSEWHERE = 200


class Choice(StrEnum):
    """A purpose that is agreed to by itself, bundled with nothing."""

    FOUND = "found"
    STANDING = "standing"
    BRIDGED = "bridged"
    ARRIVALS_MAIL = "arrivals_mail"
    SIGN_IN_MAIL = "sign_in_mail"


#: Choices that also stand beside the person, where every look needs them.
BESIDE = frozenset({Choice.FOUND, Choice.STANDING, Choice.BRIDGED})
OFF, ON = "off", "on"


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What is offered for one purpose."""

    wording: str
    #: The most private one first.
    values: tuple[str, ...]
    #: What holds as long as the person said nothing.
    unsaid: str


OFFERS: dict[Choice, Offer] = {
    Choice.FOUND: Offer(
        wording="1", values=(Found.NOBODY, Found.CONFIRMED, Found.ANYONE), unsaid=Found.NOBODY
    ),
    Choice.STANDING: Offer(wording="1", values=tuple(Standing), unsaid=Standing.OFF),
    Choice.BRIDGED: Offer(wording="1", values=(OFF, ON), unsaid=OFF),
    Choice.ARRIVALS_MAIL: Offer(wording="1", values=(OFF, ON), unsaid=OFF),
    Choice.SIGN_IN_MAIL: Offer(wording="1", values=(OFF, ON), unsaid=OFF),
}


def more_private(choice: Choice, values: Iterable[str]) -> str:
    """Return which of these values gives least away."""
    return min(values, key=OFFERS[choice].values.index)


def check(choice: Choice, value: str) -> None:
    """Raise `Invalid` for a value that the page does not offer."""
    if value not in OFFERS[choice].values:
        raise Invalid(field=choice)
