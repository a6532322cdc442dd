"""`./run bench [NAME] [--json] [--small]`: how fast and how small, against a goal and another way."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterator, Mapping

from bench.figures import Figure

#: A name for people, and the module that measures: `measure(small)` yields figures.
BENCHES: Mapping[str, str] = {
    "import": "bench.archives",
    "reconnect": "bench.reconnect",
    "soak": "bench.soak.run",
}


def main(arguments: list[str]) -> int:
    """Run one bench, or all of them; return 1 if a goal was missed."""
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("name", nargs="?", choices=BENCHES, help="one of them; default: all")
    parser.add_argument("--json", action="store_true", help="one figure a line, for programs")
    parser.add_argument("--small", action="store_true", help="a tenth of the data, for a look")
    asked = parser.parse_args(arguments)
    missed = False
    for figure in _figures(asked.name, small=asked.small):
        print(figure.as_json() if asked.json else figure.as_text(), flush=True)
        missed |= figure.met is False
    return int(missed and not asked.small)


def _figures(name: str | None, *, small: bool) -> Iterator[Figure]:
    for one in [name] if name else BENCHES:
        yield from importlib.import_module(BENCHES[one]).measure(small=small)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
