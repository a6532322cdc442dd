"""No test talks to anyone but this computer.

A hook of the interpreter sees every connection and every name looked up, whichever library asks.
It raises an error that no code of ours catches as a network's: a call out must stop the test, not
look like a server that is away.
See https://docs.python.org/3/library/audit_events.html for the events.
"""

from __future__ import annotations

import ipaddress
import sys
from typing import Any


class CalledOutError(RuntimeError):
    """A test tried to reach beyond loopback."""


def keep() -> None:
    """Refuse connections beyond loopback from now on, in this process."""
    sys.addaudithook(_judge)


def _judge(event: str, arguments: tuple[Any, ...]) -> None:
    match event, arguments:
        case (("socket.connect" | "socket.sendto"), (_, address)):
            # Anything else than (host, port, ...) is a path: a Unix socket.
            if isinstance(address, tuple) and not _is_loopback(str(address[0])):
                raise CalledOutError(f"a test tried to reach {address[0]}")
        case "socket.getaddrinfo", (host, *_):
            if host and not (_is_number(_text(host)) or _is_loopback(_text(host))):
                raise CalledOutError(f"a test tried to look up {_text(host)}")


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    return _is_number(host) and ipaddress.ip_address(host.split("%", maxsplit=1)[0]).is_loopback


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host.split("%", maxsplit=1)[0])
    except ValueError:
        return False
    return True


def _text(host: str | bytes) -> str:
    return host.decode("ascii", "replace") if isinstance(host, bytes) else host
