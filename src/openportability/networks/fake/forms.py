"""The file that a simulated server imports follows from: a handle a line."""

from __future__ import annotations

from openportability.network import FollowsFile


def follows_file(root: str) -> FollowsFile:
    """Return how it is made."""
    return FollowsFile(
        name="follows.csv",
        most=7_500,
        page_url=lambda actor: f"{root}/profile?person={actor.id}",
        help="Choose the list of follows there, and Merge: Overwrite would unfollow everybody else.",
        takes=lambda actor: actor.handle[:1].isalnum(),
        write=lambda actors: "".join(f"{actor.handle}\n" for actor in actors).encode(),
    )
