"""Install what the tests talk to: a PLC directory and PDS, snac, Chromium, and what looks pages over.

They go into a cache outside the clone, once. What cannot be installed is said loudly and fails,
unless `OPENPORTABILITY_TEST_WITHOUT=snac,chromium` names it: then the tests that need it are
skipped, and the summary says so.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

LAB = Path(__file__).resolve().parent
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


class MissingError(Exception):
    """Something cannot be installed here; the text says what to do."""


def cache() -> Path:
    """Return where installed servers lie: outside the clone, shared by all clones of this user."""
    home = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(home) / "openportability"


def bluesky_folder() -> Path:
    """Return the folder whose node_modules holds the PDS; its name changes with the lock file."""
    return _npm_folder("bluesky")


def pages_folder() -> Path:
    """Return the folder whose node_modules holds what looks pages over."""
    return _npm_folder("pages")


def snac_program() -> Path:
    """Return where snac's program is, once installed."""
    return _snac_folder() / "usr" / "bin" / "snac"


def chromium_program() -> str | None:
    """Return the browser's path, None where there is no Chromium."""
    return next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)


def left_out() -> frozenset[str]:
    """Return the names in OPENPORTABILITY_TEST_WITHOUT."""
    words = os.environ.get("OPENPORTABILITY_TEST_WITHOUT", "").split(",")
    names = frozenset(word.strip() for word in words if word.strip())
    if unknown := names - PIECES.keys():
        known = ", ".join(sorted(PIECES))
        raise SystemExit(f"OPENPORTABILITY_TEST_WITHOUT: unknown {sorted(unknown)}; known: {known}")
    return names


def install_all() -> int:
    """Install every piece that is not there yet; return the exit code."""
    failed = 0
    for name, install in PIECES.items():
        if name in left_out():
            print(f"lab: WITHOUT {name}: the tests that need it will be skipped", file=sys.stderr)
            continue
        try:
            install()
        except (MissingError, OSError, subprocess.CalledProcessError) as error:
            failed = 1
            print(
                f"lab: {name} cannot be installed: {error}\n"
                f"lab: the tests that need {name} cannot run. To run the others all the same: "
                f"OPENPORTABILITY_TEST_WITHOUT={name} ./run test",
                file=sys.stderr,
            )
    return failed


def _install_bluesky() -> None:
    _install_npm("bluesky", "the PLC directory and the PDS (npm, some 560 MB, once)")


def _install_pages() -> None:
    _install_npm(
        "pages", "axe, a validator of HTML and a checker of types (npm, some 230 MB, once)"
    )


def _install_npm(name: str, what: str) -> None:
    folder = _npm_folder(name)
    if folder.exists():
        return
    if not shutil.which("npm"):
        raise MissingError("npm is not on this machine (Debian: apt install npm)")
    _say(f"installing {what}")
    with _beside(folder) as made:
        for file in ("package.json", "package-lock.json"):
            shutil.copy(LAB / name / file, made)
        # No install scripts: everything ships its binaries, the Node that runs it included.
        _run(
            "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", cwd=made
        )
        made.rename(folder)


def _install_snac() -> None:
    if snac_program().exists():
        return
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise MissingError("apt-get is not on this machine: snac comes from Debian's packages")
    _say("installing snac (Debian package, unpacked, not installed)")
    folder = _snac_folder()
    with _beside(folder) as made:
        _download_debian("snac2", made)
        (package,) = made.glob("snac2_*.deb")
        _run("dpkg", "-x", str(package), str(made / "unpacked"))
        (made / "unpacked").rename(folder)


def _install_chromium() -> None:
    if chromium_program():
        return
    if not shutil.which("apt-get") or os.geteuid() != 0:
        raise MissingError("no Chromium on this machine: install it (Debian: apt install chromium)")
    _say("installing Chromium (Debian package, some 420 MB, once)")
    command = ("apt-get", "-qq", "install", "--yes", "--no-install-recommends", "chromium")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    if subprocess.run(command, env=environment, capture_output=True, check=False).returncode != 0:
        _run("apt-get", "-qq", "update")
        _run(*command, env=environment)


PIECES: Mapping[str, Callable[[], None]] = {
    "bluesky": _install_bluesky,
    "snac": _install_snac,
    "chromium": _install_chromium,
    "pages": _install_pages,
}


def _download_debian(package: str, folder: Path) -> None:
    """Fetch a package of the backports suite, checked against Debian's keys.

    It needs no root and changes nothing on the system: a configuration of its own adds that suite
    to the mirror that apt already uses here.
    """
    suite = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    listing = ("apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)")
    targets = [line.split() for line in _run(*listing).splitlines()]
    mirror = next((uri for release, uri in targets if release == suite), None)
    keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    if mirror is None or not keyring.exists():
        raise MissingError(f"apt knows no Debian mirror for '{suite}' (try: apt-get update)")
    (folder / "lists" / "partial").mkdir(parents=True)
    (folder / "cache" / "archives" / "partial").mkdir(parents=True)
    sources = folder / "sources.list"
    sources.write_text(f"deb [signed-by={keyring}] {mirror} {suite}-backports main\n")
    options = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "APT::Sandbox::User": "",
    }
    apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in options.items())]
    _run(*apt, "update", cwd=folder)
    _run(*apt, "download", package, cwd=folder)


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """Lend a folder beside the one to be made: a rename puts it in place whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _run(*command: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip()[-600:]
        raise MissingError(f"`{' '.join(command[:3])} …` failed: {words}")
    return done.stdout


def _npm_folder(name: str) -> Path:
    lock = (LAB / name / "package-lock.json").read_bytes()
    return cache() / f"{name}-{_digest(lock + platform.machine().encode())}"


def _snac_folder() -> Path:
    release = platform.freedesktop_os_release() if Path("/etc/os-release").exists() else {}
    recipe = f"backports {release.get('VERSION_CODENAME')} {platform.machine()}"
    return cache() / f"snac-{_digest(recipe.encode())}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


def _say(words: str) -> None:
    print(f"lab: {words}", file=sys.stderr, flush=True)
