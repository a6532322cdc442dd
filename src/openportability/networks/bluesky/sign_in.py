"""Signing in at whatever server keeps the account: PAR, PKCE and DPoP, with all their checks.

https://atproto.com/specs/oauth
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit

from openportability.clock import Clock
from openportability.domain import Actor, ActorId, Grant, NetworkName, Purpose
from openportability.errors import (
    Gone,
    Invalid,
    NetworkError,
    Refused,
    SignedOut,
    Unavailable,
)
from openportability.network import Begun, Field, Proved
from openportability.networks.bluesky import scopes
from openportability.networks.bluesky.broad import Broad
from openportability.networks.bluesky.discovery import (
    Issuer,
    issuer_at,
    issuer_named_by,
    issuer_of,
)
from openportability.networks.bluesky.dpop import Call, Prover, digest, new_key, read_key
from openportability.networks.bluesky.identity import Identities, Identity
from openportability.networks.bluesky.metadata import Client
from openportability.networks.bluesky.profile import read_profile
from openportability.networks.bluesky.refusals import refusal, stopped
from openportability.networks.bluesky.replies import mapping, text_of
from openportability.networks.bluesky.syntax import Hosted, Identified, Named, read_typed
from openportability.outbound import Door, Reply

#: Where a server does not say how long an access token lives: short enough for any.
UNSAID_SECONDS = 300
#: Refreshed at least so often, whatever a server says.
MOST_SECONDS = 86_400

FIELD = Field(
    label="Your handle",
    help="The name with a dot in it, as your profile shows it. Or the name of your server.",
    placeholder="anna.bsky.social",
    suggestions=("bsky.social",),
)


class BlueskySignIn:
    """Proof of who somebody is, and the grant to act for them."""

    field: Field | None = FIELD

    def __init__(
        self,
        *,
        network: NetworkName,
        door: Door,
        clock: Clock,
        identities: Identities,
        client: Client,
        prover: Prover,
        broad: Broad,
        local: bool,
    ) -> None:
        self._network = network
        self._door = door
        self._clock = clock
        self._identities = identities
        self._client = client
        self._prover = prover
        self._broad = broad
        self._local = local

    # --- begin ---

    def begin(
        self, *, typed: str, purpose: Purpose, redirect_uri: str, state: str, language: str
    ) -> Begun:
        """Push what we ask for to the person's own server, and send them there."""
        try:
            who, issuer = self._find(typed)
        except Gone:
            raise Invalid("at.deactivated") from None
        broadly = self._broad.is_needed_at(issuer.issuer)
        if broadly and purpose is not Purpose.IDENTIFY:
            self._explain(who, issuer)
        scope = scopes.asked(purpose, broadly=broadly)
        client_id = self._client.client_id(redirect_uri=redirect_uri, scope=scope)
        verifier = secrets.token_urlsafe(48)
        ours = {
            "issuer": issuer.issuer,
            "client_id": client_id,
            "signing_key": self._client.signing_key(),
            "dpop_key": new_key(),
        }
        asked = {
            "response_type": "code",
            "redirect_uri": redirect_uri,
            "scope": scope,
            "state": state,
            "code_challenge": digest(verifier),
            "code_challenge_method": "S256",
            "ui_locales": language,
        }
        if who:
            asked["login_hint"] = who.handle or who.did
        reply = self._ask(ours, issuer.push, asked)
        if reply.status not in (200, 201):
            raise refusal(reply, self._clock.now(), Refused("at.no_oauth"))
        request_uri = text_of(mapping(reply), "request_uri")
        sent = urlencode({"client_id": client_id, "request_uri": request_uri})
        joint = "&" if urlsplit(issuer.authorize).query else "?"
        return Begun(
            url=f"{issuer.authorize}{joint}{sent}",
            secret={
                "did": who.did if who else "",
                "handle": (who.handle or "") if who else "",
                "pds": issuer.pds,
                **ours,
                "token_endpoint": issuer.token,
                "revocation_endpoint": issuer.revoke,
                "scope": scope,
                "redirect_uri": redirect_uri,
                "verifier": verifier,
                "nonce": self._prover.nonces.get(read_key(ours["dpop_key"]), issuer.token) or "",
            },
        )

    def _explain(self, who: Identity | None, issuer: Issuer) -> None:
        """Tell what the broad right is, once; who named only their server is not known yet."""
        if who is None:
            raise Invalid("at.broad_only")
        if not self._broad.was_told(issuer.issuer, who.did):
            self._broad.tell(issuer.issuer, who.did)
            raise Invalid("at.broad_only")

    def _find(self, typed: str) -> tuple[Identity | None, Issuer]:
        """Return who was named (None: only a server was) and the server that signs them in."""
        match read_typed(typed, local=self._local):
            case Hosted(origin=origin):
                return None, issuer_at(self._door, origin)
            case Identified(did=did):
                who = self._identities.by_did(did)
            case Named(handle=handle):
                try:
                    who = self._identities.by_handle(handle)
                except Invalid as nobody:
                    if nobody.code != "at.handle_unknown":
                        raise
                    return None, self._issuer_instead(handle, nobody)
        return who, issuer_of(self._door, who.pds)

    def _issuer_instead(self, name: str, nobody: Invalid) -> Issuer:
        """Nobody has this handle: perhaps it is the name of a server."""
        if self._local and name.endswith(".test"):
            raise nobody
        try:
            return issuer_at(self._door, f"https://{name}")
        except NetworkError:
            raise nobody from None

    # --- finish ---

    def finish(self, *, secret: Mapping[str, str], answer: Mapping[str, str]) -> Proved:
        """Check who answered, take the tokens, and check whom they are for."""
        if answer.get("iss") != secret["issuer"]:
            raise Invalid("auth.mixed_up")
        if "error" in answer:
            raise stopped(answer["error"])
        if not answer.get("code"):
            raise Invalid("auth.expired")
        # The nonce goes first: there are servers that spend the code on asking for it.
        self._prover.nonces.offer(
            read_key(secret["dpop_key"]), secret["token_endpoint"], secret["nonce"]
        )
        form = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": secret["redirect_uri"],
            "code_verifier": secret["verifier"],
        }
        asked_at = self._clock.now()
        reply = self._ask(secret, secret["token_endpoint"], form)
        if reply.status != 200:
            raise refusal(reply, self._clock.now(), Invalid("auth.expired"))
        tokens = mapping(reply)
        kept = {
            **{k: secret[k] for k in ("issuer", "token_endpoint", "revocation_endpoint")},
            **{k: secret[k] for k in ("client_id", "signing_key", "dpop_key")},
        }
        try:
            who = self._whose(tokens, secret)
            grant = self._grant(who, tokens, kept, asked_at)
            if scopes.IDENTITY not in grant.scopes:
                raise Invalid("at.scope_missing")
            self._want_more(frozenset(secret["scope"].split()), grant)
        except (Invalid, NetworkError):
            self._revoke_quietly(tokens, kept)
            raise
        try:
            shown = read_profile(self._door, who)
        except NetworkError:
            shown = "", None  # nobody is kept out for want of a picture
        return Proved(actor=self._actor(who, *shown), grant=grant)

    def _want_more(self, asked: frozenset[str], grant: Grant) -> None:
        """Explain it where a server left out a right to write, and ask for the broad one next."""
        follow_is_left_out = scopes.may_follow(asked) and not grant.can_follow
        avoidance_is_left_out = bool(scopes.may_avoid(asked) - grant.can_avoid)
        if not (follow_is_left_out or avoidance_is_left_out):
            return
        # Where following is known as a right of its own, nobody is to give more because something else is not.
        if scopes.BROAD in asked or not follow_is_left_out:
            raise Invalid("at.scope_missing")
        self._broad.note(grant.secret["issuer"], grant.actor_id)
        raise Invalid("at.broad_only")

    def _whose(self, tokens: Mapping[str, object], secret: Mapping[str, str]) -> Identity:
        """Return whose tokens these are: a hostile server could name anybody.

        An account that was named led to this issuer when the sign-in began, ten minutes ago at
        most, so it must be that account. Where only a server was named, the account's own says.
        """
        did = text_of(tokens, "sub")
        if secret["did"]:
            if did != secret["did"]:
                raise Invalid("auth.wrong_account")
            return Identity(did=did, handle=secret["handle"] or None, pds=secret["pds"])
        who = self._identities.by_did(did)
        led_here = who.pds == secret["pds"]
        if not led_here and issuer_named_by(self._door, who.pds) != secret["issuer"]:
            raise Invalid("auth.mixed_up")
        return who

    def _grant(
        self,
        who: Identity,
        tokens: Mapping[str, object],
        kept: Mapping[str, str],
        asked_at: datetime,
    ) -> Grant:
        if text_of(tokens, "token_type").lower() != "dpop":
            raise Unavailable("at.pds_down")
        granted = frozenset(text_of(tokens, "scope").split())
        key = read_key(kept["dpop_key"])
        return Grant(
            network=self._network,
            instance=urlsplit(who.pds).netloc,
            actor_id=ActorId(who.did),
            scopes=granted,
            can_follow=scopes.may_follow(granted),
            can_avoid=scopes.may_avoid(granted),
            expires_at=asked_at + _lifetime(tokens.get("expires_in")),
            secret={
                **kept,
                "pds": who.pds,
                "access_token": text_of(tokens, "access_token"),
                "refresh_token": text_of(tokens, "refresh_token"),
                "nonce_issuer": self._prover.nonces.get(key, kept["token_endpoint"]) or "",
                "nonce_pds": self._prover.nonces.get(key, who.pds) or kept.get("nonce_pds", ""),
            },
        )

    def _actor(self, who: Identity, name: str, avatar: str | None) -> Actor:
        return Actor(
            network=self._network,
            instance=urlsplit(who.pds).netloc,
            id=ActorId(who.did),
            handle=who.handle or who.did,
            name=name or who.handle or who.did,
            avatar=avatar,
            seen_at=self._clock.now(),
        )

    # --- afterwards ---

    def refresh(self, grant: Grant) -> Grant:
        """Trade the refresh token for a new pair, once: used twice, it ends the whole session.

        Where the account lives and who signs it in is asked first, while nothing is spent.
        """
        who = self._still_there(grant)
        self._recall(grant)
        form = {"grant_type": "refresh_token", "refresh_token": grant.secret["refresh_token"]}
        asked_at = self._clock.now()
        try:
            reply = self._ask(grant.secret, grant.secret["token_endpoint"], form)
        except Unavailable:
            raise Unavailable("at.uncertain") from None
        if reply.status != 200:
            problem = refusal(reply, self._clock.now(), SignedOut("at.session_lost"))
            # Without a clear no, the token may be spent.
            unclear = problem.code == "at.pds_down"
            raise Unavailable("at.uncertain") if unclear else problem
        tokens = mapping(reply)
        if tokens.get("sub") != grant.actor_id:
            raise SignedOut("at.session_lost")
        return self._grant(who, tokens, grant.secret, asked_at)

    def _still_there(self, grant: Grant) -> Identity:
        try:
            who = self._identities.unnamed(grant.actor_id)
            issuer = issuer_named_by(self._door, who.pds)
        except Gone:
            raise SignedOut("at.session_lost") from None
        except (Invalid, Refused):
            # That it was never there is a mistake of who is asked: they once knew it.
            raise Unavailable("at.pds_down") from None
        if issuer != grant.secret["issuer"]:
            raise SignedOut("at.session_lost")
        return who

    def look(self, grant: Grant, known: Actor) -> Actor:
        """Look the account up by its DID. All of it is public: the tokens stay where they are."""
        try:
            who = self._identities.surely(grant.actor_id)
        except Invalid:
            raise Unavailable("at.pds_down") from None
        return self._actor(who, *read_profile(self._door, who))

    def revoke(self, grant: Grant) -> None:
        """End the session at the server. An answer of "no such token" is as good."""
        self._recall(grant)
        form = {"token": grant.secret["refresh_token"]}
        reply = self._ask(grant.secret, grant.secret["revocation_endpoint"], form)
        if reply.status == 429 or reply.status >= 500:
            raise refusal(reply, self._clock.now(), SignedOut("at.session_lost"))

    def _revoke_quietly(self, tokens: Mapping[str, object], kept: Mapping[str, str]) -> None:
        """Leave nothing behind of a sign-in that we do not accept."""
        token = tokens.get("refresh_token") or tokens.get("access_token") or ""
        try:
            self._ask(kept, kept["revocation_endpoint"], {"token": str(token)})
        except NetworkError:
            return  # it ends by itself; the reason that the person reads matters more

    def _recall(self, grant: Grant) -> None:
        key = read_key(grant.secret["dpop_key"])
        nonce = grant.secret.get("nonce_issuer")
        self._prover.nonces.offer(key, grant.secret["token_endpoint"], nonce)

    def _ask(self, secret: Mapping[str, str], url: str, form: Mapping[str, str]) -> Reply:
        def filled(now: datetime) -> Mapping[str, str]:
            proof = self._client.proof(
                client_id=secret["client_id"],
                issuer=secret["issuer"],
                signing_key=secret.get("signing_key", ""),
                now=now,
            )
            return {**form, **proof}

        call = Call(method="POST", url=url, form=filled)
        return self._prover.send(read_key(secret["dpop_key"]), call)


def _lifetime(expires_in: object) -> timedelta:
    lasts = expires_in if isinstance(expires_in, int) else UNSAID_SECONDS
    return timedelta(seconds=min(max(lasts, 0), MOST_SECONDS))
