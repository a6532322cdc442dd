"""Which rows are used, what a person is told, and which of several archives is read."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Sequence

import pytest

from openportability.archives import archive, reader
from openportability.archives.gather import Upload
from openportability.archives.rules import Caps, Owner
from openportability.domain import Kind
from openportability.errors import Invalid
from openportability.networks.x.archive import ARCHIVE
from tests.archives.corpus import (
    account_file,
    archive_files,
    list_files,
    manifest_file,
    row,
    script,
    zipped,
)
from tests.archives.reading import (
    LISTS,
    PLAIN,
    WHOLE,
    codes,
    following,
    lists_of,
    only,
    read,
    read_zip,
)

# --- rows -------------------------------------------------------------------------------------

IDS: Sequence[tuple[object, int | None]] = [
    ("1", 1),
    (str(2**64 - 1), 2**64 - 1),
    (str(2**64), None),
    ("99999999999999999999", None),
    ("0", None),
    ("007", None),
    ("-5", None),
    ("+5", None),
    (" 5", None),
    ("5\n", None),
    ("5.0", None),
    ("٣", None),
    ("", None),
    (5, 5),
    (5.0, 5),
    (2**53 - 1, 2**53 - 1),
    (-5, None),
    (0, None),
    (0.5, None),
    (-1e300, None),
    (True, None),
    (None, None),
    (["5"], None),
    ({"a": "5"}, None),
    ("<b>5</b>", None),
]


@pytest.mark.parametrize(("value", "expected"), IDS)
def test_an_id_is_a_whole_number_of_64_bits_or_its_row_is_passed_over(
    value: object, expected: int | None
) -> None:
    rows = [row("following", 42), {"following": {"accountId": value}}]
    found = read_zip(following(json.dumps(rows).encode()))
    wanted = [42] if expected is None else sorted([42, expected])
    assert lists_of(found)["following"] == wanted
    assert found.files[0].skipped == (expected is None)


LINKS: Sequence[object] = [
    "http://x.com/intent/user?user_id=5",
    "https://x.com.evil.example/intent/user?user_id=5",
    "https://evil.example/intent/user?user_id=5",
    "https://me@x.com/intent/user?user_id=5",
    "https://x.com:443/intent/user?user_id=5",
    "https://x.com/intent/users?user_id=5",
    "https://x.com/intent/user?user_id=5&user_id=6",
    "https://x.com/intent/user?user_id=5#6",
    "https://x.com/intent/user?user_id=0",
    "https://x.com/intent/user",
    "javascript:alert(5)",
    5,
    None,
]


@pytest.mark.parametrize("link", LINKS)
def test_an_id_is_taken_from_a_link_of_the_one_right_form_only(link: object) -> None:
    rows = [row("following", 42), {"following": {"userLink": link}}]
    assert lists_of(read_zip(following(json.dumps(rows).encode())))["following"] == [42]


def test_a_row_that_is_too_long_is_passed_over() -> None:
    long = {"following": {"accountId": "5", "userLink": "x" * 5000}}
    deep = {"following": {"accountId": "6"}, "more": [{"text": "é" * 2500}]}
    found = read_zip(following(json.dumps([long, row("following", 7), deep]).encode()))
    assert lists_of(found)["following"] == [7]
    skipped = [notice for notice in found.warnings if notice.code == "archive.skipped_rows"]
    assert [dict(notice.detail) for notice in skipped] == [
        {"file": "data/following.js", "count": 2}
    ]


def test_an_empty_list_is_a_list() -> None:
    found = read_zip(zipped(archive_files(following=(), followers=())))
    assert lists_of(found) == {"following": [], "followers": []}
    assert codes(found) == []


def test_repeated_rows_are_counted_where_they_are() -> None:
    files = {
        "data/following.js": script("following", [row("following", n) for n in (1, 1, 2)]),
        "data/following-part1.js": script("following", []),
        "data/following-part2.js": script("following", [row("following", n) for n in (2, 3)]),
        "data/follower.js": WHOLE["data/follower.js"],
    }
    found = read_zip(zipped(files))
    assert lists_of(found)["following"] == [1, 2, 3]
    counts = [(file.file[5:-3], file.count, file.duplicates) for file in found.files]
    assert counts == [
        ("following", 3, 1),
        ("following-part1", 0, 0),
        ("following-part2", 2, 1),
        ("follower", 2, 0),
    ]


# --- what a person is told ---------------------------------------------------------------------


def test_a_missing_list_is_told() -> None:
    found = read_zip(only(following=PLAIN, account=account_file()))
    assert lists_of(found) == {"following": [1, 2, 3]}
    assert [(n.code, dict(n.detail)) for n in found.warnings] == [
        ("archive.missing_list", {"file": "follower"})
    ]


def test_a_missing_part_is_told() -> None:
    files = archive_files(following=range(1, 10), parts=3)
    del files["data/following-part2.js"]
    found = read_zip(zipped(files))
    notice = found.warnings[0]
    assert (notice.code, dict(notice.detail)) == (
        "archive.part_missing",
        {"file": "following", "expected": 3, "count": 2},
    )
    assert lists_of(found)["following"] == [1, 2, 3, 4, 5, 6]


def test_a_count_that_differs_from_the_announced_one_is_told() -> None:
    found = read_zip(following(script("following", [row("following", 1)])))
    notice = found.warnings[0]
    assert (notice.code, dict(notice.detail)) == (
        "archive.count_mismatch",
        {"file": "following", "expected": 3, "count": 1},
    )


def test_a_damaged_manifest_or_account_is_told_and_not_needed() -> None:
    damaged = b"window.__THAR_CONFIG = {"
    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    large = json.dumps({"a": random.Random(7).randbytes(3 << 20).hex()}).encode()
    for body in (damaged, deep, b"", large):
        found = read_zip(zipped({**WHOLE, "data/manifest.js": body}))
        assert (found.generated_at, codes(found)) == (None, ["archive.corrupt_file"])
        assert lists_of(found) == LISTS
    found = read_zip(zipped({**WHOLE, "data/account.js": b"[]"}))
    assert found.owner == Owner(id="77", handle="ada")  # type: ignore[arg-type]  # a plain text
    assert codes(found) == ["archive.corrupt_file"]


def test_the_manifest_of_a_part_of_an_archive_says_so() -> None:
    manifest = WHOLE["data/manifest.js"].replace(b'Archive": false', b'Archive": true')
    assert codes(read_zip(zipped({**WHOLE, "data/manifest.js": manifest}))) == ["archive.partial"]


def test_blocks_and_mutes_are_read_only_when_asked_for() -> None:
    body = zipped(archive_files(blocked=[9], muted=[8]))
    asked = read_zip(body, also=frozenset({Kind.BLOCKED, Kind.MUTED}))
    assert lists_of(asked) == {**LISTS, "blocked": [9], "muted": [8]}
    assert lists_of(read_zip(body)) == LISTS
    assert read_zip(body).ignored == asked.ignored + 2


def test_the_owner_is_seen_before_any_list_is_read() -> None:
    def refuse(owner: Owner | None) -> None:
        raise Invalid("archive.other_owner", owner=owner.handle if owner else "")

    upload = Upload(name="a.zip", file=io.BytesIO(following(b"not read")))
    with pytest.raises(Invalid) as caught:
        archive.read(ARCHIVE, [upload], also=frozenset(), caps=Caps(), check=refuse)
    assert caught.value.code == "archive.other_owner"


# --- several -----------------------------------------------------------------------------------


def test_lists_chosen_by_hand_are_read() -> None:
    found = read(
        ("C:\\data\\Following.js", PLAIN),
        ("data/follower.js", WHOLE["data/follower.js"]),
        ("tweets.js", b""),
        ("holiday.jpg", b""),
    )
    assert (lists_of(found), found.owner, found.ignored) == (LISTS, None, 2)


def test_the_owner_may_come_beside_the_lists() -> None:
    lists = zipped({f"data/{k}": v for k, v in list_files("following", [1]).items()})
    owner = only(account=account_file(5, "bea"))
    for other in (("account.js", account_file(5, "bea")), ("other.zip", owner)):
        found = read(("a.zip", lists), other)
        assert found.owner == Owner(id="5", handle="bea")  # type: ignore[arg-type]  # a plain text


def test_a_list_may_be_added_to_an_archive_that_lacks_it() -> None:
    lists = only(following=PLAIN, account=account_file())
    found = read(("a.zip", lists), ("follower.js", WHOLE["data/follower.js"]))
    assert lists_of(found) == LISTS
    assert codes(found) == []


def test_of_several_archives_the_newest_is_read() -> None:
    old = zipped(archive_files(following=[1], made="2020-05-01T00:00:00.000Z"))
    new = zipped(archive_files(following=[2], made="2024-05-01T00:00:00.000Z"))
    for order in ((old, new), (new, old)):
        found = read(*((f"{n}.zip", body) for n, body in enumerate(order)))
        assert lists_of(found)["following"] == [2]
        assert [(n.code, dict(n.detail)) for n in found.warnings] == [
            ("archive.several", {"date": "2024-05-01", "count": 2})
        ]


def test_of_several_folders_without_date_the_last_name_is_read() -> None:
    files = {
        f"{folder}/data/{name}": body
        for folder, ids in (("twitter-2021", [1]), ("twitter-2023", [3]), ("twitter-2022", [2]))
        for name, body in {**list_files("following", ids), **list_files("follower", [])}.items()
    }
    found = read_zip(zipped(files))
    assert lists_of(found)["following"] == [3]
    assert codes(found) == ["archive.several"]


def test_two_halves_of_one_archive_must_be_of_one_owner() -> None:
    one = only(following=PLAIN, account=account_file(1))
    other = only(follower=WHOLE["data/follower.js"], account=account_file(2))
    with pytest.raises(Invalid) as caught:
        read(("a.zip", one), ("b.zip", other))
    assert caught.value.code == "archive.inconsistent"


def test_a_file_that_only_says_to_be_a_zip_is_refused_among_others() -> None:
    with pytest.raises(Invalid) as caught:
        read(("following.js", PLAIN), ("archive.zip", b"<!doctype html>"))
    assert caught.value.code == "archive.not_zip"


# --- sizes -------------------------------------------------------------------------------------


def test_5001_followings_are_all_there() -> None:
    ids = [10**18 + 7 * n for n in range(5001)]
    found = read_zip(zipped(archive_files(following=ids, parts=4)))
    assert lists_of(found)["following"] == ids


def test_a_list_has_one_reference_form() -> None:
    found = read_zip(zipped(WHOLE))
    # printf '1\n2\n3\n' | sha256sum
    assert reader.checksum(found.lists[Kind.FOLLOWING]) == (
        "14c5e74c4b96ccef41cd94db73a9ec3348038ac094feca4fd897cecffa07cdae"
    )


def test_changes_are_counted_against_the_list_before() -> None:
    before = read_zip(zipped(archive_files(following=[1, 2, 3]))).lists[Kind.FOLLOWING]
    after = read_zip(zipped(archive_files(following=[3, 4]))).lists[Kind.FOLLOWING]
    assert reader.changes(before, after) == reader.Changes(added=1, removed=2, unchanged=1)
    assert reader.changes(None, after) == reader.Changes(added=2, removed=0, unchanged=0)


def test_a_name_that_cannot_be_shown_is_mended() -> None:
    manifest = manifest_file({}, handle="\ud800ada" + "a" * 500)
    files = {k: v for k, v in WHOLE.items() if "account.js" not in k}
    found = read_zip(zipped({**files, "data/manifest.js": manifest}))
    assert found.owner is not None
    assert found.owner.handle.startswith("?ada")
    assert len(found.owner.handle) == 100
