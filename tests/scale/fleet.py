"""Web processes and workers of one site, each to be stopped, killed and started again.

They are forked from a process that has loaded the program already, for loading it takes longer than all
that the tests ask of them. Time runs fast in them, so that the lease of who was killed lapses in seconds.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from bench.soak.processes import FastClock
from openportability import app, cli
from openportability.settings import Settings
from tests.scale.balancer import Balancer

_FORK = multiprocessing.get_context("forkserver")
_PATIENCE_SECONDS = 60.0


@dataclass(kw_only=True)
class Member:
    """One process of the fleet, whichever runs as it now."""

    environ: Mapping[str, str]
    log: Path
    #: Where it answers; None for a worker.
    port: int | None = None
    _process: ForkServerProcess | None = field(default=None)
    _begun: Connection | None = field(default=None)

    def start(self) -> None:
        """Start it."""
        self._begun, says = _FORK.Pipe(duplex=False)
        self._process = _FORK.Process(target=_run, args=(self.environ, self.log, self.port, says))
        self._process.start()
        says.close()

    def await_ready(self) -> None:
        """Wait until it works, or answers if it is a web process."""
        assert self._process is not None
        assert self._begun is not None
        with self._begun:
            assert self._begun.poll(_PATIENCE_SECONDS), "a process does not begin"
        assert self._process.is_alive(), self.log.read_text(encoding="utf-8")
        give_up = time.monotonic() + _PATIENCE_SECONDS
        while self.port is not None and not _answers(self.port):
            assert self._process.is_alive(), self.log.read_text(encoding="utf-8")
            assert time.monotonic() < give_up, "a web process does not answer"
            time.sleep(0.02)

    def stop(self) -> int:
        """Ask it to end; return its exit code."""
        return self._end(kill=False)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(kill=True)

    def _end(self, *, kill: bool) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        (process.kill if kill else process.terminate)()
        process.join(_PATIENCE_SECONDS)
        code = process.exitcode
        assert code is not None, "it does not end"
        process.close()
        return code


@contextmanager
def fleet(
    environ: Mapping[str, str], folder: Path, balancer: Balancer, *, webs: int, workers: int
) -> Iterator[tuple[list[Member], list[Member]]]:
    """Start so many of each; yield the web processes, which the balancer knows, and the workers."""
    _FORK.set_forkserver_preload([__name__, "uvicorn"])
    answering = [
        Member(environ=environ, log=folder / f"web{number}.log", port=_free_port())
        for number in range(webs)
    ]
    working = [
        Member(environ=environ, log=folder / f"worker{number}.log") for number in range(workers)
    ]
    try:
        for one in (*answering, *working):
            one.start()
        for one in (*answering, *working):
            one.await_ready()
            if one.port is not None:
                balancer.send_to(one.port)
        yield answering, working
    finally:
        for one in (*answering, *working):
            one.kill()


def _run(environ: Mapping[str, str], log: Path, port: int | None, begun: Connection) -> None:
    with log.open("ab") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    os.environ.update(environ)
    if port is None:
        site = app.build(Settings.read(environ), FastClock(environ), web=False)
        begun.send(True)
        cli.work(site)
        return
    settings = Settings.read({**environ, "OPENPORTABILITY_BIND": f"127.0.0.1:{port}"})
    site = app.build(settings, FastClock(environ), worker=False)
    begun.send(True)
    cli.run(site, worker=False)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
    with suppress(OSError):
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    connection.close()
    return False
