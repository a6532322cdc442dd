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
from openportability.accounts.costs import report
from openportability.archives import service as archives
from openportability.clock import SystemClock
from openportability.errors import OpenPortabilityError
from openportability.settings import BadSetting, Settings
from openportability.site import Site

program = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)
archive = typer.Typer(no_args_is_help=True, help="Look at archives.")
program.add_typer(archive, name="archive")


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
def costs() -> None:
    """Say what networks billed for signing in, by day."""
    typer.echo(report(house.build(_settings(), SystemClock(), worker=False)))


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
