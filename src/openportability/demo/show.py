"""Serve the stage for people, or play the tour on it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import uvicorn

from openportability import app
from openportability.clock import SystemClock, monotonic
from openportability.demo import stage
from openportability.demo.stage import SOURCE, Resident
from openportability.demo.tour import Tour, Wrong
from openportability.demo.visitor import Declined
from openportability.domain import NetworkName
from openportability.errors import Misconfigured
from openportability.site import Site
from openportability.web import connection

#: Somebody the newcomer followed arrives so often while the demo is served.
_ARRIVAL_SECONDS = 60.0


def serve(port: int) -> int:
    """Serve the stage until the person stops it, with a few words on what to try."""
    with stage.stage(port, SystemClock()) as site, served(site):
        _tell("The simulated world is being populated; this takes some seconds ...")
        count = stage.populate(site)
        _tell(steps(site, count))
        try:
            _let_people_arrive(site)
        except KeyboardInterrupt:
            _tell("Goodbye. Nothing is kept.")
    return 0


def play(port: int, database_url: str | None = None) -> int:
    """Play the tour; return 0 only if the follows are really there."""
    began = monotonic()
    stage_of = stage.stage(port or free_port(), SystemClock(), database_url)
    with stage_of as site, served(site):
        count = stage.populate(site)
        _tell(f"a world of {stage.PEOPLE:,} people, {count} of them here already")
        try:
            Tour(site, _tell).play()
        except (Wrong, Declined) as wrong:
            _tell(f"WRONG: {wrong}")
            return 1
        _tell(f"all is as it should be ({monotonic() - began:.0f} s)")
    return 0


_STEPS = """
{count} people are here already. Open {url} and be the newcomer:

  Bird plays the network that people leave. Herd plays one of many servers, Sky one where a
  handle is a name with dots. None of them asks for a password: Nora Newcomer stands first
  and is chosen already, so "Allow" is all there is to press.

  1. Begin, press "Sign in with Bird", then "Allow".
  2. Choose who may find you, and what happens when someone arrives later.
  3. On Archive, press "Ask Bird for your archive", then "Download my archive" (here it is
     ready at once). Go back, and hand over the file.
  4. On Accounts, link the other two, and allow it there:
       Your server on Herd:  {herd}
       Your handle on Sky:   {sky}
  5. On Matches, see who is here; on Reconnect, make a plan, allow following, and start.
  6. Stay a while: once a minute somebody she followed arrives.

Nothing here is real, and nothing leaves this computer. Ctrl+C ends it.
"""


@contextmanager
def served(site: Site) -> Iterator[None]:
    """Serve pages and do the work in threads of this process."""
    stop = threading.Event()
    config = connection.config(
        app.web(site),
        host=site.settings.host,
        port=site.settings.port,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    threads = [
        threading.Thread(target=server.run, name="web"),
        threading.Thread(target=site.engine.run, args=(stop,), name="worker"),
    ]
    for thread in threads:
        thread.start()
    try:
        while not server.started:
            if not threads[0].is_alive():
                raise Misconfigured(f"port {site.settings.port} is taken: use --port")
            time.sleep(0.05)
        yield
    finally:
        server.should_exit = True
        stop.set()
        for thread in threads:
            thread.join()


def steps(site: Site, count: int) -> str:
    """Tell how to be the newcomer: where to press, and what to type."""
    typed = {name: one.handle for name, one in _newcomer(stage.at_home(site)).items()}
    return _STEPS.format(count=count, url=site.settings.base_url, **typed)


def _newcomer(homes: dict[int, dict[NetworkName, Resident]]) -> dict[NetworkName, Resident]:
    return next(home for home in homes.values() if home[SOURCE].handle == stage.NEWCOMER)


def _let_people_arrive(site: Site) -> None:
    homes = stage.at_home(site)
    followed = stage.following(site, _newcomer(homes)[SOURCE])
    luck = Random(2)
    for person, home in sorted(homes.items()):
        if person % stage.ONE_IN and home[SOURCE].id in followed:
            time.sleep(_ARRIVAL_SECONDS)
            stage.join(site, home, luck)
            _tell(f"{home[SOURCE].handle} has just arrived.")
    threading.Event().wait()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def _tell(text: str) -> None:
    print(text, flush=True)
