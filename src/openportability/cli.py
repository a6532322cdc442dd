"""The commands. Exit codes: 0 done, 1 failed (one line on stderr says why and what to do), 2 wrong use."""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import sys
from contextlib import closing
from pathlib import Path
from threading import Event, Thread
from types import FrameType
from typing import Annotated, NoReturn

import typer
import uvicorn

from openportability import app as house
from openportability.accounts.costs import report
from openportability.archives import service as archives
from openportability.clock import SystemClock
from openportability.db import backup as copies
from openportability.db import move
from openportability.db.engine import Database
from openportability.db.trouble import Trouble, trouble
from openportability.domain import UserId
from openportability.errors import Misconfigured, NotFound, OpenPortabilityError
from openportability.operator import audit as record
from openportability.operator import desk as desks
from openportability.operator import doctor as examining
from openportability.operator import service as operating
from openportability.privacy import keys as privacy_keys
from openportability.privacy import service as privacy
from openportability.settings import BadSetting, Settings
from openportability.site import Site
from openportability.vault import Vault
from openportability.web import connection, problems
from openportability.web.listening import listening
from openportability.web.measure import request_number

#: Where the database in use may be named.
_DATABASE_URL = ("OPENPORTABILITY_DATABASE_URL", "OPENPORTABILITY_DATABASE_URL_FILE")
#: What helps where a database or a disk cannot do what a command asks.
_TO_DO = {
    Trouble.AWAY: "The database does not answer: start it, or correct OPENPORTABILITY_DATABASE_URL; a file "
    "must be this user's.",
    Trouble.NO_ROOM: "The disk is full, or this user may not write there: make room, and do it again.",
}

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
def serve(
    *, no_worker: Annotated[bool, typer.Option("--no-worker", help="Serve pages only.")] = False
) -> None:
    """Serve the site: web and worker in one process, unless told otherwise."""
    settings = _settings()
    site = house.build(settings, SystemClock(), worker=not no_worker)
    run(site, worker=not no_worker)


@program.command()
def worker() -> None:
    """Do the work that waits, without serving pages."""
    work(house.build(_settings(), SystemClock(), web=False))


@program.command()
def migrate(
    *, to: Annotated[str, typer.Option(help="URL of an empty database to move everything to.")] = ""
) -> None:
    """Bring the database to the newest revision, or move everything to another database."""
    if to:
        _move(to)
        return
    _site("migrate")
    typer.echo("The database is at the newest revision.")


@program.command()
def doctor() -> None:
    """Look the site over and say what is wrong and what to do. Changes nothing."""
    means = house.doctors_means()
    well = True
    for finding in examining.examine(os.environ, SystemClock(), means):
        typer.echo(str(finding))
        well = well and finding.good
    if not well:
        raise typer.Exit(1)


@program.command()
def backup(
    file: Annotated[Path, typer.Argument(help="Where to save it; not there yet.")],
    *,
    with_key: Annotated[
        bool, typer.Option("--with-key", help="Also write the keyring, to FILE.key.")
    ] = False,
) -> None:
    """Save a SQLite database to a new file, while the site goes on."""
    settings = _settings()
    with closing(Database(settings.database_url, pool_size=1)) as database:
        copies.save(database, file)
        done = "backup --with-key" if with_key else "backup"
        record.note(database, SystemClock(), done, if_possible=True)
    typer.echo(f"Saved to {file}.")
    if with_key:
        key = file.with_name(f"{file.name}.key")
        copies.save_key(key, house.keyring(settings))
        typer.echo(f"The keyring is in {key}: who has both files reads everything.")
    else:
        typer.echo("The keyring is not in it. Keep a copy of that too, in another place.")


@program.command()
def restore(file: Annotated[Path, typer.Argument(help="What `backup` saved.")]) -> None:
    """Put a saved SQLite database back, where there is none."""
    settings = _settings()
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with closing(Database(settings.database_url, pool_size=1)) as database:
        operating.restore(database, Vault(house.keyring(settings)), file, privacy_keys.fits)
        record.note(database, SystemClock(), "restore")
    typer.echo(f"Restored to {database.url.database}.")
    typer.echo("Whoever left after the copy was made is in it again: see the how-to.")


@program.command()
def costs() -> None:
    """Say what networks billed for signing in, by day."""
    typer.echo(report(house.build(_settings(), SystemClock(), worker=False)))


@program.command()
def pause(
    network: str,
    instance: Annotated[str, typer.Argument(help="One server of it; default: all.")] = "",
    *,
    hours: Annotated[float, typer.Option(help="For how long; 0 ends a pause.")] = 24,
) -> None:
    """Follow nobody on a network, or on one server of it, for a while."""
    site = _site(" ".join(filter(None, ["pause", network, instance, f"--hours {hours:g}"])))
    until = operating.pause(site, network, instance, hours)
    if hours:
        typer.echo(f"Paused until {until:%Y-%m-%d %H:%M} UTC; what waits goes on by itself then.")
    else:
        typer.echo("Not paused any more; what waits goes on by itself.")


@program.command()
def desk(
    *, port: Annotated[int, typer.Option(min=1, max=65_535, help="Where to serve it.")] = 8010
) -> None:
    """Serve the operator's page to this machine only: states and counts, pauses, trying again."""
    site = house.build(_settings(), SystemClock(), worker=False)
    made = desks.make(site, port)
    at = listening("127.0.0.1", port, "another --port")
    typer.echo(
        f"Open {made.url} on this machine; from another one, first: ssh -L {port}:127.0.0.1:{port} HOST"
    )
    config = uvicorn.Config(made.app, log_level="warning", access_log=False)
    uvicorn.Server(config).run([at])


