"""A ledger, its person and its network as a machine that does anything at any moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from openportability.accounts import store as accounts
from openportability.domain import Account, AccountId, ActorId, Deed, Found, Purpose
from openportability.networks.fake.reply import Fault
from openportability.networks.fake.residents import Role
from openportability.reconnection.plan import Verdict
from openportability.reconnection.rules import NEXT, LaneState, State
from tests.reconnection.stage import Killed, Stage
from tests.reconnection.truth import one_row_made_each, tells_the_truth

S = State
#: How many people there are to follow; every third is locked.
PEOPLE = 5
#: States in which nothing is left to do; who is locked may never answer.
FINAL = {S.FOLLOWED, S.ALREADY, S.REFUSED, S.GONE, S.UNDONE, S.CANCELLED, S.REQUESTED, S.PROPOSED}
#: Calls that fail at any moment, and those that a worker may die at.
CALLS = ["relationships", "follow", "unfollow"]
VERBS = [*CALLS, "avoiding", "block", "unblock", "mute", "unmute"]
AVOIDS = [Deed.BLOCK, Deed.MUTE]
HANDS = ["pause", "stop", "undo", "leave", "file"]

#: Where each state may lead in several moves: rows are compared from step to step.
REACH: dict[State, set[State]] = {}
for state in State:
    reached, new = {state}, {state}
    while new:
        new = {after for before in new for after in NEXT[before]} - reached
        reached |= new
    REACH[state] = reached


class Ledger(RuleBasedStateMachine):
    """One user's lane, the people they want to follow, and everything that may happen."""

    open_stage: Callable[[Role], Stage]

    @initialize(role=st.sampled_from([Role.INSTANCES, Role.REPOSITORY]))
    def begin(self, role: Role) -> None:
        self.stage = self.open_stage(role)
        self.stage.grant(Purpose.AVOID)
        self.people = [
            self.stage.member(locked=number % 3 == 2 and role is Role.INSTANCES)
            for number in range(PEOPLE)
        ]
        self.left: set[int] = set()
        self.by_hand: set[str] = set()
        self.turned_down: set[str] = set()
        self.linked = True
        #: Follows, blocks and mutes that must not be sent any more, and how often each was when that was said.
        self.forbidden: dict[tuple[str, str], int] = {}
        self.before: dict[int, State] = {}

    # --- the person ---

    @precondition(lambda self: self.linked)
    @rule(numbers=st.sets(st.integers(0, PEOPLE - 1), min_size=1))
    def want(self, numbers: set[int]) -> None:
        here = [self.people[number] for number in sorted(numbers - self.left)]
        state = self.states_of(Deed.FOLLOW)
        for one in here:
            if state.get(one.id) is S.HANDED:
                self.stage.want(one, verdict=Verdict.HANDED)
                continue
            waits = state.get(one.id) in (S.READY, S.UNDOING)
            self.stage.want(one, verdict=Verdict.WAITING if waits else Verdict.NEW)
            self.allow(one)

    @precondition(lambda self: self.linked)
    @rule(numbers=st.sets(st.integers(0, PEOPLE - 1), min_size=1), deed=st.sampled_from(AVOIDS))
    def avoid(self, numbers: set[int], deed: Deed) -> None:
        state = self.states_of(deed)
        for number in sorted(numbers - self.left):
            one = self.people[number]
            if state.get(one.id) not in (S.READY, S.UNDOING):
                self.stage.want(one, rank=-1, deed=deed)
                self.allow(one, deed)

    def states_of(self, deed: Deed) -> dict[AccountId, State]:
        return {row.whom: row.state for row in self.stage.rows() if row.deed is deed}

    @precondition(lambda self: self.linked)
    @rule()
    def pause(self) -> None:
        self.stage.pause()

    @precondition(lambda self: self.linked)
    @rule()
    def resume(self) -> None:
        self.stage.resume()

    @precondition(lambda self: self.linked)
    @rule()
    def stop(self) -> None:
        self.stage.stop()
        self.forbid()

    @precondition(lambda self: self.linked)
    @rule()
    def undo(self) -> None:
        self.stage.undo()
        self.forbid()

    @precondition(lambda self: self.linked)
    @rule(number=st.integers(0, PEOPLE - 1))
    def undo_one(self, number: int) -> None:
        whom = self.people[number]
        rows = [row.id for row in self.stage.rows() if row.whom == whom.id]
        self.stage.undo(rows)
        # Nobody moves to where somebody else was: only the last may still be followed in another's place.
        if whom is not self.people[-1]:
            sent = self.sent()
            self.forbidden |= {(deed, whom.actor.id): sent[deed, whom.actor.id] for deed in Deed}

    @precondition(lambda self: self.linked)
    @rule()
    def retry(self) -> None:
        people = {one.id: one for one in self.people}
        for row in self.stage.rows():
            if row.state in (S.REFUSED, S.GONE):
                self.allow(people[row.whom], row.deed)
        self.stage.retry()

    @precondition(lambda self: self.takes_files())
    @rule()
    def take_a_file(self) -> None:
        self.stage.takes_a_file()
        sent = self.sent()
        for one in self.in_the_file():
            # Nobody moves to where somebody else was, as in `undo_one`.
            if one is not self.people[-1]:
                self.forbidden["follow", one.actor.id] = sent["follow", one.actor.id]

    @precondition(lambda self: self.takes_files())
    @rule()
    def give_the_file_back(self) -> None:
        for one in self.in_the_file():
            self.allow(one)
        self.stage.gives_the_file_back()

    @precondition(lambda self: self.takes_files())
    @rule(numbers=st.sets(st.integers(1, PEOPLE - 1), min_size=1))
    def imports(self, numbers: set[int]) -> None:
        some = {self.people[number].id for number in numbers - self.left}
        for one in self.in_the_file():
            if one.id in some:
                self.stage.imports(one)
                self.by_hand.add(one.actor.id)

    def takes_files(self) -> bool:
        return self.linked and self.stage.role is Role.INSTANCES and bool(self.stage.rows())

    def in_the_file(self) -> list[Account]:
        handed = {row.whom for row in self.stage.rows() if row.state is S.HANDED}
        return [one for one in self.people if one.id in handed]

    @precondition(lambda self: self.linked)
    @rule()
    def sign_in(self) -> None:
        self.stage.grant(Purpose.AVOID)
        self.stage.look()

    def leave(self) -> None:
        if self.linked:
            self.stage.leaves(self.stage.me)
            self.linked = False
            self.forbid()

    @precondition(lambda self: self.linked and len(self.stage.rows()) > 2)
    @rule(sure=st.integers(0, 9))
    def unlink(self, sure: int) -> None:
        if sure == 0:
            self.leave()

    def allow(self, whom: Account, deed: Deed = Deed.FOLLOW) -> None:
        """Let somebody be followed (blocked, muted) again, or who they moved to."""
        self.forbidden.pop((deed, whom.actor.id), None)
        if whom is self.people[-2]:
            self.forbidden.pop((deed, self.people[-1].actor.id), None)

    def forbid(self) -> None:
        sent = self.sent()
        ways = [(deed.value, one.actor.id) for deed in Deed for one in self.people]
        self.forbidden = {way: sent[way] for way in ways}

    # --- others, and the network ---

    @rule(verb=st.sampled_from(VERBS), how=st.sampled_from(Fault))
    def fail_next(self, verb: str, how: Fault) -> None:
        self.stage.fails(verb, how)

    @rule()
    def withdraw(self) -> None:
        self.stage.network.stage.ask("withdraw", who=self.stage.me.actor.id)

    @rule(flagged=st.booleans())
    def flag(self, flagged: bool) -> None:
        self.stage.network.stage.ask("flag", who=self.stage.me.actor.id, flagged=flagged)

    @rule(number=st.integers(0, PEOPLE - 1))
    def vanish(self, number: int) -> None:
        if number == 0:
            self.stage.network.stage.ask("vanish", who=self.people[number].actor.id)

    @rule(number=st.integers(0, PEOPLE - 1))
    def approve(self, number: int) -> None:
        whom = self.people[number].actor.id
        self.stage.network.stage.ask("approve", who=whom, asked_by=self.stage.me.actor.id)

    @rule(number=st.integers(0, PEOPLE - 1))
    def turn_down(self, number: int) -> None:
        whom = self.people[number].actor.id
        me = self.stage.me.actor.id
        self.stage.network.stage.ask("unfollow_by_hand", who=me, whom=whom)
        self.turned_down.add(whom)

    @rule(number=st.integers(0, PEOPLE - 1))
    def departs(self, number: int) -> None:
        if number == 1 and number not in self.left:
            self.stage.leaves(self.people[number])
            self.left.add(number)

    @rule(number=st.integers(2, 3), found=st.sampled_from([Found.ANYONE, Found.NOBODY]))
    def hides(self, number: int, found: Found) -> None:
        with self.stage.db.write() as tx:
            accounts.choose(tx, self.people[number].user, found=found)

    @precondition(lambda self: self.stage.role is Role.INSTANCES)
    @rule()
    def moves(self) -> None:
        self.stage.network.stage.ask(
            "move", who=self.people[3].actor.id, to=self.people[4].actor.id
        )

    # --- the worker ---

    @rule(seconds=st.sampled_from([0.1, 10, 130, 3_700, 90_000]))
    def forward(self, seconds: float) -> None:
        self.stage.clock.forward(seconds=seconds)

    @rule(seconds=st.sampled_from([-90_000, -130, -5, 130, 3_700]), seen=st.booleans())
    def set_clock(self, seconds: int, seen: bool) -> None:
        self.stage.sets_clock(seconds, seen=seen)

    @precondition(lambda self: self.linked)
    @rule()
    def serve(self) -> None:
        self.stage.serve()

    @precondition(lambda self: self.linked)
    @rule(verb=st.sampled_from(CALLS), sent=st.booleans())
    def die(self, verb: str, sent: bool) -> None:
        self.stage.kills(verb, sent=sent)
        try:
            self.stage.serve()
        except Killed:
            self.stage.clock.forward(seconds=1)
        self.stage.watched.before.clear()
        self.stage.watched.after.clear()

    @precondition(lambda self: self.linked)
    @rule(verb=st.sampled_from(CALLS), sent=st.booleans(), hand=st.sampled_from(HANDS))
    def press_meanwhile(self, verb: str, sent: bool, hand: str) -> None:
        """Press something while a call is under way. What that call does may still happen."""

        def press() -> None:
            {
                "pause": self.stage.pause,
                "stop": self.stop_meanwhile,
                "undo": self.undo_meanwhile,
                "leave": self.leave_meanwhile,
                "file": self.file_meanwhile,
            }[hand]()

        (self.stage.watched.after if sent else self.stage.watched.before)[verb] = press
        self.under_way = verb == "follow" and not sent
        self.stage.serve()
        self.stage.watched.before.clear()
        self.stage.watched.after.clear()

    def stop_meanwhile(self) -> None:
        self.stage.stop()
        self.forbid_more()

    def undo_meanwhile(self) -> None:
        self.stage.undo()
        self.forbid_more()

    def leave_meanwhile(self) -> None:
        if len(self.stage.sent()) > 3:
            self.leave()
            self.forbid_more()

    def file_meanwhile(self) -> None:
        if self.takes_files():
            self.take_a_file()

    def forbid_more(self) -> None:
        """Forbid all but what the call under way may do."""
        self.forbid()
        if self.under_way:
            asked = {row.whom for row in self.stage.rows() if row.asked_at is not None}
            for one in self.people:
                if one.id in asked or not self.linked:
                    self.allow(one)

    @precondition(lambda self: self.linked)
    @rule(verb=st.sampled_from(CALLS), sent=st.booleans())
    def outlive_the_lease(self, verb: str, sent: bool) -> None:
        """Another worker serves the lane while this one waits for an answer."""

        def another() -> None:
            self.stage.clock.forward(seconds=130)
            self.stage.serve()

        (self.stage.watched.after if sent else self.stage.watched.before)[verb] = another
        self.stage.serve()
        self.stage.watched.before.clear()
        self.stage.watched.after.clear()

    # --- what must always hold ---

    def made(self, deed: Deed) -> list[ActorId]:
        return self.stage.follows() if deed is Deed.FOLLOW else self.stage.avoided(deed)

    def sent(self) -> Counter[tuple[str, str]]:
        return Counter(self.stage.sent())

    @invariant()
    def nothing_is_made_twice(self) -> None:
        for deed in Deed:
            made = Counter(self.made(deed))
            assert max(made.values(), default=0) <= 1, (deed, made)

    @invariant()
    def only_allowed_moves(self) -> None:
        now = {row.id: row.state for row in self.stage.rows()}
        for row, state in now.items():
            assert state in REACH[self.before.get(row, S.READY)]
        if self.linked:
            assert self.before.keys() <= now.keys(), "a row was forgotten"
        self.before = now

    @invariant()
    def nothing_is_sent_after_the_person_said_no(self) -> None:
        sent = self.sent()
        for way, times in self.forbidden.items():
            assert sent[way] == times, f"{way} was done after stop, undo or leave"

    def teardown(self) -> None:
        """Faults stop and time passes: every wanted row comes to an end, and the ledger tells the truth."""
        if not hasattr(self, "stage"):
            return
        try:
            if self.linked:
                self.finish()
        finally:
            self.stage.db.close()

    def finish(self) -> None:
        stage = self.stage
        for verb in VERBS:
            stage.world._planned[stage.name, verb].clear()
        stage.network.stage.ask("flag", who=stage.me.actor.id, flagged=False)
        stage.grant(Purpose.AVOID)
        stage.look()
        if stage.rows():
            stage.resume()
            stage.pass_days(60)
            assert stage.lane().state is LaneState.OPEN
        assert set(stage.states()) <= FINAL, stage.states()
        self.nothing_is_made_twice()
        self.nothing_is_sent_after_the_person_said_no()
        made = {deed: set(self.made(deed)) for deed in Deed}
        tells_the_truth(stage.rows(), made, by_hand=self.by_hand)
        one_row_made_each(stage.rows(), turned_down=self.turned_down)
