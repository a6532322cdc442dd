from __future__ import annotations

import re

import pytest

from openportability.networks.x.archive import ARCHIVE


@pytest.mark.parametrize(
    "path", ["tweets.csv", "my-archive/tweets.csv", "data/js/tweets/2013_04.js"]
)
def test_an_old_kind_of_archive_is_known_by_its_paths(path: str) -> None:
    assert any(re.fullmatch(pattern, path) for pattern in ARCHIVE.classic)


@pytest.mark.parametrize("path", ["data/tweets.js", "data/following.js", "data/js/tweets/notes.js"])
def test_a_newer_archive_is_not_taken_for_an_old_one(path: str) -> None:
    assert not any(re.search(pattern, path) for pattern in ARCHIVE.classic)


def test_near_names_of_lists_are_no_lists() -> None:
    stems = {entry.stem for entry in ARCHIVE.lists}
    assert stems == {"following", "follower", "block", "mute"}
    assert not stems & {"follower-requests-sent", "smartblock-following", "direct-message-mute"}


def test_the_items_of_two_lists_are_not_named_like_their_files() -> None:
    wrappers = {entry.stem: entry.wrapper for entry in ARCHIVE.lists}
    assert (wrappers["block"], wrappers["mute"]) == ("blocking", "muting")


def test_an_archive_without_lists_is_still_known() -> None:
    assert {"tweets", "note-tweet", "like", "profile", "direct-messages"} <= ARCHIVE.known_stems
