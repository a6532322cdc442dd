"""`./run lab up|down` and what `./run test` needs: `python -m lab install`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Event

from lab import install, servers

#: Fixed ports for trying by hand: PLC, PDS, two snac.
PORTS = (2582, 2583, 8011, 8012)
STATE = Path("var") / "lab.json"


def main(arguments: list[str]) -> int:
    match arguments:
        case ["install"]:
            return install.install_all()
        case ["up"]:
            return install.install_all() or up()
        case ["down"]:
            return down()
        case ["hold"]:
            return hold()
    print("usage: ./run lab up|down", file=sys.stderr)
    return 2


def up() -> int:
    """Start the servers in the background and say where they are."""
    if STATE.exists():
        print("The servers are up already, or were not stopped: ./run lab down", file=sys.stderr)
        return 1
    STATE.parent.mkdir(exist_ok=True)
    with (STATE.parent / "lab.log").open("wb") as log:
        holder = subprocess.Popen(
            [sys.executable, "-m", "lab", "hold"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    while not STATE.exists():
        if holder.poll() is not None:
            print("The servers did not start; var/lab.log says why.", file=sys.stderr)
            return 1
        time.sleep(0.1)
    print(json.loads(STATE.read_text())["told"])
    return 0


def down() -> int:
    """Stop what `up` started, by its process id."""
    if not STATE.exists():
        print("The servers are not up.", file=sys.stderr)
        return 1
    holder = json.loads(STATE.read_text())["pid"]
    with suppress(ProcessLookupError):
        os.kill(holder, signal.SIGTERM)
    for _ in range(300):
        if not STATE.exists():
            return 0
        time.sleep(0.1)
    STATE.unlink(missing_ok=True)
    print(f"Process {holder} did not say goodbye; look at var/lab.log.", file=sys.stderr)
    return 1


def hold() -> int:
    """Run the servers until told to stop."""
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    plc, pds, *others = PORTS
    with ExitStack() as stack:
        net = stack.enter_context(servers.atproto(ports=[plc, pds]))
        snacs = [stack.enter_context(servers.snac(port)) for port in others]
        told = [
            f"PLC directory  {net.plc}",
            f"PDS            {net.pds[0]}   (handles end in .test)",
        ]
        for each in snacs:
            people = ", ".join(f"{name} {word}" for name, word in each.passwords.items())
            told.append(f"snac           {each.url}   (people and passwords: {people})")
        made = STATE.with_suffix(".new")
        made.write_text(json.dumps({"pid": os.getpid(), "told": "\n".join(told)}))
        made.rename(STATE)
        stop.wait()
    STATE.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
