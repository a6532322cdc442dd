"""What a proved actor means here. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from openportability.domain import Account, Actor, Grant, Proof, UserId
from openportability.errors import Conflict


class Meaning(StrEnum):
    """What a finished sign-in is, seen from who was signed in before."""

    NEW = "new"  # nobody was signed in, nobody has this account: a new user
    BACK = "back"  # nobody was signed in: its user is back
    LINKED = "linked"  # one more account of the user who is signed in
    OWN = "own"  # an account that the user has already
    # From here on nothing is changed.
    TAKEN = "taken"  # another user has proved it: the two may be one person
    ENDED = "ended"  # whoever wanted to link it is no longer signed in
    OVERTAKEN = "overtaken"  # somebody else signed in meanwhile, in the same browser


#: Meanings that end there, and the codes that say so in words.
REFUSED: Mapping[Meaning, str] = {
    Meaning.ENDED: "auth.ended",
    Meaning.OVERTAKEN: "auth.overtaken",
}


class Taken(Conflict):
    """Another member proved this account before: who is signed in may bring the two together."""

    default_code = "auth.taken"

    def __init__(self, holder: Account) -> None:
        self.holder = holder
        super().__init__()


def meaning(began: UserId | None, user: UserId | None, holder: Account | None) -> Meaning:
    """Decide what it means that an actor was proved.

    `began` was signed in when the sign-in left for the network, `user` is now (None: a visitor).
    `holder` is who proved the actor before, else the user's own claim of it: what somebody else
    claims holds nothing.
    """
    if user is None:
        if holder is not None:
            return Meaning.BACK
        # A second user for somebody who wanted to link would part what belongs together.
        return Meaning.NEW if began is None else Meaning.ENDED
    if holder is not None and holder.user == user:
        return Meaning.OWN
    # Two people may share a browser: what one began is not linked to the other.
    if began != user:
        return Meaning.OVERTAKEN
    return Meaning.LINKED if holder is None else Meaning.TAKEN


def is_somebody_else(known: Actor, now: Actor) -> bool:
    """Say whether a server has given the name and the id of an actor to another person.

    Both must be numbered: from a server that numbers nobody this cannot be learned.
    """
    return None not in (known.number, now.number) and known.number != now.number


def is_last_proof(account: Account, all_of_user: Sequence[Account]) -> bool:
    """Say whether its user could never sign in again without this account: claims open no door."""
    proved = [one for one in all_of_user if one.proof is Proof.PROVED]
    return [one.id for one in proved] == [account.id]


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Of two grants for one account: which stays, and which is revoked."""

    grant: Grant
    revoke: Grant | None


def keep(old: Grant | None, new: Grant) -> Kept:
    """Decide between the grant we hold (None: none that lives) and the one just given.

    Signing in asks for less than reconnecting did: the wider right stays. A server may hand out
    the same token again, which must then not be revoked.
    """
    if old is None:
        return Kept(grant=new, revoke=None)
    if old.deeds > new.deeds:
        return Kept(grant=old, revoke=None if new.secret == old.secret else new)
    return Kept(grant=new, revoke=None if new.secret == old.secret else old)


#: Most tokens for programs that one person has.
MOST_TOKENS = 20
#: What cannot be taken back a program does only so soon after its person signed in.
PRESENT = timedelta(hours=1)
#: Longest name of a token; more is cut off.
_NAME_CHARACTERS = 60


def token_name(typed: str) -> str:
    """Return the name of a token in one line, as it is kept."""
    return " ".join(typed.split())[:_NAME_CHARACTERS]


#: What browsers and systems call themselves, the more particular first: most claim to be others too.
_BROWSERS = ("Firefox", "Edg", "OPR", "Chrome", "Safari")
_SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Macintosh", "CrOS", "Linux")
_TITLES = {"Edg": "Edge", "OPR": "Opera", "Macintosh": "macOS", "CrOS": "ChromeOS"}


def browser_name(user_agent: str) -> str:
    """Return what people call this browser, such as `Firefox, Android`; empty when nobody knows.

    No more is kept of what a browser says about itself.
    """
    found = [
        next((_TITLES.get(name, name) for name in names if name in user_agent), "")
        for names in (_BROWSERS, _SYSTEMS)
    ]
    return ", ".join(filter(None, found))
