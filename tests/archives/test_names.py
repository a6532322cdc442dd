"""A glance at a path never says more than a look at it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openportability.archives.names import Names, Use
from openportability.errors import Invalid
from openportability.networks.fake import archive as simulated
from openportability.networks.x.archive import ARCHIVE
from tests.examples import few

FORMS = (ARCHIVE, simulated.archive_format("https://a.test", "bird"))
NAMES = [Names(form, frozenset()) for form in FORMS]
#: What paths of use, and those that lead astray, are made of.
PIECES = st.sampled_from(
    "data following follower- tweets media js json zip csv part0 2012_01 __MACOSX DS_Store"
    " . .. / / \\ : _ - \0 \n é \u212a \u0130 \u017f".split(" ")
)
PATHS = st.lists(PIECES, max_size=9).map("".join).map(str.encode) | st.binary(max_size=30)


@given(PATHS, st.sampled_from(["utf-8", "cp437"]))
@few(150)
def test_what_is_passed_over_at_a_glance_is_none_of_our_business(raw: bytes, how: str) -> None:
    for names in NAMES:
        if names.is_other(raw):
            assert names.place(raw.decode(how, "replace")).use is Use.OTHER


@pytest.mark.parametrize(
    "path", ["data/tweets_media/1-a b.mp4", "x.y/data/é.jpg", "Your archive.html", "a"]
)
def test_ordinary_media_are_passed_over(path: str) -> None:
    assert all(names.is_other(path.encode()) for names in NAMES)


@pytest.mark.parametrize("path", ["a/../b.jpg", "/a.jpg", "c:a.jpg", "a\\..\\..\\b.jpg"])
def test_no_path_out_is_passed_over(path: str) -> None:
    for names in NAMES:
        assert not names.is_other(path.encode())
        with pytest.raises(Invalid, match="unsafe_path"):
            names.place(path)
