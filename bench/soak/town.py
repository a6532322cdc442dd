"""The people of a soak: signed in at simulated networks, each with people to be followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from openportability.accounts import grant_store
from openportability.accounts import service as accounts_service
from openportability.accounts import store as accounts
from openportability.domain import Account, Actor, ActorId, Found, NetworkName, Pace, Proof, UserId
from openportability.networks.fake.realm import Terms
from openportability.networks.fake.residents import Role
from openportability.networks.fake.tokens import challenge_of
from openportability.networks.fake.way import Line, through
from openportability.outbound import Door
from openportability.reconnection import planning
from openportability.reconnection.plan import Row, Verdict
from openportability.reconnection.rules import Origin
from openportability.site import Site

ROLES = {NetworkName("herd"): Role.INSTANCES, NetworkName("sky"): Role.REPOSITORY}
_VERIFIER = "a verifier that nobody needs to guess"


@dataclass(frozen=True, kw_only=True)
class Town:
    """Everybody who wants to follow, and the lines to what is behind the stage."""

    site: Site
    lines: Mapping[NetworkName, Line]
    members: Sequence[Account]
    #: Where somebody lives now: who moved, and to whom.
    moved: Mapping[ActorId, ActorId]
    before: Mapping[UserId, frozenset[ActorId]]

    def follows(self, account: Account) -> list[ActorId]:
        """Ask the network whom somebody follows: one entry a follow."""
        told = self.lines[account.actor.network].ask("follows_of", who=account.actor.id)
        return [ActorId(one) for one in told["actors"]]

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
            follow=True,
        )
        grant = sign_in.finish(secret=secret, answer={"code": told["code"]}).grant
        assert grant is not None
        with self.site.db.write() as tx:
            key = accounts.personal_key(tx, self.site.vault, account.user)
            grant_store.put_grant(tx, key, account.user, account.id, grant, self.site.clock.now())


def settle(site: Site, world_url: str, people: int, targets: int, speed: float) -> Town:
    """Let people join on both networks, and want so many follows each."""
    door = Door(clock=site.clock, allow_loopback=True, extra_ca_file=None, user_agent="soak")
    way = through(door, world_url, site.clock)
    lines = {
        name: Line(Terms(name=name, role=role, speed=speed), way, site.clock)
        for name, role in ROLES.items()
    }
    members: list[Account] = []
    moved: dict[ActorId, ActorId] = {}
    for name, line in lines.items():
        told = line.ask("people", limit=100_000)["people"]
        moved |= {ActorId(p["id"]): ActorId(p["moved_to"]) for p in told if p["moved_to"]}
        members += _members(site, name, told[: people // len(lines)])
    town = Town(
        site=site,
        lines=lines,
        members=members,
        moved=moved,
        before={},
    )
    before = {one.user: frozenset(town.follows(one)) for one in members}
    for one in members:
        town.sign_in(one)
        _want(site, one, _chosen(one, members, targets))
    return Town(site=site, lines=lines, members=members, moved=moved, before=before)


def _members(site: Site, name: NetworkName, told: Sequence[Mapping[str, Any]]) -> list[Account]:
    made = []
    with site.db.write() as tx:
        for one in told:
            user = accounts.create_user(tx, site.vault, "en", site.clock.now())
            accounts.choose(tx, user, found=Found.ANYONE, pace=Pace.NORMAL)
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
    rows = [
        Row(account=me.id, whom=one.id, network=me.actor.network, verdict=Verdict.NEW, rank=one.id)
        for one in whom
    ]
    with site.db.write() as tx:
        planning.want(tx, site, me.user, rows, origin=Origin.MANUAL, plan_id=None)
