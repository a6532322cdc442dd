"""Everything that both readers are given: one name, the files that a person chose, and how."""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import replace

from openportability.archives.rules import Caps
from openportability.domain import Kind
from tests.archives import edges
from tests.archives.case import Case, one
from tests.archives.corpus import (
    account_file,
    archive_files,
    list_files,
    manifest_file,
    row,
    script,
    streamed,
    without_directory,
    zipped,
)
from tests.archives.reading import ARRAY, PLAIN, WHOLE, following, nested, only
from tests.archives.test_archive import IDS, LINKS
from tests.archives.test_variants import READ, REFUSED

BOTH = frozenset({Kind.BLOCKED, Kind.MUTED})


def rows(*values: object) -> Case:
    return one(following(json.dumps(values).encode()))


def text(body: bytes) -> Case:
    """A list of which one row is odd."""
    return one(following(b'[{"following":{"accountId":"42"}},' + body + b"]"))


def named(handle: bytes) -> Case:
    """An archive whose owner has this name, as JSON."""
    account = b'[{"account":{"accountId":"77","username":' + handle + b"}}]"
    return one(zipped({**WHOLE, "data/account.js": account}))


def told(manifest: bytes) -> Case:
    return one(zipped({**WHOLE, "data/manifest.js": manifest}))


def dated(text: str) -> Case:
    return told(manifest_file({}, made=text))


ROWS = {
    **{f"an id: {value!r}": rows({"following": {"accountId": value}}) for value, _ in IDS},
    **{f"a link: {link!r}": rows({"following": {"userLink": link}}) for link in LINKS},
    "an odd link": rows(
        {"following": {"userLink": "https://x.com/intent/user?user_id=5&a=\u00a0"}}
    ),
    "a long row": rows(
        row("following", 7), {"following": {"accountId": "5", "userLink": "x" * 5000}}
    ),
    "a deep row": rows(
        row("following", 7), {"following": {"accountId": "6"}, "more": [{"text": "é" * 2500}]}
    ),
    "rows that repeat": rows(*(row("following", n) for n in (1, 1, 2))),
    "a row with a name twice": text(b'{"following":{"accountId":"1","accountId":"2"}}'),
    "a row of other names": text(b'{"__proto__":{"accountId":"1"}}'),
    "blanks of old printers": text(b'\v{"following":\f{"accountId":"\\u0031"}}'),
    "half a pair, first": text(b'{"following":{"accountId":"\\ud800"}}'),
    "half a pair, second": text(b'{"following":{"accountId":"\\udc00"}}'),
    "half a pair under a name that comes twice": text(
        b'{"following":{"accountId":"\\udc00","accountId":"5"}}'
    ),
    "half a pair as a name that comes twice": text(
        b'{"\\udc00":1,"\\udc00":2,"following":{"accountId":"5"}}'
    ),
    "a whole pair": text(b'{"following":{"accountId":"\\ud83d\\ude00"}}'),
    "half an escape": text(b'{"following":{"accountId":"\\u00"}}'),
    "an unknown escape": text(b'{"following":{"accountId":"\\x31"}}'),
    "a line in a text": text(b'{"following":{"accountId":"1\n"}}'),
    "the largest whole number": text(b'{"a":9223372036854775807}'),
    "a larger whole number": text(b'{"a":9223372036854775808}'),
    "a large broken number": text(b'{"a":10000000000000000000.0}'),
    "a number beyond all in a row": text(b'{"a":1e400}'),
    "a number next to nothing": text(b'{"a":1e-400}'),
    "no number": text(b"NaN"),
    "a number with a zero in front": text(b"01"),
    "a number with a point behind": text(b"1."),
    "a comma at the end": text(b""),
    "a comma too few": text(b"1 2"),
    "brackets crossed": text(b'{"a":[}]'),
    "slashes and quotes": text(b'{"following":{"accountId":"7","userLink":"\\\\\\"\\\\"}}'),
    "a comment": text(b"/* 1 */"),
    "words": text(b"true,false,null"),
    "a word cut": text(b"tru"),
    "a wide character": text('{"following":{"userLink":"\U0001f600 é"}}'.encode()),
    "an overlong character": text(b'{"a":"\xc0\x80"}'),
}

