"""`./run fuzz [SECONDS]`: archives nobody made, for the reader: coverage decides which are changed further.

A sample that reaches lines in a new order is kept and changed again. Whatever is no list and no named error is
saved to `var/fuzz/` with its trace, and ends the run. What runs is watched by `sys.settrace`: nothing to install.
"""

from __future__ import annotations

import argparse
import dis
import io
import random
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from openportability.archives import archive, wire
from openportability.archives.gather import Upload
from openportability.archives.rules import Caps
from openportability.domain import Kind
from openportability.errors import Invalid
from openportability.networks.x.archive import ARCHIVE
from openportability.web.words import WORDS
from scripts.tree import ROOT
from tests.archives.case import Case
from tests.archives.cases import CASES
from tests.archives.corpus import archive_files, zipped

_WATCHED = ROOT / "src" / "openportability" / "archives"
#: Of the folder, what reads; the rest stores and shows.
_READERS = (
    "archive directory entries feed gather inflate names plain reader scan text wire zip".split()
)
_CRASHES = ROOT / "var" / "fuzz"
#: A list, or the whole; larger ones only cost time.
_MOST_BYTES = 40_000
_CAPS = Caps(list_bytes=1 << 20, manifest_bytes=1 << 16, nested_bytes=1 << 22)
_BOTH = frozenset({Kind.BLOCKED, Kind.MUTED})
_WORDS = [
    *(b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x07\x08"),
    *(b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\xff\xff", b"\x01\x00\x10\x00", b"[", b"]", b"{"),
    *(b'"', b"\\u", b"\\udc00", b";", b",", b"window.YTD.", b"accountId", b"9007199254740993"),
]
#: Which file a sample is, if it is no zip; the others are chosen with it.
_FILES = {"list": "following.js", "account": "account.js", "manifest": "manifest.js"}
_WHOLE = {
    path.rpartition("/")[2]: body
    for path, body in archive_files(following=range(1, 60), blocked=[7], muted=[8]).items()
}
_BESIDE = {name: _WHOLE[name] for name in ("follower.js", *_FILES.values())}


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Something to be read. `kind`: a whole zip, the form of a browser, or one file of an archive."""

    kind: str
    body: bytes = field(repr=False)


def read(sample: Sample) -> None:
    """Read a sample; raise what is neither lists nor an error that can be told."""
    try:
        if sample.kind == "wire":
            wire.decode(ARCHIVE, io.BytesIO(sample.body), _CAPS)
            return
        chosen = {"archive.zip": sample.body}
        if sample.kind in _FILES:
            chosen = {**_BESIDE, _FILES[sample.kind]: sample.body}
        uploads = [Upload(name=name, file=io.BytesIO(body)) for name, body in chosen.items()]
        archive.read(ARCHIVE, uploads, also=_BOTH, caps=_CAPS)
    except Invalid as error:
        if error.code not in WORDS:
            raise


def seeds(cases: Sequence[Case]) -> list[Sample]:
    """Return the corpus of the tests as samples."""
    found = [
        Sample(kind="zip", body=body)
        for case in cases
        for _, body in case.files
        if len(body) <= _MOST_BYTES
    ]
    found += [Sample(kind=kind, body=_WHOLE[name]) for kind, name in _FILES.items()]
    whole = Upload(name="a.zip", file=io.BytesIO(zipped(_WHOLE)))
    made = archive.read(ARCHIVE, [whole], also=_BOTH, caps=_CAPS)
    return [*found, Sample(kind="wire", body=wire.encode(made))]


class Watch:
    """Knows which lines of a folder ran behind which."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self.steps: set[tuple[CodeType, int, int]] = set()
        self._new = False

    def sees_new(self, act: Callable[[Sample], None], sample: Sample) -> bool:
        """Do something with a sample; say whether that took a step that nothing before it took."""
        self._new = False
        sys.settrace(self._enter)
        try:
            act(sample)
        finally:
            sys.settrace(None)
        return self._new

    def lines(self) -> set[tuple[str, int]]:
        """Return the lines that ran."""
        return {(code.co_filename, line) for code, _, line in self.steps}

    def _enter(self, frame: FrameType, event: str, arg: object) -> Any:
        code = frame.f_code
        if not code.co_filename.startswith(self._folder):
            return None
        before = code.co_firstlineno

        def step(frame: FrameType, event: str, _: object) -> Any:
            nonlocal before
            if event == "line":
                taken = (code, before, frame.f_lineno)
                before = frame.f_lineno
                if taken not in self.steps:
                    self.steps.add(taken)
                    self._new = True
            return step

        return step


@dataclass(kw_only=True)
class Run:
    """Samples read so far. Those that are kept are changed further."""

    act: Callable[[Sample], None]
    watch: Watch
    kept: list[Sample]
    noise: random.Random
    count: int = 0

    def go_on(self, goes_on: Callable[[], bool]) -> tuple[Sample, Exception] | None:
        """Read samples until told to stop; return one that broke the reader, and how."""
        for sample in self._samples(list(self.kept)):
            if not goes_on():
                return None
            self.count += 1
            try:
                if self.watch.sees_new(self.act, sample):
                    self.kept.append(sample)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what we look for
                return sample, error
        return None

    def _samples(self, first: list[Sample]) -> Iterator[Sample]:
        yield from first
        while True:
            parent = self.noise.choice(self.kept)
            yield Sample(kind=parent.kind, body=self._changed(parent.body))

    def _changed(self, body: bytes) -> bytes:
        out = bytearray(body)
        for _ in range(1 << self.noise.randrange(4)):
            at = self._place(out)
            end = at + self.noise.choice((0, 1, 2, 4, 8, 64))
            match self.noise.randrange(6):
                case 0:
                    out[at:end] = self.noise.randbytes(end - at)
                case 1:
                    out[at : at + self.noise.choice((0, 1))] = self.noise.choice(_WORDS)
                case 2:
                    del out[at:end]
                case 3:
                    out[at:at] = out[at:end] * self.noise.choice((1, 2, 100))
                case 4:
                    other = self.noise.choice(self.kept).body
                    from_ = self.noise.randrange(len(other) + 1)
                    out[at:end] = other[from_ : from_ + self.noise.randrange(200)]
                case _:
                    number = self.noise.choice((0, 1, 2**16 - 1, 2**31, 2**32 - 1, len(body)))
                    out[at : at + 4] = (number & 0xFFFF_FFFF).to_bytes(4, "little")
        return bytes(out[:_MOST_BYTES])

    def _place(self, body: bytearray) -> int:
        """Return a place to change; near a signature as often as anywhere."""
        at = self.noise.randrange(len(body) + 1)
        near = body.find(b"PK", at) if self.noise.random() < 0.5 else -1
        return at if near < 0 else near + self.noise.randrange(46)


def lines_of(folder: Path) -> set[tuple[str, int]]:
    """Return all lines of the readers that can run inside a function."""
    found: set[tuple[str, int]] = set()
    for name in _READERS:
        path = folder / f"{name}.py"
        left = [compile(path.read_text(encoding="utf-8"), str(path), "exec")]
        while left:
            code = left.pop()
            inner = [each for each in code.co_consts if isinstance(each, CodeType)]
            left += inner
            if code.co_flags & 2:  # a function, not a module or a class
                starts = {line for _, line in dis.findlinestarts(code)}
                found |= {(str(path), line) for line in starts - {code.co_firstlineno}}
    return found


def save(sample: Sample, error: Exception, folder: Path) -> Path:
    """Keep what broke the reader, and how it did."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{sample.kind}-{sha256(sample.body).hexdigest()[:16]}"
    path.write_bytes(sample.body)
    path.with_suffix(".txt").write_text("".join(traceback.format_exception(error)))
    return path


def main(arguments: list[str]) -> int:
    """Read archives for a while; return 1 if one of them broke the reader."""
    parser = argparse.ArgumentParser(prog="./run fuzz", description=__doc__)
    parser.add_argument("seconds", nargs="?", type=float, default=120)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6)
    asked = parser.parse_args(arguments)
    watch = Watch(_WATCHED)
    first = seeds(list(CASES.values()))
    run = Run(act=read, watch=watch, kept=first, noise=random.Random(asked.seed))
    given, until = len(first), time.monotonic() + asked.seconds
    broke = run.go_on(lambda: time.monotonic() < until)
    every = lines_of(_WATCHED)
    print(
        f"{run.count} archives, {given} of the corpus; {len(run.kept) - given} kept for a new way"
    )
    print(
        f"{len(watch.lines() & every)} of {len(every)} lines, {len(watch.steps)} steps between them"
    )
    if broke is None:
        print(f"nothing but lists and named errors (seed {asked.seed})")
        return 0
    print(f"broken by {save(*broke, _CRASHES)} (seed {asked.seed})", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
