"""The contract of a network. A network is a folder in `networks/` and a value made by its `load`.

A network's folder offers two names: `OPTIONS`, its settings as data, and `load(context)`, which returns a `Network`.
Nothing outside names it; what it lacks is None. It raises only `NetworkError`s, and `Invalid` for what was typed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Protocol

from openportability.clock import Clock
from openportability.domain import (
    Actor,
    ActorId,
    Billed,
    Deed,
    Grant,
    Kind,
    Limits,
    ListedActor,
    NetworkName,
    Purpose,
    Relationship,
    Wanted,
)
from openportability.errors import NetworkError
from openportability.outbound import Door

# --- what a folder is given -------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Option:
    """A setting of one network: `OPENPORTABILITY_<NETWORK>_<NAME>`, also as `…_FILE`."""

    name: str
    help: str
    default: str = ""
    secret: bool = False


class Cabinet(Protocol):
    """Keeps what a network must remember between requests, sealed, by instance and name."""

    def get(self, instance: str, name: str) -> Mapping[str, str] | None: ...

    def make_once(
        self,
        instance: str,
        name: str,
        make: Callable[[], Mapping[str, str]],
        *,
        lasts: timedelta | None = None,
    ) -> Mapping[str, str]:
        """Return what is kept; if nothing is, keep and return `make()`.

        `make` runs for one caller at a time, across processes; the others wait for its result.
        What `lasts` so long is of no use afterwards, and is forgotten some time after.
        """

    def drop(self, instance: str, name: str, was: Mapping[str, str]) -> None:
        """Forget what is kept, if it still is `was`."""

    def spent(self, name: str, day: date) -> int: ...

    def spend(self, name: str, day: date, most: int) -> bool:
        """Count one more of what is billed on a day (UTC); False where there were `most` before."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """All that a network may use."""

    name: NetworkName
    #: Public address of this site, without a slash at the end.
    base_url: str
    #: True only on plain http loopback: development, demo and tests.
    development: bool
    #: Its `OPTIONS` by name, defaults filled in.
    options: Mapping[str, str]
    door: Door
    clock: Clock
    cabinet: Cabinet


# --- signing in -------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Field:
    """What a person types before signing in: a server, a handle."""

    label: str
    help: str
    placeholder: str
    suggestions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A sign-in under way: where the browser goes, and what `finish` needs (sealed meanwhile)."""

    url: str
    secret: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Proved:
    """Who came back. `grant` is None where the proof leaves nothing behind (it is revoked)."""

    actor: Actor
    grant: Grant | None


class SignIn(Protocol):
    """Proof of an identity by signing in at the network."""

    #: None where nothing needs to be typed.
    field: Field | None

    def begin(
        self, *, typed: str, purpose: Purpose, redirect_uri: str, state: str, language: str
    ) -> Begun:
        """Start a sign-in. Raise `Invalid` with words for what was typed, else a `NetworkError`.

        `state` is opaque and must come back; `redirect_uri` is always one of ours. A network of
        many servers may add `/` and one segment that names the server asked.
        """

    def finish(self, *, secret: Mapping[str, str], answer: Mapping[str, str]) -> Proved:
        """Turn the callback's query into a proof.

        `place` in it is the segment that was added to the address, empty where none was.
        `state` was already checked by the caller. Raise `Invalid("auth.denied")` when the person
        said no, `Invalid("auth.mixed_up")` when another server answered, `Invalid("auth.expired")`
        for a code that is not (or no longer) good.
        """

    def refresh(self, grant: Grant) -> Grant:
        """Return a fresh grant. Called under a lease: never twice at once for one grant."""

    def look(self, grant: Grant, known: Actor) -> Actor:
        """Return the grant's own account, found by its id, as it is called and shown now.

        `known` is how it was seen last. An answer that leaves it in doubt is a `NetworkError`: no
        name is lost by an outage. The grant may have ended where it is not needed for this.
        """

    def revoke(self, grant: Grant) -> None:
        """End the grant at the network. A grant that is already dead counts as revoked."""


# --- lists ------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ListEntry:
    """One list file of an archive, e.g. `following.js` with items `{"following": {…}}`."""

    stem: str
    wrapper: str
    kind: Kind
    #: Read only when the person asks for it (blocks, mutes).
    opt_in: bool = False


@dataclass(frozen=True, kw_only=True)
class ArchiveFormat:
    """What a network's archive looks like, as data: both readers are driven by it."""

    lists: tuple[ListEntry, ...]
    #: The file that says whose archive it is, the wrapper of its item, the fields of id and handle.
    owner_stem: str
    owner_wrapper: str
    owner_id_field: str
    owner_handle_field: str
    #: Index of the archive with date, owner and counts.
    manifest_stem: str
    #: Field of an item that holds the id, and of the link that may hold it instead.
    id_field: str
    link_field: str
    #: Hosts and path of such a link; its query parameter is the id.
    link_hosts: frozenset[str]
    link_path: str
    link_parameter: str
    #: Stems that show that a zip is such an archive, though it has no lists.
    known_stems: frozenset[str]
    #: Patterns (regular expressions, from a path's beginning) of an older kind of archive that never
    #: had lists.
    classic: tuple[str, ...]
    #: Page where a person asks for their archive.
    request_url: str


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some of the actors in a list as it is now; `cursor` is None on the last page."""

    actors: frozenset[ActorId]
    cursor: str | None


class OwnLists(Protocol):
    """The lists of a person's own account, read through their grant, page by page."""

    #: What can be read there. Blocks and mutes are asked for only where the person wishes it.
    kinds: tuple[Kind, ...]
    #: Seconds to leave between two pages for one account.
    gap_seconds: float

    def page(self, grant: Grant, kind: Kind, cursor: str | None) -> Page:
        """Return a page of one list; the first where `cursor` is None."""


