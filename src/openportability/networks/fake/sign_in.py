"""Signing in at a simulated network: a code, PKCE, and a token that ends after an hour."""

from __future__ import annotations

from collections.abc import Mapping
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlencode

from openportability.clock import Clock, moment
from openportability.domain import Actor, ActorId, Deed, Grant, NetworkName, Purpose
from openportability.errors import Invalid, Refused
from openportability.network import Begun, Context, Field, Proved
from openportability.networks.fake.residents import Role
from openportability.networks.fake.tokens import FOLLOW, challenge_of
from openportability.networks.fake.way import Line


class SignIn:
    """A sign-in of the contract."""

    def __init__(
        self,
        line: Line,
        *,
        name: NetworkName,
        role: Role,
        authorize_url: str,
        clock: Clock,
        hosts: tuple[str, ...],
    ) -> None:
        self.field = _field(role, hosts)
        self._line = line
        self._name = name
        self._role = role
        self._authorize_url = authorize_url
        self._clock = clock
        self._hosts = hosts

    def begin(
        self, *, typed: str, purpose: Purpose, redirect_uri: str, state: str, language: str
    ) -> Begun:
        verifier = token_urlsafe(32)
        asked = {"hint": "", "host": ""} | self._chosen(typed)
        query = {
            "redirect_uri": redirect_uri,
            "state": state,
            "challenge": challenge_of(verifier),
            "purpose": purpose.value,
            **{name: value for name, value in asked.items() if value and name != "actor"},
        }
        return Begun(
            url=f"{self._authorize_url}?{urlencode(query)}",
            secret={"verifier": verifier, "redirect_uri": redirect_uri, **asked},
        )

    def finish(self, *, secret: Mapping[str, str], answer: Mapping[str, str]) -> Proved:
        if secret["host"] and answer.get("iss") != secret["host"]:
            raise Invalid("auth.mixed_up", host=secret["host"])
        if "error" in answer:
            raise Invalid("auth.denied")
        try:
            told = self._line.ask(
                "token",
                code=answer.get("code", ""),
                redirect_uri=secret["redirect_uri"],
                verifier=secret["verifier"],
            )
        except Refused:
            # Used, too old or not made for us: the network does not say which.
            raise Invalid("auth.expired") from None
        actor = actor_of(self._name, told["person"], self._clock)
        if secret.get("actor", actor.id) != actor.id:
            self._line.ask("revoke", token=told["token"])
            raise Invalid("auth.wrong_account", handle=actor.handle)
        if self._role is Role.SOURCE:
            # Who they are is all we wanted to know.
            self._line.ask("revoke", token=told["token"])
            return Proved(actor=actor, grant=None)
        return Proved(actor=actor, grant=self._grant(told))

    def refresh(self, grant: Grant) -> Grant:
        return self._grant(self._line.ask("refresh", refresh=grant.secret["refresh"]))

    def look(self, grant: Grant, known: Actor) -> Actor:
        return actor_of(self._name, self._line.ask("person", who=grant.actor_id), self._clock)

    def revoke(self, grant: Grant) -> None:
        self._line.ask("revoke", token=grant.secret["token"])

    def _chosen(self, typed: str) -> dict[str, str]:
        match self._role:
            case Role.SOURCE:
                return {}
            case Role.INSTANCES:
                return self._chosen_host(typed)
            case Role.REPOSITORY:
                try:
                    person = self._line.ask("person", who=typed)
                except Refused:
                    raise Invalid("simulated.unknown_handle", typed=typed[:100]) from None
                return {"hint": person["handle"], "actor": person["id"]}

    def _chosen_host(self, typed: str) -> dict[str, str]:
        """Read `host`, `user@host`, `@user@host` or a link; the user is suggested on the page."""
        text = typed.strip().lower().removeprefix("https://").strip("@/")
        user, _, host = text.rpartition("@")
        host = host.partition("/")[0]
        if host not in self._hosts:
            raise Invalid("simulated.unknown_host", typed=typed[:100])
        return {"host": host, "hint": f"{user}@{host}" if user else ""}

    def _grant(self, told: Mapping[str, Any]) -> Grant:
        person = told["person"]
        return Grant(
            network=self._name,
            instance=person["instance"],
            actor_id=ActorId(person["id"]),
            scopes=frozenset(told["scopes"]),
            can_follow=FOLLOW in told["scopes"],
            can_avoid=frozenset({Deed.BLOCK, Deed.MUTE}.intersection(told["scopes"])),
            expires_at=moment(told["until"]),
            secret={"token": told["token"], "refresh": told["refresh"]},
        )


def actor_of(name: NetworkName, person: Mapping[str, Any], clock: Clock) -> Actor:
    """Return somebody as the world tells of them."""
    return Actor(
        network=name,
        instance=person["instance"],
        id=ActorId(person["id"]),
        handle=person["handle"],
        name=person["name"],
        seen_at=clock.now(),
    )


def twin(line: Line, context: Context, original: Actor) -> Actor | None:
    """Return whom the simulated bridge keeps for somebody of another network."""
    told = line.ask("twin", of=original.id)["twin"]
    return None if told is None else actor_of(context.name, told, context.clock)


def _field(role: Role, hosts: tuple[str, ...]) -> Field | None:
    match role:
        case Role.SOURCE:
            return None
        case Role.INSTANCES:
            return Field(
                label="Your server",
                help="The part after the second @ of your address.",
                placeholder=hosts[0],
                suggestions=hosts,
            )
        case Role.REPOSITORY:
            return Field(
                label="Your handle",
                help="Your name there, with its dots.",
                placeholder="newcomer.sky.example",
                suggestions=("newcomer.sky.example",),
            )
