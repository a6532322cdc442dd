"""A user with one account on a simulated network, members to be followed, and hands on both sides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from openportability.accounts import grant_store
from openportability.accounts import service as accounts_service
from openportability.accounts import store as accounts
from openportability.clock import MovedClock, Watch
from openportability.consent import service as consent
from openportability.consent.rules import Choice
from openportability.db.engine import Database
from openportability.domain import (
    Account,
    Actor,
    ActorId,
    Deed,
    Found,
    Grant,
    Limits,
    Pace,
    Proof,
    Purpose,
    Standing,
    UserId,
    Wanted,
)
from openportability.errors import Forbidden
from openportability.network import Answers, Destination, Page, Room
from openportability.networks.fake.realm import Terms
from openportability.networks.fake.reply import Fault
from openportability.networks.fake.residents import Role
from openportability.networks.fake.way import within
from openportability.networks.fake.world import shared_world
from openportability.operator import service as operating
from openportability.reconnection import (
    handing,
    jobs,
    lane_store,
    planning,
    service,
    standing,
    store,
)
from openportability.reconnection.lane import Lane
from openportability.reconnection.ledger import Reconnection
from openportability.reconnection.plan import Row, Verdict
from openportability.reconnection.rules import Origin, State
from openportability.reconnection.slice import serve_lane
from openportability.site import Site
from tests import cast
from tests.networks.fake.contract import Simulated
from tests.networks.subject import a_door

#: Gaps between calls shrink to a millisecond, and a day's limit to a minute and a half.
SPEED = "1000"


class StillClock(MovedClock):
    """Time that stands still until a test moves it."""

    def __init__(self) -> None:
        super().__init__()
        self._now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now + self._ahead + self._set


class Killed(BaseException):
    """The worker is no more. No code of ours may catch this."""


class Watched:
    """A destination that lets a test step in before and after each call."""

    def __init__(self, inner: Destination) -> None:
        self.inner = inner
        self.limits: Limits = inner.limits
        #: What happens around the next call of a verb; once.
        self.before: dict[str, Callable[[], None]] = {}
        self.after: dict[str, Callable[[], None]] = {}
        self.left_out: set[ActorId] = set()
        #: Whom the network does not let our user follow, without a word why.
        self.forbidden: set[ActorId] = set()
        self.calls: list[tuple[str, int]] = []

    def following(self, grant: Grant, cursor: str | None) -> Page:
        return self.inner.following(grant, cursor)

    def reserve(self, count: int) -> Sequence[str | None]:
        return self.inner.reserve(count)

    def relationships(self, grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        return self._around("relationships", grant, wanted)

    def follow(self, grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        return self._around("follow", grant, wanted)

    def unfollow(self, grant: Grant, made: Sequence[Wanted]) -> Answers:
        return self._around("unfollow", grant, made)

    def _around(self, verb: str, grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        self.calls.append((verb, len(wanted)))
        self.before.pop(verb, lambda: None)()
        answers = self._asked(verb, grant, wanted)
        self.after.pop(verb, lambda: None)()
        of = {actor: one for actor, one in answers.of.items() if actor not in self.left_out}
        return Answers(of=of, budget=answers.budget)

    def _asked(self, verb: str, grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        no = self.forbidden if verb == "follow" else set()
        call: Callable[[Grant, Sequence[Wanted]], Answers] = getattr(self.inner, verb)
        allowed = [one for one in wanted if one.actor.id not in no]
        answers = call(grant, allowed) if allowed else Answers(of={})
        refused = {one.actor.id: Forbidden() for one in wanted if one.actor.id in no}
        return replace(answers, of={**answers.of, **refused})


class Stage:
    """One simulated network, and one where nobody is followed; a site, and a user whose account is to follow others."""

    def __init__(self, db: Database, role: Role, *, speed: str = SPEED) -> None:
        self.db = db
        self.role = role
        self.clock = StillClock()
        self.world = shared_world(seed="1", people=1, clock=self.clock)
        self.network = Simulated(
            role,
            clock=self.clock,
            door=a_door(self.clock),
            way=within(self.world),
            options={"ROLE": role, "PEOPLE": "1", "SPEED": speed},
        )
        # The first to speak to a network of the world says how fast it is.
        self.terms = Terms(name=self.network.network.name, role=role, speed=float(speed))
        self.world.realm(self.terms)
        assert self.network.network.destination is not None
        self.watched = Watched(self.network.network.destination)
        self.name = self.network.network.name
        self.site: Site = cast.make_site(
            db,
            self.clock,
            [replace(self.network.network, destination=self.watched), cast.tiny_network(cast.OLD)],
            jobs=(jobs.work,),
            endings=(lambda tx, site, account: service.end_account(tx, account),),
        )
        self.site = replace(
            self.site,
            after_standing=(lambda tx, user, wish: standing.heed(tx, self.site, user, wish),),
        )
        self.me = self.member()
        self.user: UserId = self.me.user
        self.grant()

    # --- people ---

    def member(
        self, *, locked: bool = False, found: Found = Found.ANYONE, host: str | None = None
    ) -> Account:
        """Return the account of somebody new who is here."""
        return self.member_as(self.network.person(locked=locked, host=host), found=found)

    def member_as(self, actor: Actor, *, found: Found = Found.ANYONE) -> Account:
        with self.db.write() as tx:
            user = accounts.create_user(tx, self.site.vault, "en", self.clock.now())
            accounts.choose(tx, user, found=found, pace=Pace.FULL)
            key = accounts_service.key_of(self.site, actor.network, actor.id)
            return accounts.add_account(tx, user, actor, key, Proof.PROVED)

    def grant(self, purpose: Purpose = Purpose.FOLLOW) -> None:
        """Let the user sign in (again)."""
        grant = self.network.sign_in(self.me.actor, purpose).grant
        assert grant is not None
        with self.db.write() as tx:
            key = accounts.personal_key(tx, self.site.vault, self.user)
            grant_store.put_grant(tx, key, self.user, self.me.id, grant, self.site.clock.now())

    def leaves(self, account: Account) -> None:
        """Take somebody's account out of the site, as unlinking does."""
        with self.db.write() as tx:
            for end in self.site.before_unlink:
                end(tx, account)
            accounts.drop_account(tx, account.id)

    # --- the person's hand ---

    def want(
        self,
        *whom: Account,
        rank: int = 0,
        verdict: Verdict = Verdict.NEW,
        deed: Deed = Deed.FOLLOW,
        origin: Origin = Origin.MANUAL,
        state: State = State.READY,
    ) -> None:
        rows = [
            Row(account=self.me.id, whom=one.id, network=self.name, verdict=verdict, rank=rank)
            for one in whom
        ]
        with self.db.write() as tx:
            planning.want(
                tx,
                self.site,
                self.user,
                rows,
                origin=origin,
                plan_id=None,
                deed=deed,
                state=state,
            )

    def chooses(self, wish: Standing) -> None:
        """Say what is to happen when someone arrives."""
        with self.db.write() as tx:
            said = Choice.STANDING, wish
            consent.choose(tx, self.site, self.user, *said, locale="en", how="page")

    def stop(self) -> None:
        with self.db.write() as tx:
            service.stop(tx, self.site, self.user)

    def undo(self, rows: Sequence[int] | None = None) -> None:
        with self.db.write() as tx:
            service.undo(tx, self.site, self.user, rows)

    def takes_a_file(self, room: Room | None = None) -> int:
        with self.db.write() as tx:
            return handing.hand_over(tx, self.site, self.user, self.name, room)

    def file(self) -> list[str]:
        """Return the lines of the file."""
        with self.db.read() as tx:
            made = handing.file(tx, self.site, self.user, self.name)
        return made.body.decode().splitlines()

    def imports(self, *whom: Account) -> None:
        """Follow as the network's own import does."""
        for one in whom:
            self.network.stage.ask("follow_by_hand", who=self.me.actor.id, whom=one.actor.id)

    def gives_the_file_back(self) -> int:
        with self.db.write() as tx:
            return handing.take_back(tx, self.site, self.user, self.name)

    def accepts(self) -> None:
        with self.db.write() as tx:
            standing.accept_proposed(tx, self.site, self.user)

    def refuses(self) -> int:
        with self.db.write() as tx:
            return standing.refuse_proposed(tx, self.site, self.user)

    def puts_aside(self, *whom: Account) -> None:
        with self.db.write() as tx:
            standing.put_aside(tx, self.site, self.user, {one.user for one in whom})

    def proposed(self) -> int:
        """Return how many are said to wait for the person's word."""
        with self.db.read() as tx:
            lines = service.progress(tx, self.site, self.user)
        return sum(line.total("proposed") for line in lines)

    def retry(self) -> None:
        with self.db.write() as tx:
            service.retry(tx, self.site, self.user)

    def pause(self) -> None:
        with self.db.write() as tx:
            service.pause(tx, self.user)

    def resume(self) -> None:
        with self.db.write() as tx:
            service.resume(tx, self.site, self.user)

    def hides(self, whom: Account) -> None:
        with self.db.write() as tx:
            accounts.choose(tx, whom.user, found=Found.NOBODY)

    # --- the worker ---

    def sets_clock(self, seconds: float, *, seen: bool) -> None:
        """Set the clock, forward or back, while no time passes; if a worker sees it, it puts right what waits."""
        self.clock.jump(seconds=seconds)
        if seen and -seconds >= Watch.LEAST.total_seconds():
            with self.db.write() as tx:
                operating.turn_back(tx, self.clock.now(), timedelta(seconds=-seconds))

    def serve(self) -> bool:
        return serve_lane(self.site, self.me.id)

    def look(self) -> None:
        """Do what the chore does: open lanes of who signed in again."""
        with self.db.write() as tx:
            lane_store.reopen(tx, lane_store.signed_in_again(tx), self.clock.now())

    def pass_days(self, days: float = 30, *, most: int = 400) -> None:
        """Let time go by; serve whenever something is due."""
        end = self.clock.now() + timedelta(days=days)
        for _ in range(most):
            self.look()
            while self.serve():
                pass
            lane = self.lane()
            later = [at for at in (lane.next_at, lane.lease_until) if at and at > self.clock.now()]
            if not later or min(later) > end:
                return
            self.clock.forward(seconds=(min(later) - self.clock.now()).total_seconds() + 0.001)
        raise AssertionError(f"still busy: {self.states()} {self.lane()}")

    # --- what is now ---

    def rows(self) -> list[Reconnection]:
        with self.db.read() as tx:
            key = accounts.personal_key(tx, self.site.vault, self.user)
            return store.page(tx, key, self.user, states=(), before=None, limit=1000)[::-1]

    def row(self, whom: Account) -> Reconnection:
        (found,) = [row for row in self.rows() if row.whom == whom.id]
        return found

    def states(self) -> list[State]:
        return [row.state for row in self.rows()]

    def lane(self) -> Lane:
        with self.db.read() as tx:
            (lane,) = lane_store.lanes_of(tx, self.user)
        return lane

    def follows(self) -> list[ActorId]:
        """Whom the user follows at the network: one entry a follow."""
        return list(
            map(ActorId, self.network.stage.ask("follows_of", who=self.me.actor.id)["actors"])
        )

    def avoided(self, deed: Deed) -> list[ActorId]:
        """Whom the user blocks, or mutes, at the network: one entry each time."""
        return self.network.avoided(self.me.actor, deed)

    def sent(self) -> list[tuple[str, str]]:
        """All writes that reached the network: verb and whom."""
        return [(one["verb"], one["whom"]) for one in self.network.stage.ask("writes")["writes"]]

    def fails(self, verb: str, how: Fault, times: int = 1) -> None:
        self.world.fail_next(self.name, verb, how, times)

    def kills(self, verb: str, *, sent: bool) -> None:
        """Let the worker die before or after the next call of a verb."""

        def die() -> None:
            raise Killed

        (self.watched.after if sent else self.watched.before)[verb] = die


def follow_writes(stage: Stage) -> int:
    """Return how many follows reached the network."""
    return sum(verb == "follow" for verb, _ in stage.sent())
