"""The stage: three simulated networks on a scratch database, and some hundred members who came before."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from openportability import app
from openportability.accounts import service as accounts
from openportability.archives import archive as reading
from openportability.archives import service as archives
from openportability.archives.gather import Upload
from openportability.archives.rules import Caps
from openportability.clock import Clock
from openportability.consent import service as consent
from openportability.consent.rules import Choice
from openportability.domain import Found, Kind, NetworkName, Purpose, Standing, UserId
from openportability.network import Asked, Served
from openportability.settings import Settings
from openportability.site import Site

#: The old network, and the two where people live now.
SOURCE = NetworkName("bird")
DESTINATIONS = (NetworkName("herd"), NetworkName("sky"))
NEWCOMER = "newcomer"
PEOPLE = 2000
#: One in so many people came before the newcomer.
ONE_IN = 5
#: A day's limit passes in a minute and a half: the demo shows the waiting, and its end.
SPEED = 1000


@dataclass(frozen=True, kw_only=True)
class Resident:
    """Somebody of the simulated world, on one network."""

    network: NetworkName
    id: str
    handle: str
    instance: str
    #: The same number on all networks; None for an account somebody moved away from.
    person: int | None
    locked: bool
    gone: bool
    moved_to: str | None


@contextmanager
def stage(port: int, clock: Clock, database_url: str | None = None) -> Iterator[Site]:
    """Build a site on a scratch directory that is removed at the end."""
    with TemporaryDirectory(prefix="openportability-demo-") as folder:
        site = app.build(_settings(port, Path(folder), database_url), clock)
        try:
            yield site
        finally:
            site.engine.close()
            site.db.close()


def residents(site: Site, network: NetworkName) -> list[Resident]:
    """Return everyone who lives on a network."""
    told = json.loads(_ask(site, network, "people", limit=str(10 * PEOPLE)).body)
    return [
        Resident(
            network=network,
            id=one["id"],
            handle=one["handle"],
            instance=one["instance"],
            person=one["person"],
            locked=one["locked"],
            gone=one["gone"],
            moved_to=one["moved_to"],
        )
        for one in told["people"]
    ]


def follows(site: Site, resident: Resident) -> list[str]:
    """Ask a simulated network whom somebody follows: one entry a follow."""
    told = json.loads(_ask(site, resident.network, "follows", person=resident.id).body)
    return list(told["actors"])


def archive(site: Site, resident: Resident) -> bytes:
    """Return the archive that somebody would receive from the old network."""
    return _ask(site, resident.network, "archive", person=resident.id).body


def following(site: Site, resident: Resident) -> frozenset[str]:
    """Return whom somebody followed on the old network, read from their archive."""
    form = site.networks[resident.network].source
    assert form is not None
    assert form.archive is not None
    upload = Upload(name="archive.zip", file=io.BytesIO(archive(site, resident)))
    read = reading.read(form.archive, [upload], also=frozenset(), caps=Caps())
    return frozenset(str(key) for key in read.lists[Kind.FOLLOWING].tolist())


def at_home(site: Site) -> dict[int, dict[NetworkName, Resident]]:
    """Return where each person of the world lives: their present account on each network."""
    homes: dict[int, dict[NetworkName, Resident]] = {}
    for network in (SOURCE, *DESTINATIONS):
        for one in residents(site, network):
            if one.person is not None and one.moved_to is None and not one.gone:
                homes.setdefault(one.person, {})[network] = one
    return homes


def join(site: Site, home: dict[NetworkName, Resident], luck: Random) -> UserId:
    """Let a person sign in everywhere, choose, and bring their archive, as a browser would."""
    user: UserId | None = None
    for resident in home.values():
        user = _sign_in(site, resident, user)
    assert user is not None, "everybody lives somewhere"
    found = luck.choices([Found.ANYONE, Found.CONFIRMED, Found.NOBODY], [85, 10, 5])[0]
    standing = luck.choices(list(Standing), [40, 20, 40])[0]
    with site.db.write() as tx:
        for choice, value in ((Choice.FOUND, found), (Choice.STANDING, standing)):
            consent.choose(tx, site, user, choice, value, locale="en", how="page")
    if SOURCE in home:
        upload = Upload(name="archive.zip", file=io.BytesIO(archive(site, home[SOURCE])))
        archives.accept(site, user, [upload], also=frozenset())
    return user


def populate(site: Site) -> int:
    """Let those who came before the newcomer join, and their lists be matched; return how many."""
    luck = Random(1)  # the same world each time
    homes = [home for person, home in sorted(at_home(site).items()) if not person % ONE_IN]
    came = [home for home in homes if home[SOURCE].handle != NEWCOMER]
    for home in came:
        join(site, home, luck)
    site.engine.turn()
    return len(came)


def _sign_in(site: Site, resident: Resident, user: UserId | None) -> UserId:
    url = accounts.begin(
        site,
        resident.network,
        typed=resident.handle,
        purpose=Purpose.IDENTIFY,
        browser=resident.handle,
        user=user,
        expected=None,
        next_path="/",
        language="en",
    )
    query = dict(parse_qsl(urlsplit(url).query))
    form = {"who": resident.id, "answer": "allow"}
    back = _ask(site, resident.network, "authorize", form=form, **query).location
    assert back is not None, "a simulated network asks nothing more"
    answer = dict(parse_qsl(urlsplit(back).query))
    finished = accounts.finish(
        site, resident.network, answer, browser=resident.handle, user=user, locale="en"
    )
    return finished.user


def _ask(
    site: Site,
    network: NetworkName,
    page: str,
    *,
    form: dict[str, str] | None = None,
    **query: str,
) -> Served:
    """Ask one of a network's own pages, as its documents answer them."""
    documents = {one.path.rpartition("/")[2]: one for one in site.networks[network].documents}
    method = "GET" if form is None else "POST"
    return documents[page].serve(Asked(method=method, query=query, form=form or {}))


def _settings(port: int, folder: Path, database_url: str | None) -> Settings:
    options = {"PEOPLE": PEOPLE, "SPEED": SPEED}
    roles = {SOURCE: "source", DESTINATIONS[0]: "instances", DESTINATIONS[1]: "repository"}
    environ: dict[str, Any] = {
        "BASE_URL": f"http://127.0.0.1:{port}",
        "DATA_DIR": folder,
        "ALLOW_LOOPBACK": "yes",
        "NETWORKS": "bird:fake,herd:fake,sky:fake",
        "WORKER_THREADS": 8,
    }
    if database_url is not None:
        environ["DATABASE_URL"] = database_url
    for name, role in roles.items():
        own = {"ROLE": role, **options}
        environ |= {f"{name}_{option}".upper(): value for option, value in own.items()}
    return Settings.read({f"OPENPORTABILITY_{name}": str(value) for name, value in environ.items()})
