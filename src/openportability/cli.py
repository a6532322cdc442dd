"""The commands. Exit codes: 0 done, 1 failed (one line on stderr says why and what to do), 2 wrong use."""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path
from threading import Event, Thread
from typing import Annotated, NoReturn

import typer

from openportability import app as house
from openportability.archives import service as archives
from openportability.clock import SystemClock
from openportability.errors import OpenPortabilityError
from openportability.privacy import keys as privacy_keys
from openportability.privacy import service as privacy
from openportability.settings import BadSetting, Settings
from openportability.site import Site

program = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)
archive = typer.Typer(no_args_is_help=True, help="Look at archives.")
program.add_typer(archive, name="archive")
user = typer.Typer(no_args_is_help=True, help="Answer what a person asks of who runs this site.")
program.add_typer(user, name="user")
keys = typer.Typer(no_args_is_help=True, help="Look after the keyring.")
program.add_typer(keys, name="keys")


@keys.callback()
def of_keys() -> None:
    """Look after the keyring."""


@program.command()
def serve(*, no_worker: Annotated[bool, typer.Option(help="Serve pages only.")] = False) -> None:
    """Serve the site: web and worker in one process, unless told otherwise."""
    settings = _settings()
    site = house.build(settings, SystemClock(), worker=not no_worker)
    run(site, worker=not no_worker)


@program.command()
def worker() -> None:
    """Do the work that waits, without serving pages."""
    site = house.build(_settings(), SystemClock(), web=False)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    site.engine.run(stop)


@program.command()
def migrate() -> None:
    """Bring the database to the newest revision."""
    house.build(_settings(), SystemClock(), worker=False)
    typer.echo("The database is at the newest revision.")


@program.command()
def demo(
    *,
    auto: Annotated[bool, typer.Option(help="Play the journey and say what happened.")] = False,
    port: Annotated[int, typer.Option(help="Where to serve.")] = 8000,
) -> None:
    """Serve a simulated world on a scratch database, or play the whole journey in it."""
    from openportability.demo import show  # noqa: PLC0415 - a world that only the demo needs

    raise typer.Exit(show.play(0) if auto else show.serve(port))


@archive.command()
def inspect(
    files: list[Path],
    *,
    network: Annotated[str, typer.Option(help="Whose archive it is.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say what is in an archive: lists, counts, owner, date. Nothing is stored."""
    site = house.build(_settings(), SystemClock(), worker=False)
    typer.echo(archives.inspection(site, network or None, files, as_json=as_json))


@keys.command()
def rotate(
    *, people: Annotated[bool, typer.Option(help="Replace each person's own key too.")] = False
) -> None:
    """Replace the master key; the site may go on running. Killed, it is simply begun again."""
    site = house.build(_settings(), SystemClock(), worker=False)
    done = privacy_keys.rotate(site, people=people)
    typer.echo(f"Sealed again: {done.values} values, {done.people} people. Old keys are gone.")
    typer.echo("Copy the keyring again to where its copy is kept.")


@user.command()
def export(shown_id: str, file: Path) -> None:
    """Write everything about a person to a new file, as a zip. The id is the one of their API."""
    site = house.build(_settings(), SystemClock(), worker=False)
    with file.open("xb") as made:
        made.write(privacy.export(site, privacy.user_id(site, shown_id)))


@user.command()
def erase(shown_id: str) -> None:
    """Delete everything about a person, as if they had left."""
    site = house.build(_settings(), SystemClock(), worker=False)
    typer.echo(privacy.leave(site, privacy.user_id(site, shown_id)))
    typer.echo("Deleted; above is the receipt. Permissions are given back by the worker.", err=True)


def run(site: Site, *, worker: bool) -> None:
    """Serve until told to stop; requests and slices that are under way are finished."""
    import uvicorn  # noqa: PLC0415 - heavy, and only needed here

    settings = site.settings
    stop = Event()
    work = Thread(target=site.engine.run, args=(stop,), name="worker")
    if worker:
        work.start()
    app = house.web(site)
    try:
        uvicorn.run(
            app,
            host=settings.host,
            port=settings.port,
            log_level="warning",
            timeout_graceful_shutdown=10,
            server_header=False,
            proxy_headers=False,
        )
    finally:
        stop.set()
        if worker:
            work.join()


class Events(logging.Formatter):
    """A line is an event's name, then its fields."""

    _PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

    def format(self, record: logging.LogRecord) -> str:
        fields = {name: value for name, value in vars(record).items() if name not in self._PLAIN}
        said = " ".join(f"{name}={value}" for name, value in fields.items())
        return f"{super().format(record)} {said}".rstrip()


def main() -> NoReturn:
    """Run a command; an error that can be explained is one line."""
    handler = logging.StreamHandler()
    handler.setFormatter(Events("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        program()
    except (BadSetting, OpenPortabilityError) as error:
        typer.echo(f"openportability: {error}", err=True)
        sys.exit(1)
    sys.exit(0)


def _settings() -> Settings:
    return Settings.read(os.environ)
