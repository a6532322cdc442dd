"""The files that simulated servers import lists from: a handle a line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from openportability.domain import Kind, ListedActor
from openportability.network import FollowsFile

_NAMES = {Kind.FOLLOWING: "follows.csv", Kind.BLOCKED: "blocks.csv", Kind.MUTED: "mutes.csv"}


def forms(kind: Kind, listed: Sequence[ListedActor]) -> Mapping[str, bytes]:
    """Return the file of one list."""
    return {_NAMES[kind]: _lines(one.handle for one in listed)} if kind in _NAMES else {}


def follows_file(root: str) -> FollowsFile:
    """Return how it is made."""
    return FollowsFile(
        name=_NAMES[Kind.FOLLOWING],
        most=7_500,
        page_url=lambda actor: f"{root}/profile?person={actor.id}",
        help="Choose the list of follows there, and Merge: Overwrite would unfollow everybody else.",
        takes=lambda actor: actor.handle[:1].isalnum(),
        write=lambda actors: _lines(actor.handle for actor in actors),
    )


def _lines(handles: Iterable[str]) -> bytes:
    return "".join(f"{handle}\n" for handle in handles).encode()
