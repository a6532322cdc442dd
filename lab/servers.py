"""Start and stop real servers as context managers, on free ports of loopback.

Each ends exactly the processes it started, by their ids. A start costs 2 s (PLC + PDS) or 0.5 s
(snac), so tests share one and make a new person instead: see the fixtures `atproto` and `snacs` in
tests/conftest.py.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lab import install


@dataclass(frozen=True, kw_only=True)
class Atproto:
    """A PLC directory, its PDSes, and the view that keeps mutes for their people."""

    plc: str
    pds: tuple[str, ...]
    view: str
    process: subprocess.Popen[str]

    def an_hour_passes(self) -> None:
        """Move its time on; it was started with `--moved-clock`."""
        self.process.send_signal(signal.SIGUSR2)
        assert self.process.stdout is not None
        while not self.process.stdout.readline().startswith("AHEAD "):
            assert self.process.poll() is None, "it ended"


@dataclass(frozen=True, kw_only=True)
class Snac:
    """One snac server and the passwords of its people: alice, bob, carol."""

    url: str
    passwords: Mapping[str, str]
    data: Path

    def new_person(self, name: str) -> str:
        """Add somebody while it runs; return their password."""
        return _add_snac_user(str(install.snac_program()), self.data, name)

    def lock(self, name: str) -> None:
        """Let somebody be asked before they are followed, as the box on their page of settings does."""
        path = self.data / "user" / name / "user.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "approve_followers": True}))


def free_ports(count: int) -> list[int]:
    """Return ports nobody listens on now; held together while choosing, so they differ."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in held]


@contextmanager
def atproto(
    *options: str,
    pdses: int = 1,
    ports: Sequence[int] | None = None,
    extra_ca: Path | None = None,
) -> Iterator[Atproto]:
    """Run a PLC directory and PDSes; options are those of net.mjs, Node trusts `extra_ca` too."""
    plc, *pds = ports or free_ports(1 + pdses)
    script = install.LAB / "bluesky" / "net.mjs"
    command = ["node_modules/.bin/node", str(script), "--plc", str(plc)]
    command += ["--pds", ",".join(map(str, pds)), *options]
    environment = {**os.environ, **({"NODE_EXTRA_CA_CERTS": str(extra_ca)} if extra_ca else {})}
    process = subprocess.Popen(
        command, cwd=install.bluesky_folder(), env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        ready = _await_ready(process)
        yield Atproto(
            plc=ready["plc"], pds=tuple(ready["pds"]), view=ready["view"], process=process
        )
    finally:
        _stop(process)


def _await_ready(process: subprocess.Popen[str]) -> Mapping[str, str]:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("READY "):
            found: Mapping[str, str] = json.loads(line.removeprefix("READY "))
            return found
    raise RuntimeError(f"the network ended with {process.wait()} before it was ready")


@contextmanager
def snac(port: int | None = None) -> Iterator[Snac]:
    """Run one snac with fresh data and three people; its data is removed afterwards."""
    port = port or free_ports(1)[0]
    program = str(install.snac_program())
    with tempfile.TemporaryDirectory(prefix="snac-", ignore_cleanup_errors=True) as folder:
        data = Path(folder) / "data"
        passwords = _prepare_snac(program, data, port)
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(
                [program, "httpd", str(data)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            _await_port(port, process)
            yield Snac(url=f"http://localhost:{port}", passwords=passwords, data=data)
        finally:
            # A polite stop takes 4 s, and the data is thrown away.
            process.kill()
            process.wait()


def _prepare_snac(program: str, data: Path, port: int) -> dict[str, str]:
    """Lay out a server's data for plain http on loopback and return the passwords of its people."""
    # It asks for address, port, host name, path prefix and the admin's mail.
    answers = f"127.0.0.1\n{port}\nlocalhost:{port}\n\n\n"
    subprocess.run(
        [program, "init", str(data)], input=answers, text=True, check=True, capture_output=True
    )
    settings = data / "server.json"
    values = json.loads(settings.read_text())
    settings.write_text(json.dumps({**values, "protocol": "http"}))
    return {name: _add_snac_user(program, data, name) for name in ("alice", "bob", "carol")}


def _add_snac_user(program: str, data: Path, name: str) -> str:
    done = subprocess.run(
        [program, "adduser", str(data), name], text=True, check=True, capture_output=True
    )
    said = done.stdout + done.stderr
    return said.split("password is ", 1)[1].split()[0]


def _await_port(port: int, process: subprocess.Popen[bytes], *, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on port {port}")


def _stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