TOLD = {
    "without followers": one(only(following=PLAIN, account=account_file())),
    "another count": one(following(script("following", [row("following", 1)]))),
    "blocks not asked for": one(zipped(archive_files(blocked=[9], muted=[8]))),
    "blocks asked for": Case(
        files=(("a.zip", zipped(archive_files(blocked=[9], muted=[8]))),), also=BOTH
    ),
    "empty lists": one(zipped(archive_files(following=(), followers=()))),
    "5001 in parts": one(
        zipped(archive_files(following=[10**18 + 7 * n for n in range(5001)], parts=4))
    ),
    "the largest id": one(zipped(archive_files(following=[1, 2**63, 2**64 - 1]))),
    "a part missing": one(
        zipped(
            {
                name: body
                for name, body in archive_files(following=range(1, 10), parts=3).items()
                if "part2" not in name
            }
        )
    ),
    "parts that repeat": one(
        zipped(
            {
                "data/following.js": script("following", [row("following", n) for n in (1, 1, 2)]),
                "data/following-part1.js": script("following", []),
                "data/following-part2.js": script(
                    "following", [row("following", n) for n in (2, 3)]
                ),
                "data/follower.js": WHOLE["data/follower.js"],
            }
        )
    ),
    "a damaged manifest": told(b"window.__THAR_CONFIG = {"),
    "a deep manifest": told(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "an empty manifest": told(b""),
    "a large manifest": told(json.dumps({"a": random.Random(7).randbytes(3 << 20).hex()}).encode()),
    "a manifest of nothing": told(b"{}"),
    "a manifest with no number": told(b'{"a":NaN}'),
    "a manifest of odd parts": told(
        b'{"userInfo":7,"archiveInfo":[],"dataTypes":{"following":{"files":[{"count":"x"},1]}}}'
    ),
    "a part of an archive": told(
        WHOLE["data/manifest.js"].replace(b'Archive": false', b'Archive": true')
    ),
    "a damaged account": one(zipped({**WHOLE, "data/account.js": b"[]"})),
    "an account of a number": named(b"7"),
    "a name with controls": named(b'" \\u0000a\\u0007d\\u0085a\\u00a0"'),
    "a name cut in two": named(b'"ada\\ud83d"'),
    "a long name": named(b'"' + "\U0001f600".encode() * 150 + b'"'),
    "a name cut in two in the manifest": one(
        zipped(
            {
                **{k: v for k, v in WHOLE.items() if "account.js" not in k},
                "data/manifest.js": manifest_file({}, handle="\ud800ada" + "a" * 500),
            }
        )
    ),
    **{
        f"made at {date!r}": dated(date)
        for date in (
            "2025-02-03",
            "2025-02-30",
            "0000-01-01",
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            "2025-02-03T04:05",
            "2025-02-03T24:00:00",
            "2025-02-03T04:60:00Z",
            "2025-02-03T04:05:60Z",
            "2025-02-03T04:05:06.123456+05:30",
            "2025-02-03 04:05:06-00:30",
            "2024-02-29T23:59:59Z",
            "20250203T040506",
            "٢٠٢٥-02-03",
            "",
        )
    },
}

SEVERAL = {
    "by hand": Case(
        files=(
            ("C:\\data\\Following.js", PLAIN),
            ("data/follower.js", WHOLE["data/follower.js"]),
            ("tweets.js", b""),
            ("holiday.jpg", b""),
        )
    ),
    "by hand, with the owner": Case(
        files=(("following.js", ARRAY), ("account.js", account_file()))
    ),
    "a list added": Case(
        files=(
            ("a.zip", only(following=PLAIN, account=account_file())),
            ("follower.js", WHOLE["data/follower.js"]),
        )
    ),
    "an owner added": Case(
        files=(
            ("a.zip", zipped({f"data/{k}": v for k, v in list_files("following", [1]).items()})),
            ("other.zip", only(account=account_file(5, "bea"))),
        )
    ),
    "two dates": Case(
        files=tuple(
            (f"{year}.zip", zipped(archive_files(following=[year], made=f"{year}-05-01T00:00:00Z")))
            for year in (2024, 2020)
        )
    ),
    "three folders": one(
        zipped(
            {
                f"{folder}/data/{name}": body
                for folder, ids in (
                    ("twitter-2021", [1]),
                    ("twitter-2023", [3]),
                    ("twitter-2022", [2]),
                )
                for name, body in {
                    **list_files("following", ids),
                    **list_files("follower", []),
                }.items()
            }
        )
    ),
    "two halves of two owners": Case(
        files=(
            ("a.zip", only(following=PLAIN, account=account_file(1))),
            ("b.zip", only(follower=WHOLE["data/follower.js"], account=account_file(2))),
        )
    ),
    "a zip that is none": Case(
        files=(("following.js", PLAIN), ("archive.zip", b"<!doctype html>"))
    ),
    "nothing of use": Case(files=(("a.jpg", b"1"), ("b.jpg", b"2"))),
    "only what is known": Case(files=(("tweets.js", b""),)),
}


def _capped() -> dict[str, Case]:
    caps: Mapping[str, int] = {
        "entries": 5,
        "name_bytes": 5,
        "files": 3,
        "list_bytes": 100,
        "rows": 2,
        "row_bytes": 60,
        "manifest_bytes": 100,
    }
    bodies = {"": zipped(WHOLE), ", without directory": without_directory(zipped(WHOLE))}
    return {
        f"a cap: {name}{how}": one(body, replace(Caps(), **{name: value}))
        for name, value in caps.items()
        for how, body in bodies.items()
    }


def _bombs() -> dict[str, Case]:
    bomb = PLAIN[:-1] + b"," + b",".join([ARRAY[1:-1]] * 100_000) + b"]"
    files = {**WHOLE, "data/following.js": bomb}
    noise = random.Random(7)
    many = {
        f"data/following-part{part}.js": b"[%s]"
        % b",".join(b'{"accountId":"%d"}' % (noise.getrandbits(60) | 1) for _ in range(2000))
        for part in range(67)
    }
    inner = zipped(dict(reversed(many.items())), method=0)
    return {
        "a bomb": one(zipped(files)),
        "a bomb without directory": one(without_directory(streamed(files))),
        "a zip that goes back and back": one(zipped({"a.zip": inner})),
        **{
            f"a zip in a zip, too much to unpack: {most}": one(
                nested(8), replace(Caps(), nested_bytes=most)
            )
            for most in (10, len(zipped(WHOLE)) + 10)
        },
        "a row with a heavy link": rows(
            {"following": {"accountId": "5", "userLink": {"x": "y" * 5000}}},
            {"following": {"accountId": "6", "userLink": ["y" * 5000]}},
            {"following": {"accountId": "7", "other": "y" * 5000}},
            {"following": {"accountId": "8"}},
        ),
        "letters that are none": one(following(b'[{"following":{"accountId":"\xff\xfe"}}]')),
        "letters that are none in a path": one(_renamed(b"data/\xff\xfe.js")),
        "a path of nothing but ways up": one(zipped({"../../../../etc/following.js": PLAIN})),
        "a list of more ids than may be": Case(
            files=(("following.js", ARRAY), ("account.js", account_file())),
            caps=replace(Caps(), rows=1),
        ),
        "one line that does not end": Case(
            files=(("following.js", b'[{"following":{"accountId":"' + b"1" * 3_000_000),)
        ),
        "entries that share bytes": one(_sharing()),
        "a directory that counts ten millions": one(_counting(10_000_000)),
        "ten millions in a directory that has room": one(_roomy(), replace(Caps(), entries=99)),
        "a directory that does not tell": one(_roomy(told=7), replace(Caps(), entries=99)),
        "a path of signatures": one(zipped({**WHOLE, "PK\x01\x02" * 90: b""})),
        "a path of signatures, close to the cap": one(
            zipped({**WHOLE, "PK\x01\x02" * 90: b""}), replace(Caps(), entries=12)
        ),
    }


def _renamed(name: bytes) -> bytes:
    """A zip in which the path of a file that nobody reads is these bytes."""
    plain = b"data/" + b"x" * (len(name) - 8) + b".js"
    return zipped({**WHOLE, plain.decode(): b"1"}).replace(plain, name)


def _sharing() -> bytes:
    """A zip in which one list is said to reach into the next entry."""
    body = zipped(WHOLE)
    with zipfile.ZipFile(io.BytesIO(body)) as opened:
        size = opened.getinfo("data/following.js").compress_size
    return body.replace(size.to_bytes(4, "little"), (size + 500).to_bytes(4, "little"))


def _roomy(told: int | None = None) -> bytes:
    """A zip of 107 files; its end says that it has so many."""
    body = zipped({**WHOLE, **{f"data/tweets_media/{number}.jpg": b"" for number in range(100)}})
    end = body.rindex(b"PK\x05\x06")
    counted = body[end + 8 : end + 12] if told is None else struct.pack("<HH", told, told)
    return body[: end + 8] + counted + body[end + 12 :]


def _counting(count: int) -> bytes:
    """A zip whose end says that there are so many entries (in 64 bits), and there are seven."""
    body = zipped(WHOLE)
    end = body.rindex(b"PK\x05\x06")
    size, at = struct.unpack_from("<II", body, end + 12)
    record = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, size, at)
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, end, 1)
    return body[:end] + record + locator + b"PK\x05\x06" + bytes(4) + b"\xff" * 12 + bytes(2)


CASES: Mapping[str, Case] = {
    **{f"read: {name}": one(body) for name, body in READ.items()},
    **{f"refused: {name}": one(body) for name, (body, _) in REFUSED.items()},
    **ROWS,
    **TOLD,
    **SEVERAL,
    **_capped(),
    **_bombs(),
    **edges.CASES,
}
