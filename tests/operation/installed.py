"""Runs the installed program as an operator does: no repository, no variables but those given."""

from __future__ import annotations

import ensurepip
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

import httpx2
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
#: Where Python keeps the pip that it installs; Debian keeps it in the second place.
PIPS = (Path(ensurepip.__file__).parent / "_bundled", Path("/usr/share/python-wheels"))
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A virtual environment that holds the program, and a folder to run it in."""

    folder: Path
    scratch: Path

    def run(self, *words: str, **settings: object) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self._command(*words),
            cwd=self.scratch,
            env=self._environment(settings),
            capture_output=True,
            text=True,
            check=False,
        )

    @contextmanager
    def serving(self, **settings: object) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
        """Serve on a free port; yield the address and the process."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        log = self.scratch / "serve.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                self._command("serve"),
                cwd=self.scratch,
                env=self._environment({"BASE_URL": url, **settings}),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        try:
            _await(url, process, log)
            yield url, process
        finally:
            process.terminate()
            process.wait(30)

    def _command(self, *words: str) -> list[str]:
        return [str(self.folder / "bin" / "openportability"), *words]

    def _environment(self, settings: Mapping[str, object]) -> dict[str, str]:
        path = f"{self.folder}/bin:/usr/bin:/bin"
        own = {f"OPENPORTABILITY_{name}": str(value) for name, value in settings.items()}
        return {"PATH": path, **own}


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        with suppress(httpx2.TransportError):
            httpx2.get(f"{url}/healthz")
            return
        time.sleep(0.05)
    raise RuntimeError(f"it does not answer:\n{log.read_text(errors='replace')}")


def build_wheel(folder: Path) -> Path:
    """Make what `./run build` makes."""
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (made,) = folder.glob("*.whl")
    return made


def install_wheel(
    wheel: Path, folder: Path, scratch: Path, *, interpreter: str = sys.executable
) -> Installed:
    """Install a wheel in a new virtual environment.

    What it asks for is not downloaded again, but linked from where the tests' own lies; nothing else is there.
    """
    subprocess.run([interpreter, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    pip = next(pip for place in PIPS for pip in sorted(place.glob("pip-*.whl")))
    command = [str(python), str(pip / "pip"), "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*command, str(wheel)], check=True, capture_output=True)
    (own,) = folder.glob("lib/python*/site-packages")
    (ours,) = distributions(name="openportability", path=[str(own)])
    for one in _asked_for(ours):
        _link(one, own)
    return Installed(folder=folder, scratch=scratch)


def _asked_for(ours: Distribution) -> Iterable[Distribution]:
    """Return what a package asks for, and what those ask for in turn, as an installer finds it out."""
    found: dict[str, Distribution] = {}
    done = set[tuple[str, str]]()
    waiting = [(ours, "")]
    while waiting:
        asking, extra = waiting.pop()
        for asked in map(Requirement, asking.requires or ()):
            if asked.marker is not None and not asked.marker.evaluate({"extra": extra}):
                continue
            one = found.setdefault(asked.name, distribution(asked.name))
            new = {(asked.name, more) for more in ("", *asked.extras)} - done
            done |= new
            waiting += [(one, more) for _, more in new]
    return found.values()


def _link(package: Distribution, folder: Path) -> None:
    for name in {file.parts[0] for file in package.files or ()} - {"..", "__pycache__"}:
        link = folder / name
        if not link.exists():
            link.symlink_to(str(package.locate_file(name)))
