"""Serve a world over loopback, so that it outlives the server that is being tested.

    python -m openportability.networks.fake.world_server --seed 1 --people 2000

prints its address and serves until it is ended. A call is `POST /<verb>` with JSON
`{"terms": {…}, "args": {…}}`; besides the world's own verbs, `forward` moves its clock.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from openportability.clock import MovedClock
from openportability.networks.fake.realm import Terms
from openportability.networks.fake.reply import Reply
from openportability.networks.fake.residents import Role
from openportability.networks.fake.world import World

RESET = "RateLimit-Reset"


class WorldServer(ThreadingHTTPServer):
    """A world at an address of this machine."""

    daemon_threads = True

    def __init__(self, world: World, clock: MovedClock, *, port: int = 0) -> None:
        self.world = world
        self.clock = clock
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        """The value of the option WORLD_URL."""
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, verb: str, question: Mapping[str, Any]) -> Reply:
        """Answer one call."""
        if verb == "forward":
            self.clock.forward(**question["args"])
            return Reply(status=200, text="{}")
        terms = question["terms"]
        return self.world.call(
            Terms(**{**terms, "role": Role(terms["role"])}), verb, question["args"]
        )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    #: Head and body leave as one packet: two would wait for each other, 40 ms a call.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: WorldServer

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        reply = self.server.answer(self.path.strip("/"), question)
        if reply.status == 0:
            self.close_connection = True
            return
        body = reply.text.encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if reply.until is not None:
            self.send_header(RESET, reply.until.isoformat())
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the world keeps its own log of what was done."""


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description="Serve a simulated world on loopback.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--people", type=int, default=2_000)
    options = parser.parse_args()
    clock = MovedClock()
    world = World(seed=options.seed, people=options.people, clock=clock)
    with WorldServer(world, clock, port=options.port) as server:
        print(server.url, flush=True)  # noqa: T201 - who started it reads this line
        with suppress(KeyboardInterrupt):
            server.serve_forever()


if __name__ == "__main__":
    main()
