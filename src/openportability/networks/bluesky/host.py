"""The server that keeps a person's account, asked with their token; and what its refusals mean."""

from __future__ import annotations

from urllib.parse import urlencode

from openportability.clock import Clock
from openportability.domain import Grant
from openportability.errors import (
    Flagged,
    NetworkError,
    Refused,
    SignedOut,
    Throttled,
    Unavailable,
)
from openportability.networks.bluesky import points
from openportability.networks.bluesky.dpop import Call, Prover, read_key
from openportability.networks.bluesky.records import Repositories
from openportability.networks.bluesky.replies import error_name
from openportability.outbound import Parameters, Reply, reset_time


class Host:
    """Sends calls to whichever server a grant was given at."""

    def __init__(self, *, clock: Clock, repositories: Repositories, prover: Prover) -> None:
        self._clock = clock
        self._repositories = repositories
        self._prover = prover

    def send(
        self,
        grant: Grant,
        verb: str,
        *,
        json: object = None,
        params: Parameters | None = None,
        to: str | None = None,
    ) -> Reply:
        """Return its answer to a call: a question with `params`, else a request that changes something.

        `to` names the service that it is to pass the call on to.
        """
        pds, key = grant.secret["pds"], read_key(grant.secret["dpop_key"])
        self._prover.nonces.offer(key, pds, grant.secret.get("nonce_pds"))
        query = f"?{urlencode(params, doseq=True)}" if params else ""
        call = Call(
            method="GET" if params else "POST",
            url=f"{pds}/xrpc/{verb}{query}",
            token=grant.secret["access_token"],
            json=json,
            to=to,
        )
        try:
            return self._prover.send(key, call)
        except Unavailable:
            raise Unavailable("at.uncertain") from None

    def why_not(self, grant: Grant, reply: Reply) -> NetworkError | None:
        """Return what a refusal means for the whole account; None: it is about this call."""
        name = error_name(reply)
        pds, did = grant.secret["pds"], grant.actor_id
        match reply.status, name:
            case 429, _:
                now = self._clock.now()
                of_points = points.window(reply) in points.WINDOWS
                until = reset_time(reply.headers, now)
                return Throttled(until, "at.points" if of_points else None, everyone=not of_points)
            case 403, "ScopeMissingError":
                return SignedOut("at.scope_missing")
            case _, "AccountTakedown" | "AccountSuspended":
                return Flagged("at.suspended")
            case _, "AccountDeactivated" | "RepoDeactivated":
                return SignedOut("at.deactivated")
            case 401 | 403, _:
                lost = SignedOut("at.session_lost")
                return self._repositories.why_lost(pds=pds, did=did, otherwise=lost)
            case 400, _:
                doubt = self._repositories.why_lost(
                    pds=pds, did=did, otherwise=Refused("at.refused")
                )
                return None if isinstance(doubt, Refused) else doubt
            case _:
                return Unavailable("at.uncertain")
