"""What each server can, found out once a day: a record for each host that people typed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from openportability.network import Context
from openportability.networks.mastodon import discovery
from openportability.networks.mastodon.discovery import Server

#: A server that was updated is asked for its finer scopes a day later at most.
KEPT = timedelta(days=1)


class Servers:
    """Knows the server behind a host, across processes and restarts."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def at(self, typed_host: str) -> Server:
        """Return the server behind a host that somebody typed. Raise `Invalid` where there is none."""
        cabinet, now = self._context.cabinet, self._context.clock.now()
        kept = cabinet.get(typed_host, "server")
        if kept is not None and datetime.fromisoformat(kept["seen_at"]) > now - KEPT:
            return _from_text(kept)
        # Not under the cabinet's lock: nobody is to wait for somebody else's slow server.
        found = discovery.discover(self._context, typed_host)
        if kept is not None:
            cabinet.drop(typed_host, "server", kept)
        cabinet.make_once(typed_host, "server", lambda: _to_text(found, now), lasts=KEPT)
        return found


def _to_text(server: Server, now: datetime) -> Mapping[str, str]:
    scopes = {} if server.scopes is None else {"scopes": " ".join(sorted(server.scopes))}
    return {
        "host": server.host,
        "domain": server.domain,
        "asks_again": "yes" if server.asks_again else "no",
        "counts_addresses": "yes" if server.counts_addresses else "no",
        "hides_requests": "yes" if server.hides_requests else "no",
        "seen_at": now.isoformat(),
        **scopes,
    }


def _from_text(kept: Mapping[str, str]) -> Server:
    return Server(
        host=kept["host"],
        domain=kept["domain"],
        scopes=frozenset(kept["scopes"].split()) if "scopes" in kept else None,
        asks_again=kept["asks_again"] == "yes",
        counts_addresses=kept["counts_addresses"] == "yes",
        hides_requests=kept["hides_requests"] == "yes",
    )
