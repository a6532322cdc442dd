"""One simulated network: what its servers answer, and what a test may look up behind the stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from openportability.clock import Clock, micros
from openportability.networks.fake.avoided import Avoided
from openportability.networks.fake.people import People
from openportability.networks.fake.reply import Refusal
from openportability.networks.fake.residents import BRIDGE_HOST, Resident, Residents, Role
from openportability.networks.fake.ties import ByInstances, ByRepository, Row, Ties, Wish
from openportability.networks.fake.tokens import BLOCK, FOLLOW, MUTE, READ, Session, Tokens

#: Refusals that concern the one who was to be followed, and not the call.
ABOUT_ONE = frozenset({"gone", "moved", "refused", "remote_down", "ceiling"})

Told = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What kind of network is to be simulated under a name."""

    name: str
    role: Role
    #: How many times faster than the real ones its windows and servers are.
    speed: float = 1.0
    #: Percent of the calls about follows that fail, in all ways.
    faults: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Write:
    """A follow, a block, a mute or the end of one, that reached the network and was done."""

    at: int
    actor: str
    verb: str
    whom: str
    record: str | None


class Realm:
    """The state of one network. Not safe for threads: the world calls one verb at a time."""

    def __init__(self, terms: Terms, people: People, clock: Clock) -> None:
        self.residents = Residents(terms.name, terms.role, people)
        self._people = people
        self._clock = clock
        self._tokens = Tokens()
        self._ties = _ties(terms, people, self.residents)
        # Mutes are nobody else's business: no network writes records of them.
        self._avoided = {
            BLOCK: Avoided(records=terms.role is Role.REPOSITORY),
            MUTE: Avoided(records=False),
        }
        self._writes: list[Write] = []
        self._flagged: set[str] = set()
        #: Ids of other networks, and whom the bridge keeps here for them.
        self._bridged: dict[str, str] = {}

    # --- what anyone may ask ------------------------------------------------------------------

    def hosts(self) -> Told:
        """Tell which servers there are."""
        return {"hosts": self.residents.hosts()}

    def people(self, *, query: str = "", limit: int = 20, skip: int = 0) -> Told:
        """Tell who lives here, those first whose handle or name begins with the query."""
        query = query.strip().lstrip("@").lower()
        here = [one for one in self.residents if not one.gone]
        if query:
            here = [one for one in here if query in one.handle or query in one.name.lower()]
            here.sort(key=lambda one: not one.handle.startswith(query))
        return {"people": [one.told() for one in here[skip : skip + limit]], "count": len(here)}

    def person(self, *, who: str) -> Told:
        """Tell about one of them, by id or handle."""
        return self._someone(who).told()

    def twin(self, *, of: str) -> Told:
        """Tell the account that the bridge keeps here for somebody of another network, if there is one."""
        kept = self.residents.get(self._bridged.get(of, ""))
        return {"twin": None if kept is None or kept.gone else kept.told()}

    def circle(self, *, who: str) -> Told:
        """Tell whom somebody follows and who follows them, where lists come from."""
        one = self._someone(who)
        if one.person is None:
            return {"following": [], "followers": []}
        return {
            "following": self._ids(self._people.following[one.person]),
            "followers": self._ids(self._people.followers[one.person]),
        }

    # --- signing in ---------------------------------------------------------------------------

    def grant_code(
        self,
        *,
        who: str,
        redirect_uri: str,
        challenge: str,
        deeds: Sequence[str] = (),
    ) -> Told:
        """Give the code that the person's *Allow* gives, without a page."""
        scopes = (READ, *deeds) if self._ties else (READ,)
        code = self._tokens.code(
            self._someone(who).id,
            scopes=scopes,
            redirect_uri=redirect_uri,
            challenge=challenge,
            now=self._now(),
        )
        return {"code": code}

    def token(self, *, code: str, redirect_uri: str, verifier: str) -> Told:
        """Turn a code into a token, once."""
        now = self._now()
        return self._opened(
            *self._tokens.exchange(code, redirect_uri=redirect_uri, verifier=verifier, now=now)
        )

    def refresh(self, *, refresh: str) -> Told:
        """Turn a refresh token into a new token, once."""
        return self._opened(*self._tokens.refresh(refresh, self._now()))

    def revoke(self, *, token: str) -> Told:
        """End a token."""
        self._tokens.end(token)
        return {}

    # --- follows ------------------------------------------------------------------------------

    def following(self, *, token: str, cursor: str | None = None) -> Told:
        """Tell a page of whom the owner of the token follows."""
        actor = self._tokens.check(token, READ, self._now())
        ties, start = self._destination(), int(cursor or 0)
        ties.asked(actor, self._now(), requests=1)
        everyone = ties.following(actor, self._now())
        end = start + ties.page
        # A full page always names a next one, which may turn out to be empty.
        more = str(end) if end <= len(everyone) else None
        return {"actors": everyone[start:end], "cursor": more}

    def relationships(self, *, token: str, wanted: Sequence[Mapping[str, Any]]) -> Told:
        """Tell what is between the owner of the token and others."""
        actor = self._tokens.check(token, READ, self._now())
        wishes = [Wish(**one) for one in wanted]
        self._destination().asked(actor, self._now(), requests=1, about=wishes)
        return self._answer(actor, wishes)

    def follow(self, *, token: str, wanted: Sequence[Mapping[str, Any]]) -> Told:
        """Follow them, all or none, and tell what is now."""
        actor = self._writer(token)
        wishes, ties, now = [Wish(**one) for one in wanted], self._destination(), self._now()
        ties.asked(actor, now, requests=len(wishes))
        before = [ties.row(actor, wish, now).get("tie") for wish in wishes]
        try:
            ties.follow(actor, wishes, now)
        except Refusal as refusal:
            if refusal.reason not in ABOUT_ONE:
                raise
            (wish,) = wishes
            row: Row = {"error": refusal.reason}
            if refusal.reason == "moved":
                row["moved_to"] = self._someone(wish.id).moved_to
            return {"of": {wish.id: row}}
        # Records pile up, whereas following somebody twice one by one changes nothing.
        new = [
            wish
            for wish, tie in zip(wishes, before, strict=True)
            if tie == "none" or isinstance(ties, ByRepository)
        ]
        self._note("follow", actor, new)
        return self._answer(actor, wishes)

    def unfollow(self, *, token: str, made: Sequence[Mapping[str, Any]]) -> Told:
        """Take these follows back and tell what is now."""
        actor = self._writer(token)
        wishes = [Wish(**one) for one in made]
        # Each is looked at and taken back.
        self._destination().asked(actor, self._now(), requests=2 * len(wishes))
        self._destination().unfollow(actor, wishes, self._now())
        self._note("unfollow", actor, wishes)
        return self._answer(actor, wishes)

    # --- blocks and mutes ---------------------------------------------------------------------

    def avoiding(self, *, token: str, deed: str, wanted: Sequence[Mapping[str, Any]]) -> Told:
        """Tell whom of these the owner of the token blocks, or mutes."""
        actor = self._tokens.check(token, READ, self._now())
        wishes = [Wish(**one) for one in wanted]
        self._destination().asked(actor, self._now(), requests=1, about=wishes)
        return self._barred(deed, actor, wishes)

    def block(self, *, token: str, wanted: Sequence[Mapping[str, Any]]) -> Told:
        """Block them, all or none, and tell what is now."""
        if isinstance(self._ties, ByRepository):
            cost = self._ties.create_points * len(wanted)
            self._ties.allowance.take(self._writer(token, BLOCK), cost, self._now())
        return self._avoid(BLOCK, token, wanted)

    def unblock(self, *, token: str, made: Sequence[Mapping[str, Any]]) -> Told:
        """Take these blocks back and tell what is now."""
        return self._avoid_no_more(BLOCK, token, made)

    def mute(self, *, token: str, wanted: Sequence[Mapping[str, Any]]) -> Told:
        """Mute them, all or none, and tell what is now."""
        return self._avoid(MUTE, token, wanted)

    def unmute(self, *, token: str, made: Sequence[Mapping[str, Any]]) -> Told:
        """Take these mutes back and tell what is now."""
        return self._avoid_no_more(MUTE, token, made)

    # --- behind the stage ---------------------------------------------------------------------

    def arrive(self, *, nick: str, host: str | None = None, locked: bool = False) -> Told:
        """Let somebody new move in, whom nobody follows."""
        host = host or self.residents.hosts()[0]
        return self.residents.arrive(nick, host, locked=locked).told()

    def bridge(self, *, of: str, nick: str) -> Told:
        """Let the bridge keep an account here for somebody of another network."""
        kept = self.residents.arrive(nick, BRIDGE_HOST)
        self._bridged[of] = kept.id
        return kept.told()

    def vanish(self, *, who: str) -> Told:
        """Delete an account."""
        one = self._someone(who)
        one.gone = True
        self._tokens.end_all(one.id)
        return one.told()

    def rename(self, *, who: str, nick: str) -> Told:
        """Let somebody be called something else."""
        return self.residents.rename(self._someone(who), nick).told()

    def move(self, *, who: str, to: str) -> Told:
        """Let an account declare its successor."""
        one = self._someone(who)
        one.moved_to = self._someone(to).id
        return one.told()

    def approve(self, *, who: str, asked_by: str) -> Told:
        """Let somebody locked say yes."""
        ties = self._destination()
        if isinstance(ties, ByInstances):
            ties.approve(self._someone(asked_by).id, self._someone(who).id, self._now())
        return {}

    def flag(self, *, who: str, flagged: bool = True) -> Told:
        """Take an account for a bulk follower, or no longer."""
        one = self._someone(who)
        (self._flagged.add if flagged else self._flagged.discard)(one.id)
        return {}

    def withdraw(self, *, who: str) -> Told:
        """End all tokens of somebody, as they do on their network's own settings page."""
        return {"ended": self._tokens.end_all(self._someone(who).id)}

    def follow_by_hand(self, *, who: str, whom: str) -> Told:
        """Follow as a person does in another program: not in the log."""
        wish = Wish(id=self._someone(whom).id)
        self._destination().follow(self._someone(who).id, [wish], self._now())
        return {}

    def unfollow_by_hand(self, *, who: str, whom: str) -> Told:
        """Unfollow as a person does in another program: not in the log."""
        self._destination().drop_all(self._someone(who).id, self._someone(whom).id)
        return {}

    def follows_of(self, *, who: str) -> Told:
        """Tell whom somebody follows, one entry a follow: a double one shows twice."""
        return {"actors": self._destination().following(self._someone(who).id, self._now())}

    def avoid_by_hand(self, *, who: str, deed: str, whom: str) -> Told:
        """Block or mute as a person does in another program: not in the log."""
        self._avoided[deed].make(self._someone(who).id, [Wish(id=self._someone(whom).id)])
        return {}

    def avoided_of(self, *, who: str, deed: str) -> Told:
        """Tell whom somebody blocks, or mutes, one entry each time."""
        return {"actors": self._avoided[deed].of(self._someone(who).id)}

    def writes(self, *, since: int = 0, most: int | None = None) -> Told:
        """Tell what a client made or took back, in order: all of it, or so much at a time."""
        end = None if most is None else since + most
        return {"writes": [asdict(write) for write in self._writes[since:end]]}

    def spending(self) -> Told:
        """Tell what each actor spent at most in one window, and how often they were refused."""
        return dict(self._destination().spent())

    # --- inside -------------------------------------------------------------------------------

    def _now(self) -> datetime:
        return self._clock.now()

    def _someone(self, who: str) -> Resident:
        one = self.residents.get(who) or self.residents.named(who)
        if one is None:
            raise Refusal(404, "unknown")
        return one

    def _ids(self, numbers: Sequence[int]) -> list[str]:
        found = (self.residents.of_person(number) for number in numbers)
        return [one.id for one in found if one]

    def _destination(self) -> Ties:
        if self._ties is None:
            raise Refusal(404, "no_follows_here")
        return self._ties

    def _writer(self, token: str, scope: str = FOLLOW) -> str:
        actor = self._tokens.check(token, scope, self._now())
        if actor in self._flagged:
            raise Refusal(403, "flagged")
        return actor

    def _opened(self, token: str, session: Session) -> Told:
        return {
            "token": token,
            "refresh": session.refresh,
            "scopes": session.scopes,
            "until": micros(session.until),
            "person": self._someone(session.actor).told(),
        }

    def _answer(self, actor: str, wishes: Sequence[Wish]) -> Told:
        ties, now = self._destination(), self._now()
        rows = {wish.id: ties.row(actor, wish, now) for wish in wishes}
        for whom in rows.keys() & set(self._avoided[BLOCK].of(actor)):
            rows[whom]["blocked"] = True
        told: Told = {"of": rows}
        if isinstance(ties, ByRepository):
            points, reset_at = ties.allowance.left(actor, now)
            told |= {"remaining": points // ties.create_points, "reset_at": micros(reset_at)}
        return told

    def _avoid(self, deed: str, token: str, wanted: Sequence[Mapping[str, Any]]) -> Told:
        actor, wishes = self._writer(token, deed), [Wish(**one) for one in wanted]
        self._destination().asked(actor, self._now(), requests=len(wishes))
        here = [wish for wish in wishes if not self._someone(wish.id).gone]
        self._avoided[deed].make(actor, here)
        self._note(deed, actor, wishes)
        return self._barred(deed, actor, wishes)

    def _avoid_no_more(self, deed: str, token: str, made: Sequence[Mapping[str, Any]]) -> Told:
        actor, wishes = self._writer(token, deed), [Wish(**one) for one in made]
        self._destination().asked(actor, self._now(), requests=2 * len(wishes))
        self._avoided[deed].take_back(actor, wishes)
        self._note(f"un{deed}", actor, wishes)
        return self._barred(deed, actor, wishes)

    def _barred(self, deed: str, actor: str, wishes: Sequence[Wish]) -> Told:
        return {
            "of": {
                wish.id: {"error": "gone"}
                if self._someone(wish.id).gone
                else self._avoided[deed].row(actor, wish)
                for wish in wishes
            }
        }

    def _note(self, verb: str, actor: str, wishes: Sequence[Wish]) -> None:
        at = micros(self._now())
        self._writes += [
            Write(at=at, actor=actor, verb=verb, whom=wish.id, record=wish.record)
            for wish in wishes
        ]


def _ties(terms: Terms, people: People, residents: Residents) -> ByInstances | ByRepository | None:
    match terms.role:
        case Role.SOURCE:
            return None
        case Role.INSTANCES:
            return ByInstances(terms.name, people, residents, speed=terms.speed)
        case Role.REPOSITORY:
            return ByRepository(terms.name, people, residents, speed=terms.speed)
