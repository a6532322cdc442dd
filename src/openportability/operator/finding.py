"""What a look at one part of a site found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One part, how it is, and what to do if that is not good."""

    part: str
    good: bool
    says: str
    todo: str = ""

    def __str__(self) -> str:
        if self.good:
            return f"ok     {self.part}: {self.says}"
        return f"FAULT  {self.part}: {self.says}. To do: {self.todo}."


def good(part: str, says: str) -> Finding:
    """Say that a part is as it should be."""
    return Finding(part=part, good=True, says=says)


def fault(part: str, says: str, todo: str) -> Finding:
    """Say what is wrong with a part, and what to do."""
    return Finding(part=part, good=False, says=says, todo=todo)
