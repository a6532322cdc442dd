"""Every shape in which an archive comes is read, or refused with its reason."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Mapping
from dataclasses import replace

import ijson
import pytest

from openportability.archives.rules import Caps, Owner
from tests.archives.corpus import (
    BESIDE,
    account_file,
    archive_files,
    commented,
    patched,
    row,
    script,
    streamed,
    with_large_end,
    with_method,
    with_password,
    without_directory,
    zipped,
)
from tests.archives.reading import (
    ARRAY,
    LISTS,
    PLAIN,
    WHOLE,
    codes,
    following,
    lists_of,
    moved,
    nested,
    only,
    read_zip,
    refused,
)

BIG = 9007199254740993

READ: Mapping[str, bytes] = {
    "as the network makes it": zipped(WHOLE),
    "stored": zipped(WHOLE, method=zipfile.ZIP_STORED),
    "with zip64 fields": zipped(WHOLE, large=True),
    "with sizes behind the entries": streamed(WHOLE),
    "without its directory": without_directory(zipped(WHOLE)),
    "without its directory, stored": without_directory(zipped(WHOLE, method=zipfile.ZIP_STORED)),
    "without its directory, with zip64 fields": without_directory(zipped(WHOLE, large=True)),
    "without its directory, sizes behind": without_directory(streamed(WHOLE)),
    "without its directory, stored, sizes behind": without_directory(
        streamed(WHOLE, zipfile.ZIP_STORED)
    ),
    "cut within its directory": zipped(WHOLE)[:-100],
    "with a directory that points elsewhere": patched(zipped(WHOLE), b"PK\x01\x02", 42, "<I", 3),
    "with bytes in front": b"#!/bin/sh\n" * 9 + zipped(WHOLE),
    "with a comment": zipped(WHOLE)[:-2] + b"\x05\x00hello",
    "with a comment that looks like an empty end": commented(
        zipped(WHOLE), b"PK\x05\x06" + bytes(18)
    ),
    "with a comment that looks like an end": commented(zipped(WHOLE), zipped({"a": b""})[-22:]),
    "with many ends in its comment": commented(zipped(WHOLE), (b"PK\x05\x06" + bytes(18)) * 60),
    "with the end of a large zip besides": with_large_end(zipped(WHOLE)),
    "with the end of a large zip besides, bytes in front": b"#!/bin/sh\n"
    + with_large_end(zipped(WHOLE)),
    "with bytes behind": zipped(WHOLE) + b"\r\n",
    "in a folder": moved(lambda name: f"twitter-2025-02-03-abc/{name}"),
    "in a folder, without data": moved(lambda name: f"mine/{name.removeprefix('data/')}"),
    "at the top": moved(lambda name: name.removeprefix("data/")),
    "with back-slashes": moved(lambda name: name.replace("/", "\\")),
    "with dots in front": moved(lambda name: f"./{name}"),
    "in upper case": moved(lambda name: name.upper()),
    "with litter of a Mac": zipped(
        {**WHOLE, "__MACOSX/data/._following.js": b"\0\5", "data/.DS_Store": b"\0", "._data": b""}
    ),
    "in a zip": nested(zipfile.ZIP_STORED),
    "in a packed zip": nested(zipfile.ZIP_DEFLATED),
    "with pictures in zips": zipped({**WHOLE, "data/tweet_media.zip": zipped({"a.jpg": b"1"})}),
    "on one line": following(PLAIN),
    "with a byte order mark": following(b"\xef\xbb\xbf" + PLAIN),
    "with a semicolon": following(PLAIN + b" ;\r\n"),
    "with blanks": following(b"\n\n " + PLAIN + b"\n" * 10_000),
    "as plain JSON": following(ARRAY),
    "named json": zipped(
        {k: v for k, v in WHOLE.items() if k != "data/following.js"}
        | {"data/following.json": ARRAY}
    ),
    "without wrappers": following(json.dumps([{"accountId": str(n)} for n in (3, 2, 1)]).encode()),
    "with numbers": following(json.dumps([{"accountId": n} for n in (3, 2, 1)]).encode()),
    "with links alone": following(
        json.dumps(
            [
                {"following": {"userLink": f"https://{host}/intent/user?user_id={n}"}}
                for host, n in (("twitter.com", 1), ("x.com", 2), ("x.com", 3))
            ]
        ).encode()
    ),
    "with links to the new name": following(
        script("following", [row("following", n, "x.com") for n in (1, 2, 3)])
    ),
    "with hostile links": following(
        json.dumps(
            [
                {"following": {"accountId": str(n), "userLink": link}}
                for n, link in ((1, "javascript:alert(1)"), (2, "https://evil.example"), (3, ""))
            ]
        ).encode()
    ),
    "with a wrong number in its first line": following(PLAIN.replace(b"part0", b"part1")),
    "in parts": zipped(archive_files(parts=2)),
    "in parts, out of order": zipped(dict(reversed(archive_files(parts=2).items()))),
    "in parts of another name": zipped(
        {k: v for k, v in WHOLE.items() if k != "data/following.js"}
        | {
            "data/following_2.js": script("following", [row("following", 3)]),
            "data/following_part1.json": script("following", [row("following", n) for n in (1, 2)]),
        }
    ),
    "without manifest": zipped({k: v for k, v in WHOLE.items() if "manifest" not in k}),
    "without account": zipped({k: v for k, v in WHOLE.items() if "account.js" not in k}),
    "with the other form of manifest": zipped(
        {
            **WHOLE,
            "data/manifest.js": WHOLE["data/manifest.js"].replace(
                b"window.__THAR_CONFIG", b"window.YTD.manifest.part0"
            ),
        }
    ),
}


@pytest.mark.parametrize("case", READ)
def test_every_form_of_an_archive_gives_the_same_lists(case: str) -> None:
    found = read_zip(READ[case])
    assert lists_of(found) == LISTS
    assert found.owner == Owner(id="77", handle="ada")  # type: ignore[arg-type]  # a plain text
    rebuilt = "without its directory" in case or "cut" in case or "elsewhere" in case
    assert codes(found) == (["archive.directory_rebuilt"] if rebuilt else [])


HTML = b"<!doctype html><title>Sign in</title>" * 50
CUT = zipped({**WHOLE, "data/like.js": bytes(range(256)) * 40})

REFUSED: Mapping[str, tuple[bytes, str]] = {
    "nothing": (b"", "archive.not_zip"),
    "a page": (HTML, "archive.not_zip"),
    "cut in the middle": (CUT[: len(CUT) // 2], "archive.truncated"),
    "cut in a header": (zipped(WHOLE)[:20], "archive.truncated"),
    "cut, sizes behind": (streamed(WHOLE)[:1000], "archive.truncated"),
    "a password": (with_password(zipped(WHOLE)), "archive.encrypted"),
    "a password, sizes behind, no directory": (
        patched(without_directory(streamed(WHOLE)), b"PK\x03\x04", 6, "<H", 9),
        "archive.encrypted",
    ),
    "another way of packing": (with_method(zipped(WHOLE), 93), "archive.method"),
    "posts of 2012": (
        zipped({"tweets.csv": b"", "data/js/tweets/2012_01.js": b""}),
        "archive.classic",
    ),
    "a zip of holidays": (zipped({"beach.jpg": b"1", "notes/a.js": b"2"}), "archive.not_archive"),
    "an empty zip": (zipped({}), "archive.not_archive"),
    "zips in zips": (
        zipped({"a.zip": zipped({"b.zip": zipped(WHOLE)})}),
        "archive.not_archive",
    ),
    "near-names alone": (
        zipped({k: script("x", v) for k, v in BESIDE.items()}),
        "archive.no_lists",
    ),
    "only blocks": (only(block=script("block", [row("blocking", 1)])), "archive.no_lists"),
    "only an owner": (only(account=account_file()), "archive.no_lists"),
    "no bytes in a list": (following(b""), "archive.corrupt_file"),
    "blanks in a list": (following(b"  \n"), "archive.corrupt_file"),
    "an object for a list": (following(b"window.YTD.following.part0 = {}"), "archive.corrupt_file"),
    "a cut list": (following(PLAIN[:-20]), "archive.corrupt_file"),
    "a program for a list": (following(b"alert(1); " + PLAIN), "archive.corrupt_file"),
    "a program behind a list": (following(PLAIN + b"; alert(1)"), "archive.corrupt_file"),
    "two lists in a file": (following(PLAIN + b";" + PLAIN), "archive.corrupt_file"),
    "two semicolons": (following(PLAIN + b";;"), "archive.corrupt_file"),
    "no end of blanks": (following(PLAIN + b";" + b" " * 200_000), "archive.corrupt_file"),
    "no text": (following(PLAIN.replace(b"twitter", b"\xff\xfe")), "archive.corrupt_file"),
    "UTF-16": (following(PLAIN.decode().encode("utf-16")), "archive.corrupt_file"),
    "rows that are no rows": (following(b"[1, [], null]"), "archive.corrupt_file"),
    "a row without end": (
        following(b'[{"following": {"accountId": "' + b"1" * 100_000 + b'"}}]'),
        "archive.corrupt_file",
    ),
    "a number without end": (following(b"[" + b"9" * 10_000 + b"]"), "archive.corrupt_file"),
    "a number beyond all": (following(b"[1e99999999999999999999]"), "archive.corrupt_file"),
    "too deep": (following(b"[" * 200_000 + b"]" * 200_000), "archive.corrupt_file"),
    "the other list": (following(WHOLE["data/follower.js"]), "archive.wrong_list"),
    "mostly another list": (
        following(json.dumps([row("following", 1), row("follower", 2), row("x", 3)]).encode()),
        "archive.wrong_list",
    ),
    "rounded numbers": (
        following(json.dumps([{"following": {"accountId": BIG}}]).encode()),
        "archive.rounded_ids",
    ),
    "rounded numbers in short": (
        following(b'[{"following": {"accountId": 1.2345e18}}]'),
        "archive.rounded_ids",
    ),
    "two owners": (
        zipped({**WHOLE, "data/account.js": account_file(78)}),
        "archive.inconsistent",
    ),
    "two owners in one file": (
        zipped(
            {
                **WHOLE,
                "data/account.js": script(
                    "account", [{"account": {"accountId": n}} for n in ("77", "78")]
                ),
            }
        ),
        "archive.inconsistent",
    ),
    "a way up": (zipped({**WHOLE, "../x.js": b"1"}), "archive.unsafe_path"),
    "a way up, back-slashes": (zipped({**WHOLE, "a\\..\\x.js": b"1"}), "archive.unsafe_path"),
    "a path from the top": (zipped({**WHOLE, "/etc/x.js": b"1"}), "archive.unsafe_path"),
    "a drive": (zipped({**WHOLE, "C:/x.js": b"1"}), "archive.unsafe_path"),
    "a checksum that does not fit": (
        patched(zipped(WHOLE), b"PK\x01\x02", 16, "<I", 12345),
        "archive.corrupt_file",
    ),
    "a size that does not fit": (
        patched(zipped(WHOLE), b"PK\x01\x02", 24, "<I", 3),
        "archive.corrupt_file",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_says_why(case: str) -> None:
    body, code = REFUSED[case]
    assert refused(body).code == code


def test_only_the_fast_parser_is_used() -> None:
    assert ijson.backend == "yajl2_c"


def test_the_error_names_the_file() -> None:
    assert refused(following(b"[")).detail == {"file": "data/following.js"}


@pytest.mark.parametrize(
    ("cap", "name"),
    [
        ({"entries": 5}, "entries"),
        ({"name_bytes": 5}, "path"),
        ({"files": 3}, "files"),
        ({"list_bytes": 100}, "list"),
        ({"rows": 2}, "rows"),
    ],
)
def test_a_cap_that_is_hit_is_named(cap: dict[str, int], name: str) -> None:
    for body in (zipped(WHOLE), without_directory(zipped(WHOLE))):
        error = refused(body, caps=replace(Caps(), **cap))
        assert (error.code, error.detail) == ("archive.limits", {"cap": name})


@pytest.mark.parametrize("broken", [False, True])
def test_a_bomb_is_not_unpacked(broken: bool) -> None:
    bomb = PLAIN[:-1] + b"," + b",".join([ARRAY[1:-1]] * 100_000) + b"]"
    files = {**WHOLE, "data/following.js": bomb}
    body = without_directory(streamed(files)) if broken else zipped(files)
    assert refused(body).detail == {"cap": "ratio"}


def test_entries_that_share_bytes_are_refused() -> None:
    body = zipped(WHOLE)
    with zipfile.ZipFile(io.BytesIO(body)) as opened:
        size = opened.getinfo("data/following.js").compress_size
    forged = body.replace(size.to_bytes(4, "little"), (size + 500).to_bytes(4, "little"))
    assert refused(forged).code == "archive.corrupt_file"


@pytest.mark.slow
def test_going_back_in_a_zip_in_a_zip_has_an_end() -> None:
    noise = random.Random(7)
    many = {
        f"data/following-part{part}.js": json.dumps(
            [{"accountId": str(noise.randrange(1, 2**60))} for _ in range(2000)]
        ).encode()
        for part in range(90)
    }
    inner = zipped(dict(reversed(many.items())), method=zipfile.ZIP_STORED)
    assert refused(zipped({"a.zip": inner})).detail == {"cap": "nesting"}
