"""What an export holds: all that is kept about one person, as values. Its JSON Schema is printed from here.

Ids are strings, times are aware. No secret is in it: no token, no key, nothing of anybody else but what
the person brought or is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from openportability.consent.rules import Choice
from openportability.domain import Deed, Found, Kind, Pace, Proof, Standing
from openportability.privacy.known import At, Count, Counts, Ids, Some, Text, Texts
from openportability.reconnection.rules import Origin, State

#: Counted up when the form changes so that an older reader would misread it.
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class MemberPart:
    """The person, and what holds for them now."""

    created_at: At
    seen_at: At
    locale: Text
    found: Found
    standing: Standing
    pace: Pace
    bridged: bool = False
    #: When they last looked at their matches.
    looked_at: At | None = None


@dataclass(frozen=True, kw_only=True)
class AccountPart:
    """An account, and what its network lets us do (never the tokens themselves)."""

    network: Text
    instance: Text
    actor_id: Text
    handle: Text
    name: Text
    avatar: Text | None
    seen_at: At
    proof: Proof
    can_follow: bool
    #: What its own server numbers it, where that is known.
    number: Text | None = None


@dataclass(frozen=True, kw_only=True)
class CopyPart:
    """A copy of the person that a bridge keeps where they have no account, and the account it is of."""

    network: Text
    instance: Text
    actor_id: Text
    handle: Text
    name: Text
    avatar: Text | None
    seen_at: At
    of_network: Text
    of_actor_id: Text


@dataclass(frozen=True, kw_only=True)
class ConsentPart:
    """Something the person said once, and to which words."""

    purpose: Choice
    value: Annotated[str, Field(max_length=20)]
    wording: Annotated[str, Field(max_length=20)]
    locale: Annotated[str, Field(max_length=20)]
    #: page, api, merge, import; elsewhere where it was said to another site.
    how: Text
    at: At


@dataclass(frozen=True, kw_only=True)
class ListPart:
    """A list, with the account it came from. `keyed`: the numbers are hashes that only we can make."""

    network: Text
    actor_id: Text
    kind: Kind
    taken_at: At | None
    imported_at: At
    keyed: bool
    ids: Ids


@dataclass(frozen=True, kw_only=True)
class ArchivePart:
    """What was read of an archive: the report, as JSON, as the page showed it."""

    at: At
    report: str


@dataclass(frozen=True, kw_only=True)
class MatchPart:
    """Somebody who was found, at one of their places."""

    network: Text
    actor_id: Text
    handle: Text
    i_follow: bool
    they_list_me: bool
    mutual: bool
    proof: Proof
    since: At
    dismissed: bool


@dataclass(frozen=True, kw_only=True)
class AvoidedPart:
    """Somebody of the person's list of `kind`, blocked or muted, at a place where they are here."""

    kind: Kind
    network: Text
    actor_id: Text
    handle: Text


@dataclass(frozen=True, kw_only=True)
class PlanPart:
    """A dry run: how many of its rows were decided in which way."""

    at: At
    started: bool
    decisions: Counts


@dataclass(frozen=True, kw_only=True)
class LedgerPart:
    """A wanted follow, block or mute, and what became of it. Whom it is about is silent where they hide or left."""

    network: Text
    by_actor_id: Text
    actor_id: Text | None
    handle: Text | None
    instance: Text | None
    seen_at: At | None
    state: State
    reason: Text | None
    origin: Origin
    rank: Count
    record: Text | None
    moved: bool
    shown: bool
    asked_at: At | None
    attempts: Count
    at: At
    deed: Deed = Deed.FOLLOW


@dataclass(frozen=True, kw_only=True)
class LanePart:
    """How the paced work of one account stands."""

    network: Text
    actor_id: Text
    state: Text
    reason: Text | None
    next_at: At | None


@dataclass(frozen=True, kw_only=True)
class SessionPart:
    """Where the person is signed in."""

    kind: Text
    name: Text
    created_at: At
    seen_at: At


@dataclass(frozen=True, kw_only=True)
class AnswersPart:
    """How many people their own lists newly showed them on one day (UTC)."""

    day: Text
    count: Count


@dataclass(frozen=True, kw_only=True)
class MailPart:
    """Where the person is written to if they asked for it, and what waits to be sent there."""

    address: Text
    given_at: At
    confirmed_at: At | None
    waiting: Texts


@dataclass(frozen=True, kw_only=True)
class Document:
    """All of it."""

    version: int
    #: The address of the site it was taken from.
    site: Text
    member: MemberPart
    accounts: Some[AccountPart]
    consents: Some[ConsentPart]
    lists: Some[ListPart]
    archives: Some[ArchivePart]
    matches: Some[MatchPart]
    plans: Some[PlanPart]
    ledger: Some[LedgerPart]
    lanes: Some[LanePart]
    sessions: Some[SessionPart]
    answers: Some[AnswersPart]
    mail: MailPart | None
    avoided: Some[AvoidedPart] = ()
    copies: Some[CopyPart] = ()


#: Each table with a person's rows, and the part of an export that tells what it holds.
PART_OF_TABLE = {
    "users": "member",
    "user_keys": "",  # the key itself: what it opens is in the other parts
    "accounts": "accounts",
    "twins": "copies",
    "grants": "accounts",
    "sessions": "sessions",
    "consents": "consents",
    "follow_lists": "lists",
    "archives": "archives",
    "fetches": "",  # a reading under way: what it gave is in the lists and reports
    "merges": "",  # an offer of ten minutes
    "match_sets": "matches",
    "answered": "answers",
    "plans": "plans",
    "reconnections": "ledger",
    "lanes": "lanes",
    "mail_addresses": "mail",
    "mails": "mail",
}
