"""Entries of a file from a site that may be newer than this one, or hostile.

An entry with a word that this site does not know is left out and counted; any other fault refuses the file at
the first entry that has it, for to list the faults of a million entries takes gigabytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    FailFast,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

#: More words that nobody knows are no newer site.
_MOST_LEFT_OUT = 10_000
#: Times that the database keeps and every page can show.
_YEARS = range(1970, 2200)
#: More kinds than there are of anything that is counted by kind.
_MOST_KINDS = 100


@dataclass(kw_only=True)
class LeftOut:
    """How many entries were left out while a file was read."""

    count: int = 0


def _known(value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    try:
        return handler(value)
    except ValidationError as error:
        left_out: LeftOut | None = info.context
        unknown = all(one["type"] == "enum" for one in error.errors(include_url=False))
        if not unknown or left_out is None or left_out.count >= _MOST_LEFT_OUT:
            raise
        left_out.count += 1
        return None


def _without_unknown(entries: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(one for one in entries if one is not None)


def _storable(at: AwareDatetime) -> AwareDatetime:
    if at.year not in _YEARS:
        raise ValueError("no time of ours")
    return at.astimezone(UTC)


def _few(counts: Any) -> Any:
    if isinstance(counts, dict) and len(counts) > _MOST_KINDS:
        raise ValueError("too many kinds")
    return counts


_Entry = TypeVar("_Entry")
#: Any number of entries.
Some = Annotated[
    tuple[Annotated[_Entry, WrapValidator(_known)], ...],
    FailFast(),
    AfterValidator(_without_unknown),
]
At = Annotated[AwareDatetime, AfterValidator(_storable)]
#: Longer than any name, address or code.
Text = Annotated[str, Field(max_length=5000)]
#: What the database keeps as an integer.
Count = Annotated[int, Field(ge=-(2**31), lt=2**31)]
Counts = Annotated[dict[str, Count], BeforeValidator(_few)]
Texts = Annotated[tuple[Text, ...], FailFast()]
#: Numbers as text, of 64 bits at most.
Ids = Annotated[tuple[Annotated[str, Field(max_length=20)], ...], FailFast()]
