"""Where a server listens: known to be free before anybody is told to come."""

from __future__ import annotations

import socket

from openportability.errors import Misconfigured


def listening(host: str, port: int, otherwise: str) -> socket.socket:
    """Listen at an address; where that is not possible, say why, and what else the operator may give."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise Misconfigured(
            f"Nothing can listen at {host}:{port} ({error.strerror}): end what does so already, or "
            f"give {otherwise}."
        ) from None