@program.command()
def audit() -> None:
    """Say what was done by these commands: when, who, what. Nobody is named whom it was about."""
    for line in record.told(house.build(_settings(), SystemClock(), worker=False).db):
        typer.echo(line)


@program.command()
def demo(
    *,
    auto: Annotated[
        bool, typer.Option("--auto", help="Play the journey and say what happened.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Where to serve.")] = 8000,
) -> None:
    """Serve a simulated world on a scratch database, or play the whole journey in it."""
    from openportability.demo import show  # noqa: PLC0415 - a world that only the demo needs

    # What it tells people must not drown in what a server tells its operator.
    logging.getLogger("openportability").setLevel(logging.WARNING)
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
    *,
    people: Annotated[
        bool, typer.Option("--people", help="Replace each person's own key too.")
    ] = False,
) -> None:
    """Replace the master key; the site may go on running. Killed, it is simply begun again."""
    site = _site("keys rotate --people" if people else "keys rotate")
    done = privacy_keys.rotate(site, people=people)
    typer.echo(f"Sealed again: {done.values} values, {done.people} people. Old keys are gone.")
    typer.echo("Copy the keyring again to where its copy is kept.")


@user.command()
def export(shown_id: str, file: Path) -> None:
    """Write everything about a person to a new zip that only you can read. The id is the one of their API."""
    site = _site("user export")
    with copies.new_file(file) as draft:
        draft.write_bytes(privacy.export(site, _user(site, shown_id)))


@user.command()
def erase(shown_id: str) -> None:
    """Delete everything about a person, as if they had left."""
    site = _site("user erase")
    typer.echo(privacy.leave(site, _user(site, shown_id)))
    typer.echo("Deleted; above is the receipt. Permissions are given back by the worker.", err=True)


def _user(site: Site, shown_id: str) -> UserId:
    try:
        return privacy.user_id(site, shown_id)
    except NotFound:
        raise Misconfigured(
            "Nobody here has this id: ask the person for the `user_id` that GET /api/v1/me tells them."
        ) from None


def work(site: Site) -> None:
    """Do the work that waits until told to stop; slices that are under way are finished."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    _settle()
    site.engine.run(stop)


def run(site: Site, *, worker: bool) -> None:
    """Serve until told to stop; requests and slices that are under way are finished."""
    settings = site.settings
    at = listening(settings.host, settings.port, "another address in OPENPORTABILITY_BIND")
    stop = Event()
    working = Thread(target=site.engine.run, args=(stop,), name="worker")
    if worker:
        working.start()
    app = house.web(site)
    _settle()
    typer.echo(f"Serving {settings.base_url} from {settings.host}:{settings.port}.")

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            # A stream lives for minutes: its page connects again, to whoever serves then.
            app.state.streams.close()
            stop.set()
            super().handle_exit(sig, frame)

    server = Server(connection.config(app, timeout_graceful_shutdown=10))
    for number in (signal.SIGTERM, signal.SIGINT):
        # When it has stopped, the server raises the signal once more: that must not end us before the work has.
        signal.signal(number, server.handle_exit)
    try:
        server.run([at])
    finally:
        stop.set()
        if worker:
            working.join()


def _settle() -> None:
    """Keep what the program itself is made of out of every search for garbage: it halts all threads."""
    gc.collect()
    gc.freeze()


class Events(logging.Formatter):
    """A line is an event's name, then its fields; the number of the request that it belongs to is one."""

    _PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

    def format(self, record: logging.LogRecord) -> str:
        fields = {name: value for name, value in vars(record).items() if name not in self._PLAIN}
        if number := request_number():
            fields["request"] = number
        said = " ".join(f"{name}={_one_word(value)}" for name, value in fields.items())
        return f"{super().format(record)} {said}".rstrip()


def _one_word(value: object) -> str:
    text = str(value)
    plain = text and not any(sign.isspace() or sign in '="' for sign in text)
    return text if plain else json.dumps(text, ensure_ascii=False)


def main() -> NoReturn:
    """Run a command; an error that can be explained is one line."""
    handler = logging.StreamHandler()
    handler.setFormatter(Events("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        program()
    except (BadSetting, Misconfigured) as error:
        typer.echo(f"openportability: {error}", err=True)
        sys.exit(1)
    except OpenPortabilityError as error:
        happened, next_step = problems.words_of(error, {})
        typer.echo(f"openportability: {happened}. {next_step} ({error.code})", err=True)
        sys.exit(1)
    except Exception as error:
        passing = trouble(error)
        if passing is None:
            raise
        typer.echo(f"openportability: {_TO_DO[passing]}", err=True)
        sys.exit(1)
    sys.exit(0)


def _settings() -> Settings:
    return Settings.read(os.environ)


def _site(doing: str) -> Site:
    """Join the parts for a command that changes or takes something, and record it before it does."""
    site = house.build(_settings(), SystemClock(), worker=False)
    record.note(site.db, site.clock, doing)
    return site


def _move(to: str) -> None:
    settings = _settings()
    named = {name: value for name, value in os.environ.items() if name not in _DATABASE_URL}
    elsewhere = Settings.read({**named, _DATABASE_URL[0]: to}).database_url
    if elsewhere == settings.database_url:
        raise Misconfigured("This is the database in use: name another one after --to.")
    with (
        closing(Database(settings.database_url, pool_size=1)) as old,
        closing(Database(elsewhere, pool_size=1)) as new,
    ):
        record.note(old, SystemClock(), "migrate --to", if_possible=True)
        for table, found in move.move(old, new).items():
            typer.echo(f"{table:16}{found.rows:10,} rows  {found.digest[:16]}")
    typer.echo(
        "All is there, and was compared. Set OPENPORTABILITY_DATABASE_URL to the new database and "
        "start the site; the old one is as it was."
    )
