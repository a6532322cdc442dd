"""Only what was granted counts."""

from __future__ import annotations

import pytest

from openportability.domain import Deed, Purpose
from openportability.networks.bluesky import scopes

BOTH = "repo:app.bsky.graph.follow?action=create&action=delete"
BLOCKS = "repo:app.bsky.graph.block?action=create&action=delete"
VERBS = ("app.bsky.actor.getProfiles", "app.bsky.graph.muteActor", "app.bsky.graph.unmuteActor")
VIEW = "did:web:api.bsky.app%23bsky_appview"
MUTES = " ".join(f"rpc:{verb}?aud={VIEW}" for verb in VERBS)


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
    assert scopes.asked(Purpose.MUTE, broadly=False) == f"atproto {BOTH} {MUTES}"
    assert scopes.ever_asked() == f"atproto {BOTH} {BLOCKS} {MUTES} transition:generic"


@pytest.mark.parametrize(
    ("granted", "allowed"),
    [
        (BLOCKS, {Deed.BLOCK}),
        (MUTES, {Deed.MUTE}),
        (f"rpc:*?aud={VIEW}", {Deed.MUTE}),
        ("rpc?" + "&".join(f"lxm={verb}" for verb in VERBS) + "&aud=*", {Deed.MUTE}),
        ("transition:generic", {Deed.BLOCK, Deed.MUTE}),
        # One verb is missing; another service is meant; these are no such rights.
        (MUTES.rpartition(" ")[0], set()),
        ("rpc:*?aud=did:web:view.example.com%23bsky_appview", set()),
        (f"repo:*?aud={VIEW}&action=create", set()),
    ],
)
def test_blocking_and_muting_take_rights_of_their_own(granted: str, allowed: set[Deed]) -> None:
    assert scopes.may_avoid(frozenset(f"atproto {granted}".split())) == allowed
