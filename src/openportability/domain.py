"""The nouns. Read this file first; `docs/reference/glossary.md` says the same in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, NewType

UserId = NewType("UserId", int)
AccountId = NewType("AccountId", int)
NetworkName = NewType("NetworkName", str)
ActorId = NewType("ActorId", str)
#: An actor id as an unsigned 64-bit number: the id itself where ids are numbers, else a keyed hash.
Key = NewType("Key", int)


class Proof(StrEnum):
    """How we know that an account is a user's."""

    PROVED = "proved"  # by signing in at the network
    CLAIMED = "claimed"  # by an archive alone


class Kind(StrEnum):
    """What a list holds."""

    FOLLOWING = "following"
    FOLLOWERS = "followers"
    BLOCKED = "blocked"
    MUTED = "muted"


class Found(StrEnum):
    """By whom a user lets themselves be found."""

    ANYONE = "anyone"  # anyone who followed me
    CONFIRMED = "confirmed"  # only people my own archive confirms
    NOBODY = "nobody"


class Standing(StrEnum):
    """What happens when someone a user followed arrives later."""

    OFF = "off"
    ASK = "ask"
    AUTOMATIC = "automatic"


class Pace(StrEnum):
    """How fast a user lets us follow for them."""

    GENTLE = "gentle"
    NORMAL = "normal"
    FULL = "full"


class Deed(StrEnum):
    """What our user wants one of their accounts to do to another."""

    FOLLOW = "follow"
    BLOCK = "block"
    MUTE = "mute"


class Purpose(StrEnum):
    """What a sign-in asks the network for; each network maps it to its least rights."""

    IDENTIFY = "identify"
    FOLLOW = "follow"
    BLOCK = "block"  # following, and blocking
    MUTE = "mute"  # following, and muting
    AVOID = "avoid"  # following, blocking and muting

    @property
    def deeds(self) -> frozenset[Deed]:
        """What the network is asked to allow."""
        return _DEEDS[self]


_DEEDS = {
    Purpose.IDENTIFY: frozenset[Deed](),
    Purpose.FOLLOW: frozenset({Deed.FOLLOW}),
    Purpose.BLOCK: frozenset({Deed.FOLLOW, Deed.BLOCK}),
    Purpose.MUTE: frozenset({Deed.FOLLOW, Deed.MUTE}),
    Purpose.AVOID: frozenset(Deed),
}


class Tie(StrEnum):
    """What a network says now about our user and one actor."""

    NONE = "none"
    FOLLOWING = "following"
    REQUESTED = "requested"  # the other must approve
    AVOIDING = "avoiding"  # said only where blocks, or mutes, are asked about


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Someone on a network, member here or not."""

    network: NetworkName
    #: The server the account lives on: a Mastodon host, a PDS, one fixed value on X.
    instance: str
    #: Unchanging and unique in the network: X's number, an actor URI, a DID.
    id: ActorId
    #: For reading only, never a key; as seen at `seen_at`.
    handle: str
    name: str
    avatar: str | None = None
    #: What its own server numbers it, where an id is a name that may pass to another person.
    number: str | None = None
    seen_at: datetime


@dataclass(frozen=True, kw_only=True)
class Account:
    """An actor that a user has proved or claimed to be."""

    id: AccountId
    user: UserId
    actor: Actor
    key: Key
    proof: Proof


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What a user lets us do on a network. `secret` is the network's own business, sealed at rest."""

    network: NetworkName
    instance: str
    actor_id: ActorId
    scopes: frozenset[str]
    #: True when it allows following (and undoing that).
    can_follow: bool
    #: What else it allows, and the undoing of that: blocking, muting.
    can_avoid: frozenset[Deed] = frozenset()
    #: Must be refreshed before; None: does not end by itself.
    expires_at: datetime | None = None
    #: Tokens, keys, ids on the person's own server. Never logged: not part of the repr.
    secret: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def deeds(self) -> frozenset[Deed]:
        """All that it allows."""
        return self.can_avoid | {Deed.FOLLOW} if self.can_follow else self.can_avoid


@dataclass(frozen=True, kw_only=True)
class Relationship:
    """What a network says now between our user and an actor."""

    tie: Tie
    #: What `unfollow` needs to take back exactly this follow (a record key and digest, an id).
    record: str | None = None
    blocked: bool = False
    #: The actor declared this successor: follow that one instead.
    moved_to: ActorId | None = None


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One actor to be followed, or a follow of ours to be taken back."""

    actor: Actor
    #: Chosen by the destination before the first try (`Destination.reserve`), the same on each try.
    record: str | None = None
    #: True when an earlier try may have reached the network.
    asked: bool = False


@dataclass(frozen=True, kw_only=True)
class ListedActor:
    """Somebody in a list that a person takes out: whom they follow, block or mute on a network."""

    actor_id: str
    handle: str
    #: When our ledger noted it; None: it is not there yet, the person brought it from elsewhere.
    at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Why two users match; from the one's view on the other."""

    i_follow: bool  # my list of followings holds them
    they_list_me: bool  # their list of followers holds me
    they_follow: bool  # their list of followings holds me, or my followers hold them

    @property
    def mutual(self) -> bool:
        return (self.i_follow or self.they_list_me) and self.they_follow


@dataclass(frozen=True, kw_only=True)
class Match:
    """A user whom another user followed before, here too, with the evidence."""

    user: UserId
    evidence: Evidence
    #: Proved if any account through which they matched is proved; a claimed one is picked by hand only.
    proof: Proof
    #: When this match was first seen.
    since: datetime
    dismissed: bool
    #: They came after my lists did, or let themselves be found later.
    arrived: bool
    #: Only their list says that I followed them; mine, which I brought, does not.
    unlisted: bool = False
    #: The accounts through which they matched.
    sources: tuple[Account, ...]
    #: All their accounts.
    accounts: tuple[Account, ...]


class Window(NamedTuple):
    """So much a network takes from one account in a time: follows, points or requests."""

    most: int
    seconds: int
    #: What of it a follow (block, mute) takes with all that it needs, and what taking one back.
    follow: int = 1
    undo: int = 0


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a network allows, and how we use it. Documented in the network's own README."""

    #: Most actors one `follow` call takes.
    batch: int
    #: Most actors one `relationships` call takes.
    look: int
    #: What is counted per account. The first is the one that a `Budget` speaks of.
    windows: tuple[Window, ...]
    #: Seconds to leave between two calls for one account.
    gap_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Billed:
    """What a network bills the operator for, counted by day under `name` (`Cabinet.spend`)."""

    name: str
    #: Most of them in a day.
    most: int
    #: What one costs, as the operator says.
    cents: float
