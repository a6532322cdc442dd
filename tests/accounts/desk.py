"""A network that only signs people in, and does what a test tells it to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from threading import Event

from openportability.clock import Clock
from openportability.domain import Actor, ActorId, Grant, NetworkName, Purpose
from openportability.errors import NetworkError, SignedOut
from openportability.network import Begun, Field, Network, Proved

HERD = NetworkName("herd")
LIVES = timedelta(hours=1)


class Desk:
    """Refresh tokens work once, as on real networks: a second use ends the login."""

    field: Field | None = None

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: Tokens that live, by their refresh token.
        self.living: dict[str, str] = {}
        self.refreshed = 0
        self.looked = 0
        #: What people are called, where it changed since they signed in.
        self.names: dict[str, str] = {}
        #: Raised by the next calls, in order.
        self.fails: list[NetworkError] = []
        #: What happens while the network thinks.
        self.meanwhile: Callable[[], None] = lambda: None
        #: Set where a call of the network is under way.
        self.asked = Event()

    def grant(
        self, actor: str = "ann", *, can_follow: bool = False, lives: timedelta = LIVES
    ) -> Grant:
        """Give a new grant, as at the end of a sign-in."""
        number = len(self.living) + self.refreshed + 1
        token = f"token-{actor}-{number}"
        self.living[f"again-{token}"] = token
        return Grant(
            network=HERD,
            instance="herd.example",
            actor_id=ActorId(actor),
            scopes=frozenset({"read"}),
            can_follow=can_follow,
            expires_at=self._clock.now() + lives,
            secret={"token": token, "refresh": f"again-{token}"},
        )

    def begin(
        self, *, typed: str, purpose: Purpose, redirect_uri: str, state: str, language: str
    ) -> Begun:
        return Begun(url=f"https://herd.example/authorize?state={state}", secret={"typed": typed})

    def finish(self, *, secret: Mapping[str, str], answer: Mapping[str, str]) -> Proved:
        who = answer["code"]
        actor = Actor(
            network=HERD,
            instance="herd.example",
            id=ActorId(who),
            handle=f"@{who}",
            name=who.title(),
            seen_at=self._clock.now(),
        )
        grant = self.grant(who)
        self.meanwhile()
        return Proved(actor=actor, grant=grant)

    def refresh(self, grant: Grant) -> Grant:
        self._answer()
        if self.living.pop(grant.secret["refresh"], None) is None:
            raise SignedOut
        self.refreshed += 1
        fresh = self.grant(grant.actor_id)
        return replace(grant, secret=fresh.secret, expires_at=fresh.expires_at)

    def look(self, grant: Grant, known: Actor) -> Actor:
        self.looked += 1
        self._answer()
        name = self.names.get(known.id, known.name)
        return replace(known, name=name, seen_at=self._clock.now())

    def revoke(self, grant: Grant) -> None:
        self._answer()
        self.living.pop(grant.secret["refresh"], None)

    def lives(self, grant: Grant) -> bool:
        """Say whether the network still takes this grant."""
        return grant.secret["refresh"] in self.living

    def _answer(self) -> None:
        self.asked.set()
        self.meanwhile()
        if self.fails:
            raise self.fails.pop(0)


def network(desk: Desk) -> Network:
    """Return the network of a desk."""
    return Network(
        name=HERD,
        title="Herd",
        logo="",
        numeric_ids=False,
        profile_url=lambda actor: f"https://herd.example/{actor.handle}",
        sign_in=desk,
        source=None,
        destination=None,
        words={},
    )
