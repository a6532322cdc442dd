"""Looks a site over from outside and inside: what is wrong, and what to do. It leaves nothing changed."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from openportability import files
from openportability.clock import Clock
from openportability.db import migrate
from openportability.db.engine import Database
from openportability.domain import NetworkName
from openportability.errors import OpenPortabilityError
from openportability.mail import smtp
from openportability.operator import around, health
from openportability.operator.finding import Finding, fault, good
from openportability.outbound import Door
from openportability.settings import BadSetting, Settings
from openportability.site import Site
from openportability.vault import Vault

_GIB = 1024**3


@dataclass(frozen=True, kw_only=True)
class Means:
    """How the parts of a site are made, as `app` knows; none of it makes what is not there."""

    read: Callable[[Mapping[str, str]], Settings]
    #: Raises `OpenPortabilityError` or `BadSetting` where there is no usable keyring.
    keys: Callable[[Settings], Vault]
    door: Callable[[Settings, Clock], Door]
    join: Callable[[Settings, Clock, Vault, Database, Door], Site]
    #: Servers that each network of the settings is asked at, as whole addresses.
    addresses: Callable[[Settings], Mapping[NetworkName, str]]


def examine(
    environ: Mapping[str, str], clock: Clock, means: Means, *, least_free_bytes: int = _GIB
) -> Iterator[Finding]:
    """Yield what was found, part by part; what stands on a broken part is not looked at."""
    try:
        settings = means.read(environ)
    except BadSetting as error:
        yield fault("settings", str(error), "correct it and look again")
        return
    yield good("settings", f"for {settings.base_url}")
    yield from _disk(settings.data_dir, least_free_bytes)
    yield from _mail(settings)
    yield from _files(settings)
    vault = None
    try:
        vault = means.keys(settings)
        yield good("keys", "the keyring can be read")
    except (BadSetting, OpenPortabilityError) as error:
        yield fault("keys", str(error), "put the keyring in place, or start once to have one made")
    door = means.door(settings, clock)
    try:
        if vault is not None:
            yield from _inside(settings, clock, means, vault, door)
        yield from around.networks(door, means.addresses(settings), clock)
    except OpenPortabilityError as error:
        yield fault("networks", str(error), "correct OPENPORTABILITY_NETWORKS or its settings")
    finally:
        door.close()


def _disk(folder: Path, least_free_bytes: int) -> Iterator[Finding]:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        yield fault("disk", f"{there} cannot be written", "correct OPENPORTABILITY_DATA_DIR")
        return
    free = shutil.disk_usage(there).free
    if free < least_free_bytes:
        told = f"{free / _GIB:.1f} GiB are free at {there}"
        yield fault("disk", told, "make room: a full disk stops every change")
    else:
        yield good("disk", f"{free / _GIB:.1f} GiB are free")


def _mail(settings: Settings) -> Iterator[Finding]:
    """Greet the mail server and log in, if there is one; nothing is sent."""
    if not settings.smtp_url:
        return
    if error := smtp.trouble(settings):
        todo = "start it, or correct OPENPORTABILITY_SMTP_URL"
        yield fault("mail server", f"it does not take mail ({error})", todo)
    else:
        yield good("mail server", "takes mail")


def _files(settings: Settings) -> Iterator[Finding]:
    """Write, read and remove a small file where the site keeps what is derived, if it is told where."""
    if not settings.files_url:
        return
    place, name, told = files.place(settings), f"doctor-{secrets.token_hex(8)}", b"is it well?"
    try:
        with place.new(name) as file:
            file.write(told)
        with place.open(name) as file:
            same = file.read() == told
        place.remove(name)
    except FileNotFoundError:
        todo = "make it, or correct OPENPORTABILITY_FILES_URL"
        yield fault("files", f"there is no {settings.files_url}", todo)
    except PermissionError:
        told_of = f"{settings.files_url} does not let us read, write and remove"
        yield fault("files", told_of, "give this site the right to, or correct its keys")
    except OSError as error:
        todo = "let this machine reach it, or correct OPENPORTABILITY_FILES_URL and _ENDPOINT"
        yield fault("files", f"{settings.files_url} does not answer ({error})", todo)
    else:
        if same:
            yield good("files", "can be written and read")
        else:
            told_of = f"{settings.files_url} does not give back what is written there"
            yield fault("files", told_of, "use another place")


def _inside(
    settings: Settings, clock: Clock, means: Means, vault: Vault, door: Door
) -> Iterator[Finding]:
    if (missing := _file_that_is_not_there(settings)) is not None:
        yield fault("database", f"there is no {missing}", "run openportability migrate")
        return
    database = Database(settings.database_url, pool_size=2)
    try:
        site = means.join(settings, clock, vault, database, door)
        parts = health.parts(site)
        for part, said in parts.items():
            yield good(part, said) if said == health.OK else _sick(part, said)
        revision = migrate.current(database) if parts.get("migrations") == health.OK else None
        if revision not in {None, migrate.newest()}:
            told = f"a newer program brought it to {revision}"
            todo = "install that version; the one before it goes on meanwhile"
            yield fault("migrations", told, todo)
        yield from around.public(door, site)
        site.engine.close()
    finally:
        database.close()


def _file_that_is_not_there(settings: Settings) -> Path | None:
    """Return the SQLite file, if there is none: looking at it would make it."""
    scheme, _, name = settings.database_url.partition(":///")
    file = Path(name.partition("?")[0])
    return file if scheme == "sqlite" and not file.exists() else None


def _sick(part: str, said: str) -> Finding:
    told, _, todo = said.partition(": ")
    if part == "database":
        todo = "start it, or correct OPENPORTABILITY_DATABASE_URL"
    return fault(part, told, todo)
