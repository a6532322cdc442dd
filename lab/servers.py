"""Start and stop real servers as context managers, on free ports of loopback.

Each ends exactly the processes it started, by their ids. A start costs 2 s (PLC + PDS), 0.5 s
(snac) or some seconds (S3), so tests share one and make a new person or prefix instead: see the fixtures
`atproto`, `snacs` and `s3` in tests/conftest.py.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time
import urllib.request
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


@dataclass(frozen=True, kw_only=True)
class S3:
    """A server that speaks S3, and checks signatures; it makes a bucket when something is put there."""

    url: str
    #: As programs of AWS read them.
    environment: Mapping[str, str]


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


@contextmanager
def s3() -> Iterator[S3]:
    """Run one SeaweedFS, on memory of its own; what it holds is removed afterwards."""
    keys = {"accessKey": "some-key", "secretKey": "some-secret"}
    identity = {"name": "tests", "credentials": [keys], "actions": ["Admin"]}
    parts = ("master", "volume", "filer", "s3")
    names = [f"{part}.port{kind}" for part in parts for kind in ("", ".grpc")]
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    with tempfile.TemporaryDirectory(prefix="s3-", ignore_cleanup_errors=True) as folder:
        (Path(folder) / "s3.json").write_text(json.dumps({"identities": [identity]}))
        command = [_weed(), "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
        command += ["-filer", "-s3", f"-s3.config={folder}/s3.json", "-s3.iam=false"]
        command += [
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-master.telemetry=false",
            "-master.volumeSizeLimitMB=64",
        ]
        command += [f"-{name}={port}" for name, port in ports.items()]
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            _await_port(ports["s3.port"], process)
            _await_room(f"http://127.0.0.1:{ports['master.port']}/dir/assign?collection=kept")
            yield S3(
                url=f"http://127.0.0.1:{ports['s3.port']}",
                environment={
                    "AWS_ACCESS_KEY_ID": keys["accessKey"],
                    "AWS_SECRET_ACCESS_KEY": keys["secretKey"],
                    "AWS_REGION": "us-east-1",
                },
            )
        finally:
            # A polite stop takes a minute, and the data is thrown away.
            process.kill()
            process.wait()


def _await_room(assign: str, *, seconds: float = 30) -> None:
    """Wait until its part that holds files has reported to the one that is asked where they go."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(OSError), urllib.request.urlopen(assign, timeout=5) as answer:
            if "fid" in json.load(answer):
                return
        time.sleep(0.05)
    raise RuntimeError("the server that speaks S3 has no room")


def _weed() -> str:
    """Return where its program is: a package of locks/develop.lock."""
    found = shutil.which("weed", path=sysconfig.get_path("scripts"))
    assert found, "no SeaweedFS here: ./run test installs it"
    return found


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
