"""The program as somebody installs it: a wheel in a bare virtual environment."""

from __future__ import annotations

import ensurepip
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.operation.installed import Installed

ROOT = Path(__file__).parents[2]
#: Where Python keeps the pip that it installs; Debian keeps it in the second place.
PIPS = (Path(ensurepip.__file__).parent / "_bundled", Path("/usr/share/python-wheels"))


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `./run build` makes."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel in a new virtual environment.

    Its dependencies are not downloaded again: a line of `dependencies.pth` names where the tests' own lie.
    """
    folder = tmp_path_factory.mktemp("bare") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    pip = next(pip for place in PIPS for pip in sorted(place.glob("pip-*.whl")))
    install = [
        str(python),
        str(pip / "pip"),
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        str(wheel),
    ]
    subprocess.run(install, check=True, capture_output=True)
    (own,) = folder.glob("lib/python*/site-packages")
    (own / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return Installed(folder=folder, scratch=tmp_path_factory.mktemp("scratch"))
