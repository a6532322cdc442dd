"""The people of a soak: signed in at simulated networks, who start one after the other to follow people."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.client import HTTPConnection
from random import Random
from typing import Any
from urllib.parse import urlsplit

from openportability.accounts import grant_store
from openportability.accounts import service as accounts_service
from openportability.accounts import store as accounts
from openportability.accounts.tokens import make_token
from openportability.clock import moment
from openportability.domain import (
    Account,
    Actor,
    ActorId,
    Deed,
    Found,
    NetworkName,
    Pace,
    Proof,
    UserId,
)
from openportability.networks.fake.realm import Terms
from openportability.networks.fake.residents import Role
from openportability.networks.fake.tokens import challenge_of
from openportability.networks.fake.way import Line, through
from openportability.outbound import Door
from openportability.reconnection import forecasting, planning
from openportability.reconnection.plan import Row, Verdict
from openportability.reconnection.rules import Origin
from openportability.site import Site

ROLES = {NetworkName("herd"): Role.INSTANCES, NetworkName("sky"): Role.REPOSITORY}
#: Lines of a log that are asked for at once: what one answer may hold is a megabyte.
_WRITES = 3_000
_VERIFIER = "a verifier that nobody needs to guess"


@dataclass(frozen=True, kw_only=True)
class Start:
    """When somebody began to want their follows, and when we said that the last of them will be made."""

    at: datetime
    promised: datetime


@dataclass(frozen=True, kw_only=True)
class Made:
    """A follow or a request, as the network that made it noted it."""

    at: datetime
    whom: ActorId


@dataclass(frozen=True, kw_only=True)
class Town:
    """Everybody who wants to follow, and the lines to what is behind the stage."""

    site: Site
    lines: Mapping[NetworkName, Line]
    members: Sequence[Account]
    #: Where somebody lives now: who moved, and to whom.
    moved: Mapping[ActorId, ActorId]
    before: Mapping[UserId, frozenset[ActorId]]
    #: How many follows each wants.
    targets: int
    #: What each one's program signs in with at our pages, and where those are.
    tokens: Mapping[UserId, str]
    pages_url: str
    #: Who is still to start, and when.
    comers: deque[tuple[datetime, Account]]
    #: How many follows each one wanted who has started.
    wanted: dict[UserId, int] = field(default_factory=dict)
    started: dict[UserId, Start] = field(default_factory=dict)

    def let_start(self) -> int:
        """Let those start whose turn it is; return how many follows are still to be wanted."""
        now = self.site.clock.now()
        while self.comers and self.comers[0][0] <= now:
            _, one = self.comers.popleft()
            whom = _chosen(one, self.members, self.targets)
            _want(self.site, one, whom)
            self.wanted[one.user] = len(whom)
            self.started[one.user] = _promised(self.site, one, len(whom))
        return len(self.comers) * self.targets

    def counts(self, account: Account) -> dict[str, int]:
        """Ask our API, as the person's program would, how many follows are in which state."""
        address = urlsplit(self.pages_url)
        assert address.hostname is not None
        connection = HTTPConnection(address.hostname, address.port, timeout=60)
        try:
            headers = {
                "Authorization": f"Bearer {self.tokens[account.user]}",
                "Host": urlsplit(self.site.settings.base_url).netloc,
            }
            connection.request("GET", "/api/v1/reconnection", headers=headers)
            reply = connection.getresponse()
            body = reply.read()
            assert reply.status == 200, (reply.status, body[:200])
        finally:
            connection.close()
        counted: dict[str, int] = {}
        for line in json.loads(body):
            for state, count in line["counts"].items():
                counted[state] = counted.get(state, 0) + count
        return counted

    def follows(self, account: Account) -> list[ActorId]:
        """Ask the network whom somebody follows: one entry a follow."""
        told = self.lines[account.actor.network].ask("follows_of", who=account.actor.id)
        return [ActorId(one) for one in told["actors"]]

    def made(self) -> dict[ActorId, list[Made]]:
        """Read the networks' own logs: each follow and each request that was made, by who made it, in order."""
        made: dict[ActorId, list[Made]] = {}
        for line in self.lines.values():
            since = 0
            while told := line.ask("writes", since=since, most=_WRITES)["writes"]:
                since += len(told)
                for one in told:
                    if one["verb"] == "follow":
                        follow = Made(at=moment(one["at"]), whom=ActorId(one["whom"]))
                        made.setdefault(ActorId(one["actor"]), []).append(follow)
        return made

    def home(self, actor: ActorId) -> ActorId:
        """Return where somebody lives now."""
        while actor in self.moved:
            actor = self.moved[actor]
        return actor

    def sign_in(self, account: Account) -> None:
        """Let a person sign in (again)."""
        name = account.actor.network
        sign_in = self.site.networks[name].sign_in
        assert sign_in is not None
        secret = {"verifier": _VERIFIER, "redirect_uri": "http://127.0.0.1/", "host": ""}
        told = self.lines[name].ask(
            "grant_code",
            who=account.actor.id,
            redirect_uri=secret["redirect_uri"],
            challenge=challenge_of(_VERIFIER),
            deeds=[Deed.FOLLOW],
        )
        grant = sign_in.finish(secret=secret, answer={"code": told["code"]}).grant
        assert grant is not None
        with self.site.db.write() as tx:
            key = accounts.personal_key(tx, self.site.vault, account.user)
            grant_store.put_grant(tx, key, account.user, account.id, grant, self.site.clock.now())


