"""Our own server as a process of its own: started, killed and started again on the same data."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import httpx2

ROOT = Path(__file__).resolve().parents[3]
_PATIENCE_SECONDS = 60.0


class OurServer:
    """`openportability serve` on a port of loopback, with everything it says in a file."""

    def __init__(self, port: int, folder: Path, settings: Mapping[str, object]) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / "server.log"
        given = {
            "BASE_URL": self.url,
            "DATA_DIR": folder,
            "ALLOW_LOOPBACK": "yes",
            "WORKER_THREADS": 8,
            **settings,
        }
        self.settings = {f"OPENPORTABILITY_{name}": str(value) for name, value in given.items()}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> None:
        """Start it, and wait until it answers."""
        paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
        environment = {**os.environ, "PYTHONPATH": paths, **self.settings}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "openportability", "serve"],
                cwd=self.log.parent,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        if wait:
            self._await_ready(self._process)

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        give_up = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < give_up and process.poll() is None:
            with suppress(httpx2.TransportError):
                if httpx2.get(f"{self.url}/readyz", verify=False).status_code == 200:
                    return
            time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"our server does not answer:\n{self.said()}")

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def stop(self) -> None:
        """Ask it to end; what it has begun is finished."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def said(self) -> str:
        """Return what it wrote."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""
