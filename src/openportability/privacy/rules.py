"""What an import from another site may become here. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from openportability.reconnection.rules import State


@dataclass(frozen=True, kw_only=True)
class Brought:
    """How much was taken over."""

    lists: int
    follows: int
    choices: int
    #: Lists that this site cannot use: of an account that is another's here, or of hashed ids.
    left: int
    #: Entries in words of a newer site.
    unknown: int


#: States that are an outcome: they come over as they are.
_OUTCOMES = frozenset(
    {State.FOLLOWED, State.ALREADY, State.REFUSED, State.GONE, State.UNDONE, State.CANCELLED}
)


def settled(state: State) -> State:
    """Return what a row of another site is here: what was not done there is not wanted here yet."""
    if state in _OUTCOMES:
        return state
    # What was being taken back, or waits for the other's yes, was made there.
    return State.FOLLOWED if state in (State.UNDOING, State.REQUESTED) else State.CANCELLED
