"""Archives made to hurt, at their full size: refused with a name, in bounded memory. `./run bench hostile`.

Nothing of them is written to a disk: each is a file whose bytes are made where they are read.
"""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, cast

from bench import sites
from bench.figures import Figure
from bench.memory import grown_mb
from openportability.archives import archive
from openportability.archives.gather import Upload
from openportability.archives.rules import Caps
from openportability.errors import Invalid

GOAL_MB = 120
ENTRIES = 10_000_000
LINE_BYTES = 2 << 30
IDS = 50_000_000
_IDS_IN_A_PIECE = 500_000
_NAME = "data/tweets_media/%09d.mp4"
#: Records of a directory that are made once and then repeated.
_RECORDS = 10_000


class Made(io.RawIOBase):
    """A file of so many bytes; `make` gives some of them from a place on, at least one."""

    def __init__(self, size: int, make: Callable[[int, int], bytes]) -> None:
        self._size = size
        self._make = make
        self._at = 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = start + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        wanted = max(0, self._size - self._at)
        wanted = wanted if size < 0 else min(size, wanted)
        parts: list[bytes] = []
        while wanted:
            part = self._make(self._at, wanted)[:wanted]
            parts.append(part)
            self._at += len(part)
            wanted -= len(part)
        return b"".join(parts)


def measure(scale: float) -> Iterator[Figure]:
    """Yield the figures; those of a smaller scale mean little, for the caps stay."""
    for case in CASES:
        command = [sys.executable, "-m", "bench.hostile", case, str(scale)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        taken, grown, code = done.stdout.split()
        for metric, ours, goal in (("seconds", taken, None), ("peak_mb", grown, GOAL_MB)):
            yield Figure(
                bench="hostile",
                case=f"{case}:{code}",
                database="",
                metric=metric,
                ours=float(ours),
                goal=goal,
            )


def _entries(count: int, name: str = _NAME, *, told: bool = True) -> tuple[str, BinaryIO]:
    """A zip whose directory has so many entries, each well formed. `told`: its end says how many."""
    records = b"".join(_record(name % number) for number in range(_RECORDS))
    total = count * len(records) // _RECORDS
    front = b"PK\x03\x04" + bytes(26)

    def make(at: int, size: int) -> bytes:
        if at < len(front):
            return front[at:]
        at -= len(front)
        if at >= total:
            return end[at - total :]
        start = at % len(records)
        return records[start : start + min(size, total - at)]

    end = _end(count, total, len(front)) if told else _small_end(count, total, len(front))
    return "archive.zip", cast(BinaryIO, Made(len(front) + total + len(end), make))


def _end(count: int, size: int, at: int) -> bytes:
    end = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, size, at)
    end += b"PK\x06\x07" + struct.pack("<IQI", 0, at + size, 1)
    return end + b"PK\x05\x06" + bytes(4) + b"\xff" * 12 + bytes(2)


def _small_end(count: int, size: int, at: int) -> bytes:
    """The end of a writer without zip64: past 65,535 it counts from the beginning again."""
    return b"PK\x05\x06" + struct.pack("<4xHHIIH", count % 65536, count % 65536, size, at, 0)


def _record(name: str) -> bytes:
    return (
        b"PK\x01\x02"
        + bytes(24)
        + struct.pack("<H", len(name))
        + bytes(16)
        + name.encode("latin-1")
    )


def _line(size: int) -> tuple[str, BinaryIO]:
    """A list of which the first row never ends."""
    front = b'[{"following":{"accountId":"'
    digits = b"1" * (1 << 16)

    def make(at: int, _: int) -> bytes:
        return front[at:] if at < len(front) else digits

    return "following.js", cast(BinaryIO, Made(size, make))


def _ids(count: int) -> tuple[str, BinaryIO]:
    """A list of so many rows, in pieces that follow each other for ever."""
    some = range(10**17, 10**17 + _IDS_IN_A_PIECE)
    piece = b",".join(b'{"following":{"accountId":"%d"}}' % one for one in some) + b","

    def make(at: int, size: int) -> bytes:
        if at == 0:
            return b"["
        start = (at - 1) % len(piece)
        return piece[start : start + size]

    return "following.js", cast(BinaryIO, Made(1 + len(piece) * count // _IDS_IN_A_PIECE, make))


def _bomb(size: int) -> tuple[str, BinaryIO]:
    """A zip with one list that is a hundredth of what it unpacks to, and less."""
    deflate = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    packed = deflate.compress(b"[") + deflate.flush(zlib.Z_FULL_FLUSH)
    rows = b'{"following":{"accountId":"1"}},' * (1 << 15)
    again = deflate.compress(rows) + deflate.flush(zlib.Z_FULL_FLUSH)
    body = packed + again * (size // len(rows))
    name = b"data/following.js"
    sizes = struct.pack("<III", 0, len(body), size)
    local = b"PK\x03\x04" + struct.pack("<HHHI", 20, 0, 8, 0) + sizes
    local += struct.pack("<HH", len(name), 0) + name
    central = b"PK\x01\x02" + struct.pack("<HHHHI", 20, 20, 0, 8, 0) + sizes
    central += struct.pack("<H", len(name)) + bytes(16) + name
    at = len(local) + len(body)
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), at, 0)
    return "archive.zip", io.BytesIO(local + body + central + end)


CASES: Mapping[str, Callable[[float], tuple[str, BinaryIO]]] = {
    "entries": lambda scale: _entries(int(ENTRIES * scale)),
    "entries-untold": lambda scale: _entries(int(ENTRIES * scale), told=False),
    "entries-allowed": lambda scale: _entries(int(Caps.entries * scale)),
    "entries-odd": lambda scale: _entries(int(Caps.entries * scale), "data/\xe9 %010d.mp4"),
    "line": lambda scale: _line(int(LINE_BYTES * scale)),
    "ids": lambda scale: _ids(int(IDS * scale)),
    "bomb": lambda scale: _bomb(int(LINE_BYTES * scale)),
}


def _refused(case: str, scale: float) -> None:
    name, file = CASES[case](scale)
    codes: list[str] = []
    with TemporaryDirectory() as folder, sites.opened(Path(folder)) as site:
        source = site.networks[sites.BIRD].source
        assert source is not None
        assert source.archive is not None
        form = source.archive

        def read() -> None:
            try:
                upload = Upload(name=name, file=file)
                archive.read(form, [upload], also=frozenset(), caps=Caps())
                codes.append("read")
            except Invalid as error:
                codes.append("/".join([error.code, *map(str, error.detail.values())]))

        started = time.perf_counter()
        _, grown = grown_mb(read)
        print(round(time.perf_counter() - started, 2), grown, codes[0])


if __name__ == "__main__":
    _refused(sys.argv[1], float(sys.argv[2]))
