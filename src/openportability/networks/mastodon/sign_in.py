"""Sign-in at any server of the Mastodon kind: OAuth 2.0, PKCE, an application made on the way."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from openportability.domain import Actor, ActorId, Grant, Purpose
from openportability.errors import Invalid, SignedOut, Unavailable
from openportability.network import Begun, Context, Field, Proved
from openportability.networks.mastodon import answers, apps, discovery, identity, syntax
from openportability.networks.mastodon.apps import App, Apps
from openportability.networks.mastodon.home import home_of
from openportability.networks.mastodon.identity import Established
from openportability.networks.mastodon.servers import Servers
from openportability.outbound import Reply


class SignInAtServer:
    """Sends people to their own server, and believes of its answer only what it may say."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._apps = Apps(context)
        self._servers = Servers(context)
        offered = context.options["SERVERS"].split(",")
        self.field: Field | None = Field(
            label="Your Mastodon server or address",
            help="The server where you sign in, or your full address. Many servers work.",
            placeholder="name@mastodon.social",
            suggestions=tuple(filter(None, (server.strip() for server in offered))),
        )

    def begin(
        self, *, typed: str, purpose: Purpose, redirect_uri: str, state: str, language: str
    ) -> Begun:
        """Find the server, register there if need be, and send the browser to its consent page."""
        spelled = syntax.parse(typed, development=self._context.development)
        server = self._servers.at(spelled.host)
        # An address for each server: one that sends people on to another server's consent page
        # cannot have that other's answer come back as its own.
        redirect_uri = f"{redirect_uri}/{server.host}"
        app = self._apps.at(server, redirect_uri)
        scopes = apps.scopes_for(app, purpose)
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        query = {
            "response_type": "code",
            "client_id": app.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(scopes),
            "state": state,
            # Older servers ignore these two.
            "code_challenge": challenge.rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        # Empty parameters are misread by some: each is sent only if it says something.
        if language:
            query["lang"] = language
        if server.asks_again:
            query["force_login"] = "true"
        base = discovery.origin(self._context, server.host)
        return Begun(
            url=f"{base}/oauth/authorize?{urlencode(query, quote_via=quote)}",
            secret={
                "host": server.host,
                "domain": server.domain,
                "user": spelled.user or "",
                "client_id": app.client_id,
                "client_secret": "" if app.checks_codes else app.client_secret,
                "redirect_uri": redirect_uri,
                "scopes": " ".join(scopes),
                "verifier": verifier,
                "counts_addresses": "yes" if server.counts_addresses else "no",
                "hides_requests": "yes" if server.hides_requests else "no",
            },
        )

    def finish(self, *, secret: Mapping[str, str], answer: Mapping[str, str]) -> Proved:
        """Exchange the code, ask who it is, and keep what the server may truly say of itself."""
        host = secret["host"]
        is_others = answer.get("iss") and answers.netloc(answer["iss"]) != host
        if is_others or answer.get("place") != host:
            raise Invalid("auth.mixed_up", host=host)
        app = self._app(host, secret)
        if answer.get("error") == "access_denied":
            raise Invalid("auth.denied")
        if app is None or not answer.get("code"):
            if app is not None and answer.get("error"):
                self._apps.doubt(app)  # a browser's word: the server itself is asked next time
            raise Invalid("auth.expired")
        reply = self._exchange(secret, app, answer["code"])
        # If this fails, the token is dropped, not revoked: Mastodon gives the same token again for
        # the same scopes, so it may be the one by which that account is linked here already.
        return self._proved(secret, self._grant(secret, reply))

    def refresh(self, grant: Grant) -> Grant:
        """Renew a grant that ends (Pixelfed's do); most never end."""
        token = grant.secret.get("refresh_token")
        if token is None:
            if grant.expires_at is None:
                return grant
            raise SignedOut("masto.token_lost")
        app = self._app(grant.instance, grant.secret)
        if app is None:
            raise SignedOut("masto.token_lost")
        reply = self._post(
            grant.secret["api"],
            "/oauth/token",
            {
                "grant_type": "refresh_token",
                "refresh_token": token,
                "client_id": app.client_id,
                "client_secret": app.client_secret,
            },
        )
        if 400 <= reply.status < 500 and reply.status != 429:
            raise SignedOut("masto.token_lost")
        fresh, expires_at = self._tokens(reply)
        return replace(grant, expires_at=expires_at, secret={**grant.secret, **fresh})

    def look(self, grant: Grant, known: Actor) -> Actor:
        """Ask whose token this is, and check the domain of their handle anew."""
        domain = known.handle.rpartition("@")[2]
        try:
            who = identity.establish(
                home_of(self._context, grant),
                self._servers,
                host=grant.instance,
                claimed_domain=domain,
            )
        except Invalid as refused:
            raise SignedOut(refused.code) from None
        is_other = known.number not in (None, who.number)
        if is_other or (who.actor_id, who.domain) != (known.id, domain):
            # Of another account, or a domain that does not answer: a sign-in finds out.
            raise Unavailable("net.garbage")
        return self._actor(who, grant.instance)

    def revoke(self, grant: Grant) -> None:
        """End the token. One that the server does not know, or knows as dead, counts as ended."""
        app = self._app(grant.instance, grant.secret)
        if app is None:
            return
        reply = self._post(
            grant.secret["api"],
            "/oauth/revoke",
            {
                "client_id": app.client_id,
                "client_secret": app.client_secret,
                "token": grant.secret["access_token"],
            },
        )
        if reply.status == 429 or reply.status >= 500:
            answers.raise_for(reply, self._context.clock.now())

    def _app(self, host: str, secret: Mapping[str, str]) -> App | None:
        """Return the application of a sign-in or a grant: its own, else the one of the server."""
        if not secret["client_secret"]:
            return self._apps.find(host, secret["client_id"])
        return App(
            client_id=secret["client_id"],
            client_secret=secret["client_secret"],
            scopes=frozenset(),
            redirect_uri="",
            checks_codes=False,
        )

    def _exchange(self, secret: Mapping[str, str], app: App, code: str) -> Reply:
        reply = self._post(
            discovery.origin(self._context, secret["host"]),
            "/oauth/token",
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": secret["redirect_uri"],
                "code_verifier": secret["verifier"],
                # In the body: some servers refuse them in a header.
                "client_id": app.client_id,
                "client_secret": app.client_secret,
            },
        )
        if apps.is_lost(reply):
            self._apps.forget(secret["host"], app)
        if 400 <= reply.status < 500 and reply.status != 429:
            raise Invalid("auth.expired")
        return reply

    def _grant(self, secret: Mapping[str, str], reply: Reply) -> Grant:
        tokens, expires_at = self._tokens(reply)
        # snac answers an empty scope; then what was asked is what was given.
        given = answers.text(answers.mapping(reply), "scope") or secret["scopes"]
        scopes = frozenset(given.split())
        return Grant(
            network=self._context.name,
            instance=secret["host"],
            actor_id=ActorId(""),
            scopes=scopes,
            can_follow=apps.allow_following(scopes),
            can_avoid=apps.allow_avoiding(scopes),
            expires_at=expires_at,
            secret={
                **tokens,
                "client_id": secret["client_id"],
                "client_secret": secret["client_secret"],
                "api": discovery.origin(self._context, secret["host"]),
                "counts_addresses": secret["counts_addresses"],
                "hides_requests": secret["hides_requests"],
            },
        )

    def _tokens(self, reply: Reply) -> tuple[dict[str, str], datetime | None]:
        now = self._context.clock.now()
        answers.raise_for(reply, now)
        given = answers.mapping(reply)
        token = answers.text(given, "access_token")
        if reply.status != 200 or token is None:
            raise Unavailable("net.garbage")
        tokens = {"access_token": token}
        if refresh := answers.text(given, "refresh_token"):
            tokens["refresh_token"] = refresh
        seconds = given.get("expires_in")
        lasts = isinstance(seconds, int | float) and 0 < seconds < 10 * 365 * 86_400
        return tokens, now + timedelta(seconds=float(str(seconds))) if lasts else None

    def _proved(self, secret: Mapping[str, str], grant: Grant) -> Proved:
        who = identity.establish(
            home_of(self._context, grant),
            self._servers,
            host=secret["host"],
            claimed_domain=secret["domain"],
        )
        if secret["user"] and secret["user"].lower() != who.username.lower():
            raise Invalid("auth.wrong_account")
        grant = replace(
            grant,
            actor_id=who.actor_id,
            secret={**grant.secret, "account_id": who.number},
        )
        return Proved(actor=self._actor(who, secret["host"]), grant=grant)

    def _actor(self, who: Established, host: str) -> Actor:
        return Actor(
            network=self._context.name,
            instance=host,
            id=who.actor_id,
            handle=syntax.spell(who.username, who.domain),
            name=who.name,
            avatar=who.avatar,
            number=who.number,
            seen_at=self._context.clock.now(),
        )

    def _post(self, api: str, path: str, form: dict[str, str]) -> Reply:
        return self._context.door.request(
            "POST", f"{api}{path}", headers={"Accept": "application/json"}, form=form, fresh=True
        )
