"""Only what was granted counts."""

from __future__ import annotations

import pytest

from openportability.domain import Purpose
from openportability.networks.bluesky import scopes

BOTH = "repo:app.bsky.graph.follow?action=create&action=delete"
BLOCKS = "repo:app.bsky.graph.block?action=create&action=delete"


@pytest.mark.parametrize(
    "granted",
    [
        BOTH,
        "repo:app.bsky.graph.follow",
        "repo:*",
        "repo?collection=app.bsky.graph.follow&collection=app.bsky.feed.post",
        "repo:*?action=create repo:app.bsky.graph.follow?action=delete",
        "transition:generic",
    ],
)
def test_these_rights_allow_following(granted: str) -> None:
    assert scopes.may_follow(frozenset(f"atproto {granted}".split()))


@pytest.mark.parametrize(
    "granted",
    [
        "",
        "repo:app.bsky.graph.follow?action=create",
        "repo:app.bsky.graph.follow?action=delete",
        "repo:app.bsky.feed.post",
        "repo:app.bsky.graph.followed",
        "repo",
        "rpc:app.bsky.graph.follow?action=create&action=delete",
        "transition:email",
    ],
)
def test_less_than_follow_and_undo_does_not_allow_following(granted: str) -> None:
    assert not scopes.may_follow(frozenset(f"atproto {granted}".split()))


def test_signing_in_asks_for_nothing_but_who_it_is() -> None:
    assert scopes.asked(Purpose.IDENTIFY, broadly=False) == "atproto"
    assert scopes.asked(Purpose.FOLLOW, broadly=False) == f"atproto {BOTH}"
    assert scopes.asked(Purpose.BLOCK, broadly=False) == f"atproto {BOTH} {BLOCKS}"
    assert scopes.ever_asked() == f"atproto {BOTH} {BLOCKS} transition:generic"
