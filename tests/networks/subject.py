"""What a network gives to the contract suite: a thing under test, and hands behind its server.

A folder of `networks/` has a `tests/networks/<folder>/contract.py` with two names:

- `VARIANTS`, the ways to run it: each says what its server cannot be made to do, and why;
- `subject(variant, fixture)`, a context manager that gives a `Subject`; `fixture(name)` returns a
  session fixture that the variant `needs`.

One subject serves all tests of a session, so every test uses people of its own (`person()`).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from types import ModuleType
from typing import Any, NoReturn, Protocol
from urllib.parse import urlsplit

import openportability.networks
from openportability.clock import Clock, MovedClock
from openportability.domain import Actor, ActorId, Deed, Grant, NetworkName, Purpose
from openportability.network import Begun, Context, Network, Proved
from openportability.outbound import Door, Reply

BASE_URL = "http://127.0.0.1:8000"
STATE = "a-state-of-ours"


class Can(StrEnum):
    """What a promise needs of the network and of the server behind it."""

    TYPE = "something is typed before signing in, and can be wrong"
    DENY = "a person can say no on its page"
    SPEND_CODE = "a code works once"
    BIND_CODE = "a code works only for the browser it was made for (PKCE)"
    MIX_UP = "an answer can come from another server than the one asked"
    GRANT = "a sign-in leaves a grant, which can be revoked"
    REFRESH = "a grant ends and can be refreshed, once"
    SCOPE = "a grant to read cannot follow"
    RENAME = "a person can be called something else, which a look through the grant shows"
    WITHDRAW = "a person can end our grant at the network"
    FOLLOW = "one can follow people there"
    BLOCK = "one can block people there"
    MUTE = "one can mute people there"
    RECORD = "a follow of ours can be told from one made by hand"
    PAGES = "the list of whom one follows fills more than a page"
    LOCK = "some people want to be asked first"
    MOVE = "an account can declare its successor"
    DELETE = "an account can be deleted"
    FLAG = "the network can take an account for a bulk follower"
    THROTTLE = "it can be made to answer 429"
    BREAK = "it can be made to answer 5xx, or a page where JSON is due"
    SILENCE = "it can be made to follow, and then not to answer"
    ARCHIVE = "its archive holds lists"
    FOLLOWERS = "it tells who follows somebody, where lists of one's own account can be read"
    LISTS = "the lists of one's own account can be read through a grant"


class Fault(StrEnum):
    """How the next request that would follow somebody fails."""

    DOWN = "a 503, nothing done"
    SILENCE = "done, but no answer"
    GARBAGE = "a 200 that is not JSON, nothing done"
    THROTTLED = "a 429 that names a time"
    THROTTLED_BLIND = "a 429 that names none"
    THROTTLED_PAST = "a 429 that names a time gone by"


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One way to run a network. `cannot` gives the reason for each thing that does not apply."""

    name: str
    cannot: Mapping[Can, str] = field(default_factory=dict)
    #: Session fixtures it uses (`atproto`, `snacs`).
    needs: tuple[str, ...] = ()


class Subject:
    """A network under test. A method is called only where the variant can do what it is for."""

    network: Network
    redirect_uri: str
    door: CountingDoor

    def needed(self, who: Actor) -> Sequence[str]:
        """Return what the protocol needs to be asked for a sign-in at a server that is known."""
        _missing(self, "needed")

    def person(self, *, locked: bool = False) -> Actor:
        """Return somebody new, whom nobody follows and who follows nobody, able to sign in."""
        _missing(self, "person")

    def typed(self, who: Actor) -> str:
        """Return what this person types before signing in."""
        return ""

    def consent(self, begun: Begun, who: Actor, *, allow: bool = True) -> Mapping[str, str]:
        """Go where `begun.url` leads, be this person, answer; return the query that comes back."""
        _missing(self, "consent")

    def others_answer(self, begun: Begun, who: Actor) -> Mapping[str, str]:
        """Return an answer to this sign-in that another server gave. (MIX_UP)"""
        _missing(self, "others_answer")

    def mistyped(self) -> str:
        """Return something that cannot be what is to be typed. (TYPE)"""
        _missing(self, "mistyped")

    def expire(self, grant: Grant) -> Grant:
        """Return a grant in need of a refresh. (REFRESH)"""
        return grant

    def rename(self, who: Actor) -> Actor:
        """Let somebody be called something else; return them as they are shown then. (RENAME)"""
        _missing(self, "rename")

    def withdraw(self, grant: Grant) -> None:
        """End the grant as the person can at the network. (WITHDRAW)"""
        _missing(self, "withdraw")

    def follows(self, who: Actor) -> list[ActorId]:
        """Return whom somebody follows as the server knows it, one entry a follow. (FOLLOW)"""
        _missing(self, "follows")

    def follow_by_hand(self, who: Actor, whom: Actor) -> None:
        """Follow with another program. (FOLLOW)"""
        _missing(self, "follow_by_hand")

    def unfollow_by_hand(self, who: Actor, whom: Actor) -> None:
        """Unfollow with another program, whoever made the follow. (RECORD)"""
        _missing(self, "unfollow_by_hand")

    def avoided(self, who: Actor, deed: Deed) -> list[ActorId]:
        """Return whom somebody blocks, or mutes, as the server knows it, one entry each time. (BLOCK, MUTE)"""
        _missing(self, "avoided")

    def fill_pages(self, who: Actor) -> frozenset[ActorId]:
        """Let somebody follow more people than a page holds; return them. (PAGES)"""
        _missing(self, "fill_pages")

    def approve(self, who: Actor, asked_by: Actor) -> None:
        """Let a locked person say yes. (LOCK)"""
        _missing(self, "approve")

    def move(self, who: Actor) -> Actor:
        """Let an account declare a successor; return that one. (MOVE)"""
        _missing(self, "move")

    def delete(self, who: Actor) -> None:
        """Delete an account. (DELETE)"""
        _missing(self, "delete")

    def flag(self, who: Actor) -> None:
        """Take an account for a bulk follower. (FLAG)"""
        _missing(self, "flag")

    def fail_next(self, fault: Fault) -> datetime | None:
        """Let the next follow fail; return the time that its 429 will name, if it names one.

        (THROTTLE, BREAK, SILENCE)
        """
        _missing(self, "fail_next")

    def settle(self) -> None:
        """Return when what was sent has arrived everywhere."""

    # --- made of the above --------------------------------------------------------------------

    def begin(self, who: Actor, purpose: Purpose) -> Begun:
        """Start a sign-in as this person."""
        return self.begin_with(self.typed(who), purpose)

    def begin_with(self, typed: str, purpose: Purpose) -> Begun:
        """Start a sign-in with these words."""
        assert self.network.sign_in
        return self.network.sign_in.begin(
            typed=typed,
            purpose=purpose,
            redirect_uri=self.redirect_uri,
            state=STATE,
            language="en",
        )

    def finish(self, begun: Begun, answer: Mapping[str, str]) -> Proved:
        """End a sign-in."""
        assert self.network.sign_in
        return self.network.sign_in.finish(secret=begun.secret, answer=answer)

    def sign_in(self, who: Actor, purpose: Purpose = Purpose.IDENTIFY) -> Proved:
        """Sign in as this person, all the way."""
        begun = self.begin(who, purpose)
        return self.finish(begun, self.consent(begun, who))


