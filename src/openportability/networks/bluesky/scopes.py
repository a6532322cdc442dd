"""The rights we ask for, and what the rights we were given allow.

Servers drop rights they do not know without a word: only the granted ones count. https://atproto.com/specs/permission
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs, quote

from openportability.domain import Deed, Purpose

FOLLOW = "app.bsky.graph.follow"
BLOCK = "app.bsky.graph.block"
#: The service that keeps mutes, and what it is asked for.
VIEW = "did:web:api.bsky.app#bsky_appview"
MUTE, UNMUTE = "app.bsky.graph.muteActor", "app.bsky.graph.unmuteActor"
PROFILES = "app.bsky.actor.getProfiles"
_MUTES = (PROFILES, MUTE, UNMUTE)
#: Without it a grant proves nothing.
IDENTITY = "atproto"

#: The least that each takes.
_RIGHTS: Mapping[Deed, str] = {
    Deed.FOLLOW: f"repo:{FOLLOW}?action=create&action=delete",
    Deed.BLOCK: f"repo:{BLOCK}?action=create&action=delete",
    Deed.MUTE: " ".join(f"rpc:{verb}?aud={quote(VIEW, safe=':')}" for verb in _MUTES),
}
#: All that an app password may do: the only right to write that old servers know. Asked for where
#: the finer one was not given, after the person has read why.
BROAD = "transition:generic"


def ever_asked() -> str:
    """Return every scope that we may ask for, as the client metadata must declare them."""
    return " ".join((IDENTITY, *_RIGHTS.values(), BROAD))


def asked(purpose: Purpose, *, broadly: bool) -> str:
    """Return what to ask for; `broadly` at a server that does not know the finer right to follow."""
    if purpose is not Purpose.IDENTIFY and broadly:
        return f"{IDENTITY} {BROAD}"
    return " ".join((IDENTITY, *(_RIGHTS[deed] for deed in _RIGHTS if deed in purpose.deeds)))


def may_follow(granted: frozenset[str]) -> bool:
    """Tell whether follows may be made and taken back: undo is promised with each follow."""
    return _may_write(granted, FOLLOW)


def may_avoid(granted: frozenset[str]) -> frozenset[Deed]:
    """Tell what else may be made and taken back."""
    blocks, mutes = _may_write(granted, BLOCK), all(_may_ask(granted, verb) for verb in _MUTES)
    return frozenset({Deed.BLOCK} if blocks else ()) | frozenset({Deed.MUTE} if mutes else ())


def _may_write(granted: frozenset[str], collection: str) -> bool:
    return BROAD in granted or all(
        any(_allows(scope, collection, action) for scope in granted)
        for action in ("create", "delete")
    )


def _may_ask(granted: frozenset[str], verb: str) -> bool:
    return BROAD in granted or any(_lets_ask(scope, verb) for scope in granted)


def _lets_ask(scope: str, verb: str) -> bool:
    kind, _, rest = scope.partition("?")
    resource, _, named = kind.partition(":")
    query = parse_qs(rest)
    verbs = {named} if named else set(query.get("lxm", ()))
    return resource == "rpc" and bool(verbs & {verb, "*"}) and query.get("aud") in ([VIEW], ["*"])


def _allows(scope: str, wanted: str, action: str) -> bool:
    kind, _, rest = scope.partition("?")
    resource, _, collection = kind.partition(":")
    query = parse_qs(rest)
    collections = {collection} if collection else set(query.get("collection", ()))
    return (
        resource == "repo"
        and bool(collections & {wanted, "*"})
        and action in query.get("action", (action,))
    )
