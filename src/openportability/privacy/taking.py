"""Gathers all that is kept about a person: each store is asked for what it holds of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from openportability.accounts import session_store
from openportability.accounts import store as accounts
from openportability.accounts.session_store import SessionKind
from openportability.archives import store as archives
from openportability.clock import EPOCH
from openportability.consent import store as consent
from openportability.db.engine import Tx
from openportability.domain import Account, AccountId, Deed, UserId
from openportability.errors import NotFound
from openportability.graph import store as lists
from openportability.graph.store import Held
from openportability.mail import store as mail
from openportability.matching import service as matching
from openportability.privacy import store, whereabouts
from openportability.privacy.parts import (
    VERSION,
    AnswersPart,
    ArchivePart,
    AvoidedPart,
    ConsentPart,
    CopyPart,
    Document,
    LanePart,
    LedgerPart,
    ListPart,
    MailPart,
    MatchPart,
    MemberPart,
    PlanPart,
    SessionPart,
)
from openportability.reconnection import lane_store, plan_store
from openportability.reconnection import service as reconnection
from openportability.reconnection import store as ledger
from openportability.reconnection.rules import State
from openportability.reconnection.service import Line
from openportability.site import Site
from openportability.vault import PersonalKey

_ROWS = 1000


def document(tx: Tx, site: Site, user: UserId) -> Document:
    """Return everything about a person, in an order that does not change by itself."""
    mine = accounts.accounts_of(tx, user)
    key = accounts.personal_key(tx, site.vault, user)
    return Document(
        version=VERSION,
        site=site.settings.base_url,
        member=_member(tx, user),
        accounts=tuple(whereabouts.accounts(tx, user, mine)),
        consents=tuple(_consents(tx, user)),
        lists=tuple(_lists(tx, site, user, mine)),
        archives=tuple(
            ArchivePart(at=at, report=report.decode())
            for at, report in archives.all_of(tx, key, user)
        ),
        matches=tuple(_matches(tx, site, user)),
        plans=tuple(_plans(tx, key, user)),
        ledger=tuple(_ledger(tx, site, user, mine)),
        lanes=tuple(_lanes(tx, user, mine)),
        sessions=tuple(_sessions(tx, site, user)),
        answers=tuple(
            AnswersPart(day=str((EPOCH + timedelta(days=day)).date()), count=count)
            for day, count in store.answers_of(tx, user)
        ),
        mail=_mail(tx, key, user),
        avoided=tuple(_avoided(tx, site, user)),
        copies=tuple(whereabouts.copies(tx, user, mine)),
    )


@dataclass(frozen=True, kw_only=True)
class Overview:
    """What the page of a person's data says: as the document, but counted and not opened."""

    accounts: list[Account]
    copies: list[CopyPart]
    lists: list[Held]
    consents: list[ConsentPart]
    #: Follows, blocks and mutes, by what became of them.
    states: list[tuple[str, int]]
    blocks: list[tuple[str, int]]
    mutes: list[tuple[str, int]]
    #: Places of people who were found.
    matches: int
    plans: int
    archives: int
    sessions: list[SessionPart]
    mail: MailPart | None


def overview(tx: Tx, site: Site, user: UserId) -> Overview:
    """Return how much there is of everything; a list of a million is not opened for that."""
    counted = ledger.counts(tx, user)
    mine = accounts.accounts_of(tx, user)
    return Overview(
        accounts=mine,
        copies=list(whereabouts.copies(tx, user, mine)),
        lists=lists.lists_of(tx, user),
        consents=list(_consents(tx, user)),
        states=_states(counted[Deed.FOLLOW]),
        blocks=_states(counted[Deed.BLOCK]),
        mutes=_states(counted[Deed.MUTE]),
        matches=matching.counted(tx, site, user).places,
        plans=len(store.plans_of(tx, user)),
        archives=archives.count(tx, user),
        sessions=list(_sessions(tx, site, user)),
        mail=_mail(tx, accounts.personal_key(tx, site.vault, user), user),
    )


def _states(counted: Mapping[tuple[AccountId, State], int]) -> list[tuple[str, int]]:
    states = Counter[str]()
    for (_, state), count in counted.items():
        states[state] += count
    return sorted(states.items())


def _member(tx: Tx, user: UserId) -> MemberPart:
    chosen = accounts.user(tx, user)
    if chosen is None:
        raise NotFound
    return MemberPart(
        created_at=store.created_at(tx, user),
        seen_at=chosen.seen_at,
        locale=chosen.locale,
        found=chosen.found,
        standing=chosen.standing,
        pace=chosen.pace,
        bridged=chosen.bridged,
        looked_at=chosen.looked_at,
    )


