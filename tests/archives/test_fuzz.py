"""The run of `./run fuzz` finds what breaks a reader, goes where coverage leads, and keeps what it found."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from pathlib import Path

from openportability.archives import text
from scripts import fuzz
from scripts.fuzz import Run, Sample, Watch
from tests.archives.cases import CASES


def rounds(count: int) -> Callable[[], bool]:
    left = itertools.count(count, -1)
    return lambda: next(left) > 0


def a_run(act: Callable[[Sample], None], *bodies: bytes) -> Run:
    kept = [Sample(kind="list", body=body) for body in bodies]
    return Run(act=act, watch=Watch(Path(text.__file__)), kept=kept, noise=random.Random(7))


def test_what_breaks_a_reader_is_found_and_kept(tmp_path: Path) -> None:
    def act(sample: Sample) -> None:
        if sample.body.startswith(b"PK"):
            raise ZeroDivisionError

    broke = a_run(act, b"x").go_on(rounds(5000))
    assert broke is not None
    path = fuzz.save(*broke, tmp_path)
    assert path.read_bytes() == broke[0].body
    assert "ZeroDivisionError" in path.with_suffix(".txt").read_text()


def test_only_what_takes_a_new_way_is_kept() -> None:
    def act(sample: Sample) -> None:
        text.shown(sample.body.decode("latin-1"))

    run = a_run(act, b"ada", b"ada", b"bea")
    assert run.go_on(rounds(3)) is None
    assert (run.count, len(run.kept)) == (3, 4)
    assert run.watch.lines() <= {(text.__file__, line) for line in range(1000)}


def test_the_corpus_is_where_it_begins() -> None:
    samples = fuzz.seeds(list(CASES.values()))
    assert {sample.kind for sample in samples} == {"zip", "list", "account", "manifest", "wire"}
    assert len(samples) > 200
    for sample in samples[-4:]:
        fuzz.read(sample)