def settle(
    site: Site,
    world_url: str,
    pages_url: str,
    speed: float,
    *,
    people: int,
    targets: int,
    within: timedelta,
) -> Town:
    """Let people join on both networks, who will start to want so many follows each, evenly within this time."""
    door = Door(clock=site.clock, allow_loopback=True, extra_ca_file=None, user_agent="soak")
    way = through(door, world_url, site.clock)
    lines = {
        name: Line(Terms(name=name, role=role, speed=speed), way, site.clock)
        for name, role in ROLES.items()
    }
    members: list[Account] = []
    moved: dict[ActorId, ActorId] = {}
    for name, line in lines.items():
        told = line.ask("people", limit=people // len(lines))["people"]
        assert len(told) == people // len(lines), "the world is large enough"
        moved |= {ActorId(p["id"]): ActorId(p["moved_to"]) for p in told if p["moved_to"]}
        members += _members(site, name, told)
    before: dict[UserId, frozenset[ActorId]] = {}
    tokens: dict[UserId, str] = {}
    town = Town(
        site=site,
        lines=lines,
        members=members,
        moved=moved,
        before=before,
        targets=targets,
        tokens=tokens,
        pages_url=pages_url,
        comers=deque(),
    )
    for one in members:
        before[one.user] = frozenset(town.follows(one))
        town.sign_in(one)
        with site.db.write() as tx:
            tokens[one.user] = make_token(tx, site, one.user, "soak")
    opened = site.clock.now()
    for number, one in enumerate(Random(people).sample(members, len(members))):
        town.comers.append((opened + within * (number / len(members)), one))
    return town


def _members(site: Site, name: NetworkName, told: Sequence[Mapping[str, Any]]) -> list[Account]:
    made = []
    with site.db.write() as tx:
        for one in told:
            user = accounts.create_user(tx, site.vault, "en", site.clock.now())
            accounts.choose(tx, user, found=Found.ANYONE, pace=Pace.GENTLE)
            actor = Actor(
                network=name,
                instance=one["instance"],
                id=ActorId(one["id"]),
                handle=one["handle"],
                name=one["name"],
                seen_at=site.clock.now(),
            )
            key = accounts_service.key_of(site, name, actor.id)
            made.append(accounts.add_account(tx, user, actor, key, Proof.PROVED))
    return made


def _chosen(me: Account, members: Sequence[Account], targets: int) -> list[Account]:
    here = [one for one in members if one.actor.network == me.actor.network and one.user != me.user]
    return Random(me.id).sample(here, min(targets, len(here)))


def _want(site: Site, me: Account, whom: Sequence[Account]) -> None:
    """Want these follows."""
    rows = [
        Row(account=me.id, whom=one.id, network=me.actor.network, verdict=Verdict.NEW, rank=one.id)
        for one in whom
    ]
    with site.db.write() as tx:
        planning.want(tx, site, me.user, rows, origin=Origin.MANUAL, plan_id=None)


def _promised(site: Site, me: Account, count: int) -> Start:
    """Return when we say that so many follows will be made."""
    with site.db.read() as tx:
        (said,) = forecasting.forecast(tx, site, me.user, {me.actor.network: count})
    return Start(at=site.clock.now(), promised=said.finishes_at)
