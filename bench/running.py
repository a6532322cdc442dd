"""A site as operators run it, in processes of its own: one with SQLite; two for pages and a worker with PostgreSQL."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from openportability.networks.fake.residents import Role

ROOT = Path(__file__).resolve().parents[1]
ROLES = {"bird": Role.SOURCE, "sky": Role.REPOSITORY}
#: Not all people of the simulated world live on both networks.
_WORLD_PEOPLE = 1_500
_PATIENCE_SECONDS = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Running:
    """A site that runs: where it answers, and what it takes."""

    base_url: str
    world_url: str
    #: People are spread over these, as a balancing proxy would.
    ports: Sequence[int]
    processes: Sequence[subprocess.Popen[bytes]]

    def cpu_seconds(self) -> float:
        """Return the processor time that all processes took so far."""
        return sum(_cpu_seconds(process.pid) for process in self.processes)

    def peak_mb(self) -> float:
        """Return the most memory that one of the processes took."""
        return max(_peak_mb(process.pid) for process in self.processes)


@contextmanager
def running(folder: Path, database_url: str | None) -> Iterator[Running]:
    """Start a site and its simulated networks."""
    ports = [_free_port() for _ in range(2 if database_url else 1)]
    with ExitStack() as stack:
        world = stack.enter_context(_process(_world(), {}, folder / "world.log", listen=True))
        assert world.stdout is not None
        world_url = world.stdout.readline().decode().strip()
        base_url = f"http://127.0.0.1:{ports[0]}"
        environ = _environ(folder, base_url, world_url, database_url)
        commands = [_ours("serve", *(["--no-worker"] if database_url else [])) for _ in ports]
        commands += [_ours("worker")] if database_url else []
        processes = []
        for number, command in enumerate(commands):
            bind = {"OPENPORTABILITY_BIND": f"127.0.0.1:{ports[number % len(ports)]}"}
            log = folder / f"process{number}.log"
            processes.append(stack.enter_context(_process(command, environ | bind, log)))
            if number < len(ports):
                _await_ready(ports[number])
        yield Running(base_url=base_url, world_url=world_url, ports=ports, processes=processes)


def _world() -> list[str]:
    module = "openportability.networks.fake.world_server"
    return [sys.executable, "-m", module, "--people", str(_WORLD_PEOPLE)]


def _ours(*words: str) -> list[str]:
    return [sys.executable, "-m", "openportability", *words]


def _environ(
    folder: Path, base_url: str, world_url: str, database_url: str | None
) -> dict[str, str]:
    given: dict[str, object] = {
        "BASE_URL": base_url,
        "DATA_DIR": folder,
        "ALLOW_LOOPBACK": "yes",
        "NETWORKS": ",".join(f"{name}:fake" for name in ROLES),
        **({"DATABASE_URL": database_url} if database_url else {}),
    }
    for name, role in ROLES.items():
        given |= {f"{name}_ROLE".upper(): role, f"{name}_WORLD_URL".upper(): world_url}
    return {f"OPENPORTABILITY_{name}": str(value) for name, value in given.items()}


@contextmanager
def _process(
    command: list[str], environ: dict[str, str], log: Path, *, listen: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as said:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environ, "PYTHONPATH": str(ROOT / "src")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if listen else said,
            stderr=said,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _await_ready(port: int) -> None:
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < give_up:
        with suppress(OSError):
            connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.05)
    raise TimeoutError("the site does not answer")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def _cpu_seconds(pid: int) -> float:
    # https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: fields 14 and 15, in ticks
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