Fixture = Callable[[str], Any]


class Contract(Protocol):
    """What a `contract.py` offers."""

    VARIANTS: tuple[Variant, ...]

    def subject(self, variant: Variant, fixture: Fixture) -> AbstractContextManager[Subject]: ...


class MemoryCabinet:
    """A cabinet for one test process."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Mapping[str, str]] = {}
        self._spent: Counter[tuple[str, date]] = Counter()

    def get(self, instance: str, name: str) -> Mapping[str, str] | None:
        return self._kept.get((instance, name))

    def make_once(
        self,
        instance: str,
        name: str,
        make: Callable[[], Mapping[str, str]],
        *,
        lasts: timedelta | None = None,
    ) -> Mapping[str, str]:
        if (instance, name) not in self._kept:
            self._kept[instance, name] = make()
        return self._kept[instance, name]

    def spend(self, name: str, day: date, most: int) -> bool:
        if self._spent[name, day] >= most:
            return False
        self._spent[name, day] += 1
        return True

    def spent(self, name: str, day: date) -> int:
        return self._spent[name, day]

    def drop(self, instance: str, name: str, was: Mapping[str, str]) -> None:
        if self._kept.get((instance, name)) == was:
            del self._kept[instance, name]


def folders() -> list[str]:
    """Return the folders of `networks/`."""
    return sorted(found.name for found in pkgutil.iter_modules(openportability.networks.__path__))


def code_of(folder: str) -> ModuleType:
    """Import a network's folder by its name, as the program does."""
    return importlib.import_module(f"openportability.networks.{folder}")


def contract_of(folder: str) -> Contract:
    """Return what a folder gives to the suite."""
    contract: Contract = importlib.import_module(f"tests.networks.{folder}.contract")
    return contract


def load(
    folder: str,
    *,
    name: str | None = None,
    base_url: str = BASE_URL,
    development: bool = True,
    clock: Clock | None = None,
    door: Door | None = None,
    options: Mapping[str, str] | None = None,
) -> Network:
    """Load a network by the name of its folder, with the given options and the others' defaults."""
    clock = clock or MovedClock()
    code = code_of(folder)
    network: Network = code.load(
        Context(
            name=NetworkName(name or folder),
            base_url=base_url,
            development=development,
            options={**{option.name: option.default for option in code.OPTIONS}, **(options or {})},
            door=door or a_door(clock),
            clock=clock,
            cabinet=MemoryCabinet(),
        )
    )
    return network


class CountingDoor(Door):
    """The way out, with a list of what was asked: `GET /path`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.asked: list[str] = []

    def request(self, method: str, url: str, **more: Any) -> Reply:
        self.asked.append(f"{method} {urlsplit(url).path}")
        return super().request(method, url, **more)


def a_door(clock: Clock, **more: Any) -> CountingDoor:
    """Return a door that opens to this machine."""
    options = {"allow_loopback": True, "extra_ca_file": None, "user_agent": "OpenPortability"}
    return CountingDoor(clock=clock, **{**options, **more})


def _missing(subject: Subject, method: str) -> NoReturn:
    raise NotImplementedError(f"{type(subject).__name__}.{method}: write it, or say why it cannot")
