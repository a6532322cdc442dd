"""Bringing 300,000 links: as a zip, as the form that a browser sends, and what they take on disk.

The other way is that of platforms before us: each link a row, found from both ends by an index.
"""

from __future__ import annotations

import io
import json
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from bench.figures import Figure, seconds
from bench.memory import grown_mb
from bench.sites import BIRD, bird, opened
from openportability.accounts import store as accounts
from openportability.archives import archive, service, wire
from openportability.archives.gather import Upload
from openportability.archives.rules import Caps
from openportability.domain import Key, Kind, Proof, UserId
from openportability.graph import codec
from openportability.site import Site

LINKS = 300_000
OWNER = 77
#: Measured on two shared cores: an archive is read in about a second, and never in much memory.
ZIP_GOAL_SECONDS = 1.2
WIRE_GOAL_SECONDS = 0.4
GOAL_MB = 100
GOAL_BYTES_PER_LINK = 7


def measure(scale: float) -> Iterator[Figure]:
    """Yield the figures."""
    count = int(LINKS * scale)
    with TemporaryDirectory(prefix="openportability-bench-") as name:
        folder = Path(name)
        lists = _lists(count)
        forms = {"zip": _zip(folder / "archive.zip", lists), "wire": folder / "lists.opa"}
        forms["wire"].write_bytes(_wire(forms["zip"]))
        rows = seconds(lambda: _as_rows(folder / "rows.db", lists))
        goals = {"zip": ZIP_GOAL_SECONDS, "wire": WIRE_GOAL_SECONDS}
        with _site(folder / "site") as (site, user):
            for form, path in forms.items():
                taken = seconds(_bringing(site, user, form, path))
                yield _figure(f"{form}-300k", "seconds", taken, rows, goals[form])
        for form, path in forms.items():
            yield _figure(f"{form}-300k", "peak_mb", _peak_mb(form, path), None, GOAL_MB)
        sealed = sum(len(codec.encode(keys)) for keys in _read(forms["zip"]).lists.values())
        row_bytes = (folder / "rows.db").stat().st_size / count
        disk = round(sealed / count, 2), round(row_bytes, 1)
        yield _figure("disk", "bytes_per_link", *disk, GOAL_BYTES_PER_LINK)


def _figure(
    case: str, metric: str, ours: float, baseline: float | None, goal: float | None
) -> Figure:
    return Figure(
        bench="import",
        case=case,
        database="sqlite",
        metric=metric,
        ours=ours,
        baseline=baseline,
        goal=goal,
    )


# --- what is brought --------------------------------------------------------------------------


def _lists(count: int) -> dict[str, Sequence[int]]:
    """Two lists of ids like real ones: a third old and small, the rest made of times."""
    noise = Random(7)
    ids: set[int] = set()
    while len(ids) < count:
        old = noise.random() < 0.35
        ids.add(noise.randrange(1, 4 * 10**9) if old else noise.randrange(10**17, 2 * 10**18))
    mixed = list(ids)
    noise.shuffle(mixed)
    return {"following": mixed[: count // 2], "follower": mixed[count // 2 :]}


def _zip(path: Path, lists: dict[str, Sequence[int]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zip_file:
        about = [{"account": {"accountId": str(OWNER), "username": "ada"}}]
        zip_file.writestr("data/account.js", f"window.YTD.account.part0 = {json.dumps(about)}")
        for stem, ids in lists.items():
            link = "https://bird.example/intent/user?user_id="
            items = [{stem: {"accountId": str(n), "userLink": f"{link}{n}"}} for n in ids]
            text = json.dumps(items, indent=2)
            zip_file.writestr(f"data/{stem}.js", f"window.YTD.{stem}.part0 = {text}")
    return path


def _read(path: Path) -> archive.Archive:
    with _site(path.parent / "reading") as (site, _):
        source = site.networks[BIRD].source
        assert source is not None
        assert source.archive is not None
        return service.inspect(source.archive, [path])


def _wire(path: Path) -> bytes:
    return wire.encode(_read(path))


# --- the two ways -----------------------------------------------------------------------------


@contextmanager
def _site(folder: Path) -> Iterator[tuple[Site, UserId]]:
    """A site on a scratch folder, and somebody who proved the account."""
    with opened(folder) as site:
        ada = bird(OWNER, site)
        with site.db.write() as tx:
            known = accounts.account_of_actor(tx, BIRD, ada.id)
            now = site.clock.now()
            user = known.user if known else accounts.create_user(tx, site.vault, "en", now)
            if known is None:
                accounts.add_account(tx, user, ada, Key(OWNER), Proof.PROVED)
        yield site, user


def _bringing(site: Site, user: UserId, form: str, path: Path) -> Callable[[], object]:
    caps = Caps(uploads_a_day=1000)
    body = path.read_bytes()
    if form == "wire":
        return lambda: service.accept_lists(site, user, body, caps=caps)
    kinds: frozenset[Kind] = frozenset()

    def bring() -> object:
        upload = Upload(name="archive.zip", file=io.BytesIO(body))
        return service.accept(site, user, [upload], also=kinds, caps=caps)

    return bring


def _as_rows(path: Path, lists: dict[str, Sequence[int]]) -> None:
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "CREATE TABLE link (kind TEXT, owner INTEGER, other INTEGER, "
            "PRIMARY KEY (kind, owner, other)) WITHOUT ROWID"
        )
        database.execute("CREATE INDEX link_other ON link (other, kind)")
        for kind, ids in lists.items():
            rows = ((kind, OWNER, number) for number in ids)
            database.executemany("INSERT OR IGNORE INTO link VALUES (?, ?, ?)", rows)


# --- memory -----------------------------------------------------------------------------------


def _peak_mb(form: str, path: Path) -> float:
    """Return how much a process grows that does nothing else."""
    command = [sys.executable, "-m", "bench.archives", form, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def _grow(form: str, path: Path) -> None:
    with TemporaryDirectory() as name, _site(Path(name) / "site") as (site, user):
        bring = _bringing(site, user, form, path)
        print(grown_mb(bring))


if __name__ == "__main__":
    _grow(sys.argv[1], Path(sys.argv[2]))
