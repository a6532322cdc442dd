"""The processes of a soak: a simulated world, workers and pages, on one clock that runs fast.

    python -m bench.soak.processes world|pages

Time is the same in all of them: it runs `RATE` times as fast as the machine's since `ORIGIN`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Event

import uvicorn

from openportability import app
from openportability.clock import EPOCH, MovedClock
from openportability.networks.fake.world import World
from openportability.networks.fake.world_server import WorldServer
from openportability.settings import Settings
from openportability.web import connection

ROOT = Path(__file__).resolve().parents[2]
#: From which workers are forked.
_READY = get_context("forkserver")
_READY.set_forkserver_preload([__name__])
ORIGIN, RATE, PEOPLE = "SOAK_ORIGIN", "SOAK_RATE", "SOAK_PEOPLE"


class FastClock(MovedClock):
    """Time that runs fast, the same in every process that is told the same origin."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__()
        self._origin = float(environ[ORIGIN])
        self._rate = float(environ[RATE])

    def now(self) -> datetime:
        passed = (time.time() - self._origin) * self._rate
        return datetime.fromtimestamp(self._origin, UTC) + timedelta(seconds=passed)

    def passed(self) -> timedelta:
        return self.now() - EPOCH


class Worker:
    """A worker that can be killed at any moment and started again.

    It is the child of a process that has imported all it needs: to begin anew takes no second,
    while a fresh one imports for as long as it then lives.
    """

    def __init__(self, environ: Mapping[str, str], log: Path) -> None:
        self._environ = dict(environ)
        self._log = log
        self._start()

    def wait_until_it_works(self) -> None:
        """Return once it has begun: on a busy machine it would be killed for ever before it does anything."""
        self._begun.recv()

    def kill_and_start(self) -> None:
        """End it at once, wherever it is, and begin anew.

        No power cut: what it had given to the operating system is written all the same.
        """
        self.kill()
        self._start()

    def kill(self) -> None:
        self._process.kill()
        self._process.join()
        self._begun.close()

    def _start(self) -> None:
        self._begun, says = _READY.Pipe(duplex=False)
        self._process = _READY.Process(target=_work, args=(self._environ, self._log, says))
        self._process.start()
        says.close()


@contextmanager
def serving(role: str, environ: Mapping[str, str], log: Path) -> Iterator[str]:
    """Serve a world, or our pages, as a process of its own; yield its address."""
    process = _start(role, environ, log)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().decode().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _start(role: str, environ: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    with log.open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "bench.soak.processes", role],
            env={**os.environ, **environ, "PYTHONPATH": paths},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
        )


def _serve_world() -> None:
    clock = FastClock(os.environ)
    with WorldServer(World(seed="1", people=int(os.environ[PEOPLE]), clock=clock), clock) as server:
        print(server.url, flush=True)
        server.serve_forever()


def _serve_pages() -> None:
    site = app.build(Settings.read(os.environ), FastClock(os.environ), worker=False)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        uvicorn.Server(connection.config(app.web(site))).run([listening])


def _work(environ: dict[str, str], log: Path, begun: Connection) -> None:
    with log.open("ab") as said:
        os.dup2(said.fileno(), sys.stdout.fileno())
        os.dup2(said.fileno(), sys.stderr.fileno())
    site = app.build(Settings.read(environ), FastClock(environ), web=False)
    begun.send(True)
    site.engine.run(Event())


if __name__ == "__main__":
    {"world": _serve_world, "pages": _serve_pages}[sys.argv[1]]()
