"""`./run bench [NAME] [--json] [--small] [--scale N] [--links N]`: how fast, how small, against a goal."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterator, Mapping

from bench.figures import Figure
from bench.world import LINKS

#: A name for people, and the module that measures: `measure(scale)` yields figures.
BENCHES: Mapping[str, str] = {
    "import": "bench.archives",
    "hostile": "bench.hostile",
    "large": "bench.large",
    "match": "bench.matching",
    "sweep": "bench.sweeping",
    "growth": "bench.growing",
    "oracle": "bench.oracle",
    "pages": "bench.pages",
    "reconnect": "bench.reconnect",
    "lasting": "bench.lasting",
    "exodus": "bench.exodus",
    "soak": "bench.soak.run",
}


def main(arguments: list[str]) -> int:
    """Run one bench, or all of them; return 1 if a goal was missed."""
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("name", nargs="?", choices=BENCHES, help="one of them; default: all")
    parser.add_argument("--json", action="store_true", help="one figure a line, for programs")
    parser.add_argument("--small", action="store_true", help="a tenth of the data, for a look")
    parser.add_argument("--scale", type=float, default=1, help="so many times the data")
    parser.add_argument("--links", type=_links, help="the same for match, sweep, growth: 47M, 470M")
    asked = parser.parse_args(arguments)
    scale = 0.1 if asked.small else asked.scale if asked.links is None else asked.links / LINKS
    missed = False
    for figure in _figures(asked.name, scale):
        print(figure.as_json() if asked.json else figure.as_text(), flush=True)
        missed |= figure.met is False
    return int(missed and not asked.small)


def _links(written: str) -> float:
    return float(written.removesuffix("M")) * (10**6 if written.endswith("M") else 1)


def _figures(name: str | None, scale: float) -> Iterator[Figure]:
    for one in [name] if name else BENCHES:
        yield from importlib.import_module(BENCHES[one]).measure(scale)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
