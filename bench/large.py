"""Archives of 20 and 50 GB with a million rows, read where they lie by both readers. `./run bench large`.

The files are sparse: the films in them are holes, in front of, between and behind the lists, which stand beyond 4 GB.
"""

from __future__ import annotations

import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, sync_playwright

from bench.figures import Figure
from bench.memory import grown_mb
from lab import install
from openportability.archives import archive
from openportability.archives.gather import Upload
from openportability.archives.rules import Caps
from openportability.domain import Kind
from openportability.networks.x.archive import ARCHIVE
from tests.archives import in_browser
from tests.archives.corpus import account_file, row, script
from tests.conftest import CHROMIUM_FLAGS

ROWS = 1_000_000
GIGABYTES = (20, 50)
GOAL_MB = {"python": 120, "browser": 300}
#: The first film ends where 32 bits do not reach.
_FIRST_FILM_BYTES = 5 * 10**9
_FULL = 0xFFFF_FFFF


def measure(scale: float) -> Iterator[Figure]:
    """Yield the figures; `scale` is of the rows, for holes cost nothing."""
    rows = int(ROWS * scale)
    with TemporaryDirectory(prefix="openportability-bench-") as name, _chromium() as chromium:
        for gigabytes in GIGABYTES:
            path = write(Path(name) / f"{gigabytes}.zip", gigabytes * 10**9, rows)
            for reader, found in (
                ("python", _in_python(path, rows)),
                ("browser", _in_browser(chromium, path, rows)),
            ):
                for metric, ours in zip(("seconds", "cpu_seconds", "peak_mb"), found, strict=True):
                    yield Figure(
                        bench="large",
                        case=f"{gigabytes}gb-{reader}",
                        database="",
                        metric=metric,
                        ours=round(ours, 2),
                        goal=GOAL_MB[reader] if metric == "peak_mb" else None,
                    )
            path.unlink()


def write(path: Path, size: int, rows: int) -> Path:
    """Write an archive of about so many bytes, nearly all of them holes."""
    with path.open("wb") as file:
        records: list[bytes] = []

        def put(name: str, body: bytes | int) -> None:
            """Add a file, or a hole of so many bytes."""
            at = file.tell()
            if isinstance(body, int):
                crc, plain, packed, method = 0, body, body, 0
            else:
                crc, plain, method = zlib.crc32(body), len(body), 8
                deflate = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
                body = deflate.compress(body) + deflate.flush()
                packed = len(body)
            about = struct.pack("<HHHHI", 0, method, 0, 0, crc) + struct.pack("<II", _FULL, _FULL)
            sizes = struct.pack("<QQ", plain, packed)
            lengths = struct.pack("<HH", len(name), 4 + len(sizes))
            file.write(b"PK\x03\x04\x2d\x00" + about + lengths + name.encode())
            file.write(struct.pack("<HH", 1, len(sizes)) + sizes)
            if isinstance(body, int):
                file.seek(body, 1)
            else:
                file.write(body)
            records.append(
                b"PK\x01\x02\x2d\x00\x2d\x00"
                + about
                + struct.pack("<HHHHHII", len(name), 28, 0, 0, 0, 0, _FULL)
                + name.encode()
                + struct.pack("<HH", 1, 24)
                + sizes
                + struct.pack("<Q", at)
            )

        put("data/tweets_media/first.mp4", _FIRST_FILM_BYTES)
        put("data/account.js", account_file())
        put("data/following.js", script("following", [row("following", n) for n in range(1, 1000)]))
        put("data/tweets_media/second.mp4", size - 2 * _FIRST_FILM_BYTES)
        put("data/follower.js", _followers(rows))
        put("data/tweets_media/last.mp4", _FIRST_FILM_BYTES)
        at, directory, count = file.tell(), b"".join(records), len(records)
        end = struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, len(directory), at)
        file.write(directory + b"PK\x06\x06" + end)
        file.write(b"PK\x06\x07" + struct.pack("<IQI", 0, at + len(directory), 1))
        file.write(b"PK\x05\x06" + bytes(4) + b"\xff" * 12 + bytes(2))
    return path


def _followers(count: int) -> bytes:
    ids = Random(7).sample(range(10**17, 2 * 10**18), count)
    link = b"https://twitter.com/intent/user?user_id="
    form = b'{"follower":{"accountId":"%d","userLink":"' + link + b'%d"}}'
    return b"window.YTD.follower.part0 = [" + b",\n".join(form % (n, n) for n in ids) + b"]"


def _in_python(path: Path, rows: int) -> list[float]:
    """Let a process read that does nothing else; return seconds, those of the processor, MB grown."""
    command = [sys.executable, "-m", "bench.large", str(path), str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [float(each) for each in done.stdout.split()]


def _read(path: Path, rows: int) -> None:
    def read() -> None:
        with path.open("rb") as file:
            chosen = [Upload(name=path.name, file=file)]
            found = archive.read(ARCHIVE, chosen, also=frozenset(), caps=Caps())
        assert found.lists[Kind.FOLLOWERS].size == rows
        assert not found.warnings

    wall, used = time.perf_counter(), time.process_time()
    _, grown = grown_mb(read)
    print(time.perf_counter() - wall, time.process_time() - used, grown)


@contextmanager
def _chromium() -> Iterator[Browser]:
    program = install.chromium_program()
    assert program, "no Chromium on this machine: ./run test installs it"
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program, args=CHROMIUM_FLAGS)


def _in_browser(chromium: Browser, path: Path, rows: int) -> list[float]:
    with in_browser.readers(chromium) as readers:
        cpu, peak = in_browser.spent(chromium)
        wall = time.perf_counter()
        assert readers.chosen(path) == {"following": 999, "followers": rows}
        wall = time.perf_counter() - wall
        cpu_after, peak_after = in_browser.spent(chromium)
        return [wall, cpu_after - cpu, (peak_after - peak) / (1 << 20)]


if __name__ == "__main__":
    _read(Path(sys.argv[1]), int(sys.argv[2]))
