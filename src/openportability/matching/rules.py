"""Evidence, who may be shown to whom, and in which order. Pure.

Evidence about an account of somebody else is a few bits, seen from me. Some come from my own lists, some from theirs:
whoever's list it was, the same bits are written into both people's match sets.

A list can be forged, so each is believed as far as it cannot do harm:
- Mine shows me people who let anyone find them, but only so many a day: else a list of all ids would learn who is here.
- Theirs shows them to me. If I brought my list of that network and it does not hold them, they are picked by hand only.
- Standing reconnection follows by itself whom my list holds; whom only theirs speaks for, it asks me about.
"""

from __future__ import annotations

from enum import IntFlag

from openportability.domain import Evidence, Found, Kind, Match, Proof


class Bit(IntFlag):
    """What lists say about me and one account."""

    NONE = 0
    I_FOLLOW = 1  # my followings hold them
    THEY_LIST_ME = 2  # their followers hold me
    MY_FOLLOWER = 4  # my followers hold them
    THEY_FOLLOW = 8  # their followings hold me
    AVOIDED = 16  # my blocked or muted hold them
    CONFIRMED = 32  # their followers hold an account that I proved to be mine
    BLOCKED = 64  # my blocked hold them: avoided, and to be blocked elsewhere if I wish


#: Every number of bits, for tables of what they mean.
COMBINATIONS = range(128)
#: What being in a list of mine says of an account.
MINE = {
    Kind.FOLLOWING: Bit.I_FOLLOW,
    Kind.FOLLOWERS: Bit.MY_FOLLOWER,
    Kind.BLOCKED: Bit.AVOIDED | Bit.BLOCKED,
    Kind.MUTED: Bit.AVOIDED,
}
#: The bits that come from my own lists, and those from theirs.
FROM_MINE = Bit.I_FOLLOW | Bit.MY_FOLLOWER | Bit.AVOIDED | Bit.BLOCKED
FROM_THEIRS = Bit.THEY_LIST_ME | Bit.THEY_FOLLOW | Bit.CONFIRMED


def told(kind: Kind, proof: Proof) -> Bit:
    """Return what a list says to the user whose account, proved or claimed, is in it."""
    match kind:
        case Kind.FOLLOWING:
            return Bit.THEY_FOLLOW
        case Kind.FOLLOWERS if proof is Proof.PROVED:
            return Bit.THEY_LIST_ME | Bit.CONFIRMED
        case Kind.FOLLOWERS:
            return Bit.THEY_LIST_ME
        case Kind.BLOCKED | Kind.MUTED:
            return Bit.NONE


def evidence(bits: Bit) -> Evidence:
    """Put bits into words."""
    return Evidence(
        i_follow=Bit.I_FOLLOW in bits,
        they_list_me=Bit.THEY_LIST_ME in bits,
        they_follow=bool(bits & (Bit.MY_FOLLOWER | Bit.THEY_FOLLOW)),
    )


def may_show(bits: Bit, found: Found) -> bool:
    """Say whether somebody who lets themselves be `found` is shown to me.

    I must have followed them, by my list or by theirs. Who wants to be confirmed is found only
    through their own list, and only by who has proved to be the very account it names.
    """
    if Bit.AVOIDED in bits or not bits & (Bit.I_FOLLOW | Bit.THEY_LIST_ME):
        return False
    return _lets(bits, found)


def may_avoid(bits: Bit, found: Found) -> bool:
    """Say whether I may learn where somebody is whom I blocked or muted: to do so there shows me that.

    Such a list can be forged like one of follows, so it tells me no more than that one could. People agree to be
    shown to who followed or blocked them: whom I muted, I must have followed as well.
    """
    followed = bool(bits & (Bit.I_FOLLOW | Bit.THEY_LIST_ME))
    return (Bit.BLOCKED in bits or (Bit.AVOIDED in bits and followed)) and _lets(bits, found)


def _lets(bits: Bit, found: Found) -> bool:
    match found:
        case Found.ANYONE:
            return True
        case Found.CONFIRMED:
            return Bit.CONFIRMED in bits
        case Found.NOBODY:
            return False


def costs(bits: Bit) -> bool:
    """Say whether to show this account counts as an answer: no list confirms that I am who I am."""
    return Bit.CONFIRMED not in bits


def by_hand_only(match: Match) -> bool:
    """Say whether a match is never part of *all* nor of standing reconnection."""
    return match.proof is Proof.CLAIMED or match.unlisted


def unasked(match: Match) -> bool:
    """Say whether standing reconnection may follow a match without asking, if so wished."""
    return match.evidence.i_follow and not by_hand_only(match)


#: Added to the rank of who is picked by hand only: whoever makes up a tie can make up a mutual one.
BY_HAND_LAST = 4


def rank(evidence: Evidence) -> int:
    """Return the order in which to reconnect, lowest first: mutuals, then what both lists say."""
    both = evidence.i_follow and evidence.they_list_me
    return (0 if evidence.mutual else 2) + (0 if both else 1)
