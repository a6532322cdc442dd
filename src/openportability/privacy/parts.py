"""What an export holds: all that is kept about one person, as values. Its JSON Schema is printed from here.

Ids are strings, times are aware. No secret is in it: no token, no key, nothing of anybody else but what
the person brought or is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import AwareDatetime, Field

from openportability.consent.rules import Choice
from openportability.domain import Deed, Found, Kind, Pace, Proof, Standing
from openportability.reconnection.rules import Origin, State

#: Counted up when the form changes so that an older reader would misread it.
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class MemberPart:
    """The person, and what holds for them now."""

    created_at: AwareDatetime
    seen_at: AwareDatetime
    locale: str
    found: Found
    standing: Standing
    pace: Pace


@dataclass(frozen=True, kw_only=True)
class AccountPart:
    """An account, and what its network lets us do (never the tokens themselves)."""

    network: str
    instance: str
    actor_id: str
    handle: str
    name: str
    avatar: str | None
    seen_at: AwareDatetime
    proof: Proof
    can_follow: bool
    #: What its own server numbers it, where that is known.
    number: str | None = None


@dataclass(frozen=True, kw_only=True)
class ConsentPart:
    """Something the person said once, and to which words."""

    purpose: Choice
    value: Annotated[str, Field(max_length=20)]
    wording: Annotated[str, Field(max_length=20)]
    locale: Annotated[str, Field(max_length=20)]
    #: page, api, merge, import; elsewhere where it was said to another site.
    how: str
    at: AwareDatetime


@dataclass(frozen=True, kw_only=True)
class ListPart:
    """A list, with the account it came from. `keyed`: the numbers are hashes that only we can make."""

    network: str
    actor_id: str
    kind: Kind
    taken_at: AwareDatetime | None
    imported_at: AwareDatetime
    keyed: bool
    ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ArchivePart:
    """What was read of an archive: the report, as JSON, as the page showed it."""

    at: AwareDatetime
    report: str


@dataclass(frozen=True, kw_only=True)
class MatchPart:
    """Somebody who was found, at one of their places."""

    network: str
    actor_id: str
    handle: str
    i_follow: bool
    they_list_me: bool
    mutual: bool
    proof: Proof
    since: AwareDatetime
    dismissed: bool


@dataclass(frozen=True, kw_only=True)
class PlanPart:
    """A dry run: how many of its rows were decided in which way."""

    at: AwareDatetime
    started: bool
    decisions: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class LedgerPart:
    """A wanted follow or block, and what became of it. Whom it is about is silent where they hide or left."""

    network: str
    by_actor_id: str
    actor_id: str | None
    handle: str | None
    instance: str | None
    seen_at: AwareDatetime | None
    state: State
    reason: str | None
    origin: Origin
    rank: int
    record: str | None
    moved: bool
    shown: bool
    asked_at: AwareDatetime | None
    attempts: int
    at: AwareDatetime
    deed: Deed = Deed.FOLLOW


@dataclass(frozen=True, kw_only=True)
class LanePart:
    """How the paced work of one account stands."""

    network: str
    actor_id: str
    state: str
    reason: str | None
    next_at: AwareDatetime | None


@dataclass(frozen=True, kw_only=True)
class SessionPart:
    """Where the person is signed in."""

    kind: str
    name: str
    created_at: AwareDatetime
    seen_at: AwareDatetime


@dataclass(frozen=True, kw_only=True)
class AnswersPart:
    """How many people their own lists newly showed them on one day (UTC)."""

    day: str
    count: int


@dataclass(frozen=True, kw_only=True)
class MailPart:
    """Where the person is written to if they asked for it, and what waits to be sent there."""

    address: str
    given_at: AwareDatetime
    confirmed_at: AwareDatetime | None
    waiting: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Document:
    """All of it."""

    version: int
    #: The address of the site it was taken from.
    site: str
    member: MemberPart
    accounts: tuple[AccountPart, ...]
    consents: tuple[ConsentPart, ...]
    lists: tuple[ListPart, ...]
    archives: tuple[ArchivePart, ...]
    matches: tuple[MatchPart, ...]
    plans: tuple[PlanPart, ...]
    ledger: tuple[LedgerPart, ...]
    lanes: tuple[LanePart, ...]
    sessions: tuple[SessionPart, ...]
    answers: tuple[AnswersPart, ...]
    mail: MailPart | None


#: Each table with a person's rows, and the part of an export that tells what it holds.
PART_OF_TABLE = {
    "users": "member",
    "user_keys": "",  # the key itself: what it opens is in the other parts
    "accounts": "accounts",
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
