"""Cases about places in a file: what a reader finds must not depend on the pieces that a file comes in."""

from __future__ import annotations

import itertools
import json
import random
import zipfile
from collections.abc import Mapping
from dataclasses import replace

from openportability.archives.rules import Caps
from tests.archives.case import Case, one
from tests.archives.corpus import streamed, without_directory, zipped
from tests.archives.reading import ARRAY, WHOLE

_SOME = b'{"following":{"accountId":"%d"}}'


def _rounded() -> dict[str, bytes]:
    """Lists with a number that is no longer the one it was, and with something else behind it."""
    rounded = b'{"following":{"accountId":9007199254740993}}'
    return {
        f"a rounded id, {between} rows, {what}": b"["
        + rounded
        + b","
        + b"".join(_SOME % n + b"," for n in range(1, between))
        + end
        for between in (1, 2000)
        for what, end in (
            ("a row that is none", b"nonsense]"),
            ("the end of no list", b""),
            ("another list behind", b"1][]"),
            ("something behind a semicolon", b"1]; alert()"),
            ("half a row", _SOME[:20]),
            ("nothing", b"1]"),
        )
    }


def _places() -> dict[str, Case]:
    """What depends on places in a file, which must not depend on the pieces that it comes in."""
    wide = '{"following":{"accountId":"5"},"more":"%s"}'
    bodies = {
        **{
            f"{many} blanks in front{what}": front
            + b" " * many
            + b"window.YTD.following.part0 = "
            + ARRAY
            for many in (990, 996, 70_000)
            for what, front in (("", b""), (", with a mark", b"\xef\xbb\xbf"))
        },
        "blanks in front, no name": b" " * 1023 + ARRAY,
        "one blank more in front, no name": b" " * 1024 + ARRAY,
        **{
            f"a row of {size} {letter!r}, {before} rows before": b"["
            + b"".join(_SOME % n + b"," for n in range(1, before + 1))
            + (wide % (letter * size)).encode()
            + b"]"
            for size in (31_000, 49_500, 58_000, 65_000)
            for letter in ("x", "é")
            for before in (1, 700)
        },
        **{
            f"{many} blanks behind{end!r}": ARRAY + end + b" " * many
            for many in (60_000, 65_535, 65_536)
            for end in (b"", b";")
        },
        **{
            f"{many} blanks and a semicolon behind": ARRAY + b" " * many + b";\n"
            for many in (40_000, 60_000)
        },
        **{
            f"{many} arrays": b"[" + _SOME % 1 + b"," + b"[" * many + b"]" * many + b"]"
            for many in (4096, 4097)
        },
        "links of brackets": json.dumps(
            [{"following": {"accountId": str(n), "userLink": "[" * 700}} for n in range(1, 99)]
        ).encode(),
        **_rounded(),
    }
    methods = itertools.cycle((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED))
    return {
        name: one(zipped({**WHOLE, "data/following.js": body}, method=method))
        for (name, body), method in zip(bodies.items(), methods, strict=False)
    }


def _signatures() -> dict[str, Case]:
    """A stored file full of signatures, its size behind it, of as many as may be and of one more."""
    noise = random.Random(7)
    marks = [b"PK\x03\x04", b"PK\x07\x08", b"PK\x01\x02", b"PK\x05\x06", b"PK", b"P", b"K"]
    between = [noise.randbytes(length) for length in noise.choices(range(9), k=90_000)]
    body = b"".join(map(bytes.__add__, noise.choices(marks, k=90_000), between))
    count = sum(body.count(mark) for mark in marks[:4])
    puzzle = without_directory(streamed({"a.jpg": body, **WHOLE}, zipfile.ZIP_STORED))
    inner = {"a.zip": puzzle}
    return {
        f"{name}, {'as many as may be' if more == 0 else 'one too many'}": one(
            zip_of, replace(Caps(), false_signatures=count - more)
        )
        for more in (0, 1)
        for name, zip_of in (("signatures", puzzle), ("signatures, in a zip", zipped(inner)))
    }


CASES: Mapping[str, Case] = {**_places(), **_signatures()}
