"""Bringing 300,000 links: as a zip with all else that is in one, as the form that a browser sends, and on disk.

The zip: from the received file until the lists are stored and everybody in them who is here was found. The form of a
browser: what it costs the server that answers; a worker then matches it as any other.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from bench import copied, upload
from bench.figures import Figure, seconds
from bench.memory import grown_mb
from bench.sites import BIRD, bird, opened
from openportability.accounts import store as accounts
from openportability.archives import archive, service, wire
from openportability.archives.gather import Upload
from openportability.archives.rules import Caps
from openportability.db.engine import Tx
from openportability.domain import Found, Key, Kind, Proof, UserId
from openportability.graph.codec import Keys
from openportability.matching import sweep
from openportability.site import Site

LINKS = 300_000
OTHER_BYTES = 1 << 30
#: Of an archive that is uploaded for the upload alone.
FEW_LINKS = 300
_MEDIA_BYTES = 1 << 20
OWNER = 77
#: Members, and how many of them are in the lists.
MEMBERS, KNOWN = 1_000, 300
ZIP_GOAL_SECONDS = 1.2
WIRE_GOAL_SECONDS = 0.15
GOAL_MB = 120
GOAL_BYTES_PER_LINK = 7
#: Against rows.
TIMES_FASTER, TIMES_SMALLER = 15, 5


def measure(scale: float) -> Iterator[Figure]:
    """Yield the figures."""
    count, others = int(LINKS * scale), int(OTHER_BYTES * scale)
    with TemporaryDirectory(prefix="openportability-bench-") as name:
        folder = Path(name)
        lists = _lists(count)
        forms = {"zip": _zip(folder / "archive.zip", lists, others), "wire": folder / "lists.opa"}
        found = _read(forms["zip"])
        forms["wire"].write_bytes(wire.encode(found))
        goals = {"zip": ZIP_GOAL_SECONDS, "wire": WIRE_GOAL_SECONDS}
        with _site(folder / "site", lists["following"][:KNOWN]) as (site, user):

            def match() -> None:
                sweep.match_lists(site, user)

            for form, path in forms.items():
                taken = seconds(_bringing(site, user, form, path))
                if form == "zip":
                    # A request ends when lists are stored; a worker goes on at once.
                    taken = round(taken + seconds(match), 3)
                yield _figure(f"{form}-300k", "seconds", taken, goal=goals[form])
            yield _figure("matched-300k", "seconds", seconds(match))
            pictures = _zip(folder / "pictures.zip", _lists(FEW_LINKS), others)
            sent = upload.sending(site, user, pictures)
        # Where many send, the disk is to be what they wait for.
        lasting = upload.writing_on(pictures, folder)
        case = "upload-1gb, disk in a row"
        yield _figure(case, "seconds", sent.seconds, lasting.seconds, ratio_goal=1)
        for beside, bare in (
            ("disk", upload.writing(pictures, folder / "copy")),
            ("socket", upload.receiving(pictures, folder / "copy")),
        ):
            case = f"upload-1gb, {beside}"
            yield _figure(case, "seconds", sent.seconds, bare.seconds)
            yield _figure(case, "cpu_seconds", sent.cpu_seconds, bare.cpu_seconds)
        for form, path in forms.items():
            yield _figure(f"{form}-300k", "peak_mb", _peak_mb(form, path), goal=GOAL_MB)
        yield from _against_rows(found.lists, count)


def _against_rows(lists: Mapping[Kind, Keys], count: int) -> Iterator[Figure]:
    both = copied.compare(lists)
    yield Figure(
        bench="import",
        case="rows-300k",
        database="postgresql",
        metric="seconds",
        ours=both.ours_seconds,
        baseline=both.rows_seconds,
        ratio_goal=TIMES_FASTER,
    )
    yield Figure(
        bench="import",
        case="disk",
        database="postgresql",
        metric="bytes_per_link",
        ours=round(both.ours_bytes / count, 2),
        baseline=round(both.rows_bytes / count, 1),
        goal=GOAL_BYTES_PER_LINK,
        ratio_goal=TIMES_SMALLER,
    )


def _figure(
    case: str,
    metric: str,
    ours: float,
    baseline: float | None = None,
    *,
    goal: float | None = None,
    ratio_goal: float | None = None,
) -> Figure:
    return Figure(
        bench="import",
        case=case,
        database="sqlite",
        metric=metric,
        ours=ours,
        baseline=baseline,
        goal=goal,
        ratio_goal=ratio_goal,
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
    return {"following": mixed[: count // 3], "follower": mixed[count // 3 :]}


def _zip(path: Path, lists: dict[str, Sequence[int]], other_bytes: int) -> Path:
    media = Random(8).randbytes(_MEDIA_BYTES)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zip_file:
        about = [{"account": {"accountId": str(OWNER), "username": "ada"}}]
        zip_file.writestr("data/account.js", f"window.YTD.account.part0 = {json.dumps(about)}")
        for stem, ids in lists.items():
            link = "https://bird.example/intent/user?user_id="
            items = [{stem: {"accountId": str(n), "userLink": f"{link}{n}"}} for n in ids]
            text = json.dumps(items, indent=2)
            zip_file.writestr(f"data/{stem}.js", f"window.YTD.{stem}.part0 = {text}")
        for number in range(other_bytes // _MEDIA_BYTES):
            # Pictures and films are stored as they are.
            place = f"data/tweets_media/{number}.mp4"
            zip_file.writestr(place, media, zipfile.ZIP_STORED)
    return path


def _read(path: Path) -> archive.Archive:
    with _site(path.parent / "reading", ()) as (site, _):
        source = site.networks[BIRD].source
        assert source is not None
        assert source.archive is not None
        return service.inspect(source.archive, [path])


# --- bringing it ----------------------------------------------------------------------------


@contextmanager
def _site(folder: Path, known: Sequence[int]) -> Iterator[tuple[Site, UserId]]:
    """A site on a scratch folder with members, some of them known, and who proved the account."""
    with opened(folder) as site:
        with site.db.write() as tx:
            held = accounts.account_of_actor(tx, BIRD, bird(OWNER, site).id)
            user = held.user if held else _join(tx, site, OWNER, Proof.PROVED)
            strangers = range(10**10, 10**10 + MEMBERS - len(known)) if known else ()
            for number in () if held else (*known, *strangers):
                accounts.choose(tx, _join(tx, site, number, Proof.PROVED), found=Found.ANYONE)
        yield site, user


def _join(tx: Tx, site: Site, number: int, proof: Proof) -> UserId:
    user = accounts.create_user(tx, site.vault, "en", site.clock.now())
    accounts.add_account(tx, user, bird(number, site), Key(number), proof)
    return user


def _bringing(site: Site, user: UserId, form: str, path: Path) -> Callable[[], object]:
    caps = Caps(uploads_a_day=1000)
    kinds: frozenset[Kind] = frozenset()

    def bring() -> None:
        if form == "wire":
            with path.open("rb") as body:
                service.accept_lists(site, user, body, caps=caps)
        else:
            with path.open("rb") as file:
                chosen = Upload(name="archive.zip", file=file)
                service.accept(site, user, [chosen], also=kinds, caps=caps)

    return bring


# --- memory -----------------------------------------------------------------------------------


def _peak_mb(form: str, path: Path) -> float:
    """Return how much a process grows that does nothing else."""
    command = [sys.executable, "-m", "bench.archives", form, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def _grow(form: str, path: Path) -> None:
    with TemporaryDirectory() as name, _site(Path(name) / "site", ()) as (site, user):
        bring = _bringing(site, user, form, path)
        print(grown_mb(bring)[1])


if __name__ == "__main__":
    _grow(sys.argv[1], Path(sys.argv[2]))