def _consents(tx: Tx, user: UserId) -> Iterator[ConsentPart]:
    for said in consent.history(tx, user):
        yield ConsentPart(
            purpose=said.choice,
            value=said.value,
            wording=said.wording,
            locale=said.locale,
            how=said.how,
            at=said.at,
        )


def _lists(tx: Tx, site: Site, user: UserId, mine: list[Account]) -> Iterator[ListPart]:
    owners = {account.id: account.actor.id for account in mine}
    held = {(one.of.account, one.of.kind): one for one in lists.lists_of(tx, user)}
    for of, keys in lists.open_lists(tx, site.vault, user):
        about = held[of.account, of.kind]
        network = site.networks.get(of.network)
        yield ListPart(
            network=of.network,
            actor_id=owners[of.account],
            kind=of.kind,
            taken_at=about.taken_at,
            imported_at=about.imported_at,
            keyed=network is None or not network.numeric_ids,
            ids=tuple(map(str, keys.tolist())),
        )


def _matches(tx: Tx, site: Site, user: UserId) -> Iterator[MatchPart]:
    for match in matching.matches_of(tx, site, user):
        for place in match.accounts:
            yield MatchPart(
                network=place.actor.network,
                actor_id=place.actor.id,
                handle=place.actor.handle,
                i_follow=match.evidence.i_follow,
                they_list_me=match.evidence.they_list_me,
                mutual=match.evidence.mutual,
                proof=place.proof,
                since=match.since,
                dismissed=match.dismissed,
            )


def _avoided(tx: Tx, site: Site, user: UserId) -> Iterator[AvoidedPart]:
    for kind, people in matching.avoided(tx, site, user).items():
        for one in people:
            yield AvoidedPart(
                kind=kind,
                network=one.actor.network,
                actor_id=one.actor.id,
                handle=one.actor.handle,
            )


def _mail(tx: Tx, key: PersonalKey, user: UserId) -> MailPart | None:
    given = mail.address_of(tx, key, user)
    if given is None:
        return None
    return MailPart(
        address=given.address,
        given_at=given.given_at,
        confirmed_at=given.confirmed_at,
        waiting=tuple(kind for kind, _ in mail.waiting_of(tx, user)),
    )


def _plans(tx: Tx, key: PersonalKey, user: UserId) -> Iterator[PlanPart]:
    for number in store.plans_of(tx, user):
        kept = plan_store.plan(tx, key, user, number)
        if kept is not None:
            yield PlanPart(
                at=kept.at,
                started=kept.state is plan_store.PlanState.STARTED,
                decisions=dict(sorted(Counter(str(row.verdict) for row in kept.rows).items())),
            )


def _ledger(tx: Tx, site: Site, user: UserId, mine: list[Account]) -> Iterator[LedgerPart]:
    owners = {account.id: account.actor.id for account in mine}
    for lines in _pages(tx, site, user):
        for line in lines:
            row, actor = line.row, line.told
            yield LedgerPart(
                network=row.network,
                deed=row.deed,
                by_actor_id=owners[row.account],
                actor_id=actor.id if actor else None,
                handle=actor.handle if actor else None,
                instance=actor.instance if actor else None,
                seen_at=actor.seen_at if actor else None,
                state=row.state,
                reason=row.reason,
                origin=row.origin,
                rank=row.rank,
                record=row.record,
                moved=row.moved,
                shown=row.shown,
                asked_at=row.asked_at,
                attempts=row.attempts,
                at=row.at,
            )


def _pages(tx: Tx, site: Site, user: UserId) -> Iterator[list[Line]]:
    before: int | None = None
    while lines := reconnection.page(tx, site, user, group=None, before=before, limit=_ROWS):
        yield lines
        before = lines[-1].row.id


def _lanes(tx: Tx, user: UserId, mine: list[Account]) -> Iterator[LanePart]:
    owners = {account.id: account.actor.id for account in mine}
    for lane in lane_store.lanes_of(tx, user):
        yield LanePart(
            network=lane.network,
            actor_id=owners[lane.account],
            state=lane.state,
            reason=lane.reason,
            next_at=lane.next_at,
        )


def _sessions(tx: Tx, site: Site, user: UserId) -> Iterator[SessionPart]:
    for kind in SessionKind:
        for one in session_store.sessions_of(tx, user, kind, site.clock.now()):
            yield SessionPart(
                kind=one.kind, name=one.name, created_at=one.created_at, seen_at=one.seen_at
            )