@dataclass(frozen=True, kw_only=True)
class Named:
    """Whom a written handle names: its one spelling, and the id that such an actor mostly has."""

    handle: str
    #: Made from the handle alone. Who signed in here with that handle may have another one.
    usual_id: ActorId


@dataclass(frozen=True, kw_only=True)
class ListFile:
    """One exported file: how its name begins, and a column that no other kind of file has."""

    name: str
    kind: Kind
    column: str = ""
    #: Read only when the person asks for it (blocks, mutes).
    opt_in: bool = False


@dataclass(frozen=True, kw_only=True)
class ListFiles:
    """Lists that a network exports as comma-separated handles, one a line."""

    files: tuple[ListFile, ...]
    #: First cell of a header. Older files have no header.
    handle_column: str
    #: (what is written, handle of the account that the file is of) → whom it names. Asks nobody.
    #: Raise `Invalid` for what is no handle.
    name: Callable[[str, str], Named]


@dataclass(frozen=True, kw_only=True)
class Source:
    """A network that lists come from, in one way or several."""

    archive: ArchiveFormat | None = None
    lists: OwnLists | None = None
    files: ListFiles | None = None


# --- follows ----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What the network's last answer left us: so many more follows before `reset_at`."""

    remaining: int
    reset_at: datetime


@dataclass(frozen=True, kw_only=True)
class Answers:
    """One answer for each actor asked about."""

    of: Mapping[ActorId, Relationship | NetworkError]
    budget: Budget | None = None
    #: What the host allows our own address is nearly used up: nobody there is served before this.
    rest_until: datetime | None = None


class Destination(Protocol):
    """A network on which our users can follow people.

    Each call raises only what stops all (`Throttled`, `Unavailable`, `SignedOut`, `Flagged`);
    what concerns one actor is its answer. After `Unavailable` nobody knows what was done.
    """

    limits: Limits

    def following(self, grant: Grant, cursor: str | None) -> Page:
        """Return a page of whom our user follows now."""

    def reserve(self, count: int) -> Sequence[str | None]:
        """Choose the records that `count` follows will have, where the network lets us."""

    def relationships(self, grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        """Say what is now, for at most `limits.look` actors.

        A `record` in an answer is the one found, and starts with the record that was reserved.
        """

    def follow(self, grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        """Follow at most `limits.batch` actors, each with its `record` if it has one."""

    def unfollow(self, grant: Grant, made: Sequence[Wanted]) -> Answers:
        """Take back at most `limits.batch` follows that `follow` made, and only those.

        What the person removed or made again by hand stays as they left it.
        """


class Avoidance(Protocol):
    """Blocks, or mutes, on a destination, promised as follows are, within its limits; a tie is AVOIDING or NONE."""

    public: bool  # anybody can read who avoids whom

    def reserve(self, count: int) -> Sequence[str | None]: ...
    def relationships(self, grant: Grant, wanted: Sequence[Wanted]) -> Answers: ...
    def make(self, grant: Grant, wanted: Sequence[Wanted]) -> Answers: ...
    def take_back(self, grant: Grant, made: Sequence[Wanted]) -> Answers: ...


@dataclass(frozen=True, kw_only=True)
class Room:
    """How many more accounts somebody may follow in all, and by one file."""

    in_all: int
    in_a_file: int


@dataclass(frozen=True, kw_only=True)
class FollowsFile:
    """A file of whom to follow, which people give to the network's own import."""

    name: str
    #: Most rows it takes.
    most: int
    #: Where the person imports it, and what to choose there.
    page_url: Callable[[Actor], str]
    help: str
    #: Whether somebody can be written in it.
    takes: Callable[[Actor], bool]
    write: Callable[[Sequence[Actor]], bytes]


# --- the value --------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request for one of a network's own pages."""

    method: str
    query: Mapping[str, str]
    form: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Served:
    """The answer: a body of `media_type`, or a redirect to `location`."""

    body: bytes = b""
    media_type: str = "text/html; charset=utf-8"
    status: int = 200
    location: str | None = None
    #: File name to offer when it is a download.
    download: str | None = None


@dataclass(frozen=True, kw_only=True)
class Document:
    """A page that a network must publish on our site, e.g. its client metadata."""

    path: str
    serve: Callable[[Asked], Served]


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network as the rest of the program sees it."""

    name: NetworkName
    title: str
    logo: str  # SVG text, drawn by us, no fixed size, `currentColor`
    numeric_ids: bool  # true where actor ids are numbers, which then are the keys of lists
    profile_url: Callable[[Actor], str]  # where people read an actor's page
    sign_in: SignIn | None  # None where the operator has not set it up
    source: Source | None
    destination: Destination | None
    words: Mapping[str, tuple[str, str]]  # error code → (what happened, what to do next)
    documents: tuple[Document, ...] = ()
    avoids: Mapping[Deed, Avoidance] = field(default_factory=dict)  # where we block, mute
    #: Files of whom a person follows, blocks or mutes, as this network's own tools read them; None: no such form.
    forms: Callable[[Kind, Sequence[ListedActor]], Mapping[str, bytes]] | None = None
    follows_file: FollowsFile | None = None  # None where people cannot import follows
    room: Callable[[Grant], Room] | None = None  # asks the network once; None: it has no ceiling
    billed: Billed | None = None  # None where nothing is billed
    compose_url: Callable[[Actor, str], str] | None = None  # a page to post a text of ours, or not
    directory: Callable[[], None] | None = None  # asks what nobody is found without: `Unavailable`
    #: Asks by id for the copy that a trusted bridge keeps here of who lives elsewhere; None: none that names them.
    twin: Callable[[Actor], Actor | None] | None = None
