"""Our registration at each server: one application a server, for good.

Servers allow few registrations (5 in 10 minutes an address), and want each scope that will ever be
asked to be registered literally. So the whole list is registered once, under a lock. Only a server
that does not check its codes gets a new application for each sign-in, known to that one alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from openportability import outbound
from openportability.domain import Deed, Purpose
from openportability.errors import Invalid, NetworkError, Throttled, Unavailable
from openportability.network import Context
from openportability.networks.mastodon import answers
from openportability.networks.mastodon.discovery import Server, origin
from openportability.networks.mastodon.memory import Memory
from openportability.outbound import Reply

#: What reading and following take, each right for itself.
FINE = ("read:accounts", "read:follows", "read:search", "write:follows")
#: The one right more that each of these takes.
AVOID = {Deed.BLOCK: "write:blocks", Deed.MUTE: "write:mutes"}
#: What some servers know instead.
COARSE = ("read", "write", "follow")
#: Enough to say who a person is, where the server knows it (4.3 and later).
WHO = "profile"

_COVERED_BY = {
    "read:accounts": {"read:accounts", "read"},
    "read:follows": {"read:follows", "read", "follow"},
    "read:search": {"read:search", "read"},
    "write:follows": {"write:follows", "write", "follow"},
    **{scope: {scope, "write", "follow"} for scope in AVOID.values()},
}


@dataclass(frozen=True, kw_only=True)
class App:
    """Our application at a server."""

    client_id: str
    client_secret: str = field(repr=False)
    #: Registered scopes, and with them the only ones that may be asked.
    scopes: frozenset[str]
    redirect_uri: str
    #: False where any code is taken for that of whoever consented last (snac): sharing one
    #: application would let a made-up code open somebody else's account.
    checks_codes: bool = True


class Apps:
    """Keeps one application a server, and mends it when the server has lost it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        # Whether a server still knows us need not be asked at each sign-in.
        self._known: Memory[str, bool] = Memory(context.clock, keep=timedelta(hours=6), most=20_000)

    def at(self, server: Server, redirect_uri: str) -> App:
        """Return our application there; register it the first time, or if the server lost it.

        One that does not check codes is the caller's to keep: nobody else will ever get it.
        """
        app, is_new = self._kept_or_made(server, redirect_uri)
        if not app.checks_codes:
            # Whoever made the first one, to find this out, is the only one to use it.
            own = app if is_new else self._register(server, redirect_uri)
            return replace(own, checks_codes=False)
        if not self._fits(app, server, redirect_uri):
            # Its tokens live on, and to revoke them takes the application they were given to.
            self._context.cabinet.make_once(
                server.host, f"app {app.client_id}", lambda: _to_text(app)
            )
            self.forget(server.host, app)
            app, is_new = self._kept_or_made(server, redirect_uri)
        if not is_new and not self._known.get(app.client_id) and self._is_lost(server.host, app):
            self.forget(server.host, app)
            app, _ = self._kept_or_made(server, redirect_uri)
        self._known.put(app.client_id, True)
        return app

    def find(self, host: str, client_id: str) -> App | None:
        """Return the application that a token was given to, if we still have it."""
        for name in ("app", f"app {client_id}"):
            kept = self._context.cabinet.get(host, name)
            if kept is not None and kept.get("client_id") == client_id:
                return _from_text(kept)
        return None

    def doubt(self, app: App) -> None:
        """Ask the server at the next sign-in whether it still knows us."""
        self._known.drop(app.client_id)

    def forget(self, host: str, app: App) -> None:
        """Drop an application, so that the next sign-in registers again."""
        self._context.cabinet.drop(host, "app", _to_text(app))

    def _kept_or_made(self, server: Server, redirect_uri: str) -> tuple[App, bool]:
        """Return the application that is kept, and whether it was made just now, by this call."""
        made: list[App] = []

        def make() -> Mapping[str, str]:
            app = self._register(server, redirect_uri)
            made.append(replace(app, checks_codes=self._checks_codes(server.host, app)))
            return _to_text(made[0])

        kept = _from_text(self._context.cabinet.make_once(server.host, "app", make))
        return kept, made == [kept]

    def _fits(self, app: App, server: Server, redirect_uri: str) -> bool:
        wanted = scopes_of(server)
        is_coarse = not app.scopes & frozenset(FINE)
        return app.redirect_uri == redirect_uri and (is_coarse or app.scopes >= frozenset(wanted))

    def _register(self, server: Server, redirect_uri: str) -> App:
        wanted = scopes_of(server)
        reply = self._ask(server, wanted, redirect_uri)
        if reply.status in (400, 422) and wanted != COARSE:
            wanted = COARSE
            reply = self._ask(server, wanted, redirect_uri)
        if reply.status == 429:
            until = outbound.reset_time(reply.headers, self._context.clock.now())
            raise Throttled(until, "masto.apps_throttled", host=server.host)
        if reply.status >= 500:
            raise Unavailable
        made = answers.mapping(reply) if reply.status in (200, 201) else {}
        client_id = answers.text(made, "client_id")
        client_secret = answers.text(made, "client_secret")
        if client_id is None or client_secret is None:
            raise Invalid("masto.no_oauth", host=server.host)
        return App(
            client_id=client_id,
            client_secret=client_secret,
            scopes=frozenset(wanted),
            redirect_uri=redirect_uri,
        )

    def _ask(self, server: Server, scopes: tuple[str, ...], redirect_uri: str) -> Reply:
        return self._context.door.request(
            "POST",
            f"{origin(self._context, server.host)}/api/v1/apps",
            headers={"Accept": "application/json"},
            form={
                "client_name": "OpenPortability",
                "redirect_uris": redirect_uri,
                "scopes": " ".join(scopes),
                "website": self._context.base_url,
            },
            fresh=True,
        )

    def _checks_codes(self, host: str, app: App) -> bool:
        """Tell whether a server refuses a code that it never gave."""
        reply = self._exchange(
            host, app, {"grant_type": "authorization_code", "code": secrets.token_hex(16)}
        )
        if reply.status >= 500:
            raise Unavailable
        return answers.text(answers.mapping(reply), "access_token") is None

    def _is_lost(self, host: str, app: App) -> bool:
        """Tell whether the server says that it does not know us.

        The question also marks the application as used: before 4.3 unused ones were removed.
        """
        try:
            return is_lost(self._exchange(host, app, {"grant_type": "client_credentials"}))
        except NetworkError:
            return False

    def _exchange(self, host: str, app: App, form: Mapping[str, str]) -> Reply:
        ours = {
            "client_id": app.client_id,
            "client_secret": app.client_secret,
            "redirect_uri": app.redirect_uri,
        }
        return self._context.door.request(
            "POST",
            f"{origin(self._context, host)}/oauth/token",
            headers={"Accept": "application/json"},
            form={**ours, **form},
            fresh=True,
        )


def is_lost(reply: Reply) -> bool:
    """Tell whether an OAuth answer says that the application is unknown."""
    refused = 400 <= reply.status < 500
    return refused and answers.mapping(reply).get("error") == "invalid_client"


def scopes_of(server: Server) -> tuple[str, ...]:
    """Return all scopes that we may ever ask there, in one list."""
    if server.scopes is None:
        return (*FINE, *AVOID.values())
    if server.scopes >= frozenset(FINE):
        more = (scope for scope in (WHO, *AVOID.values()) if scope in server.scopes)
        return (*FINE, *more)
    return tuple(scope for scope in COARSE if scope in server.scopes) or FINE


def scopes_for(app: App, purpose: Purpose) -> tuple[str, ...]:
    """Return the least that a purpose takes, of what was registered."""
    if purpose is not Purpose.IDENTIFY:
        more = (scope for deed, scope in AVOID.items() if deed in purpose.deeds)
        wanted = (*FINE, *more) if app.scopes & frozenset(FINE) else COARSE
        return tuple(scope for scope in wanted if scope in app.scopes)
    least = (scope for scope in (WHO, "read:accounts", "read") if scope in app.scopes)
    return (next(least, min(app.scopes)),)


def allow_following(scopes: frozenset[str]) -> bool:
    """Tell whether these scopes cover all that a reconnection asks."""
    return all(scopes & _COVERED_BY[needed] for needed in FINE)


def allow_avoiding(scopes: frozenset[str]) -> frozenset[Deed]:
    """Tell what they cover besides following."""
    if not allow_following(scopes):
        return frozenset()
    return frozenset(deed for deed, needed in AVOID.items() if scopes & _COVERED_BY[needed])


def _to_text(app: App) -> Mapping[str, str]:
    return {
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "scopes": " ".join(sorted(app.scopes)),
        "redirect_uri": app.redirect_uri,
        "checks_codes": "yes" if app.checks_codes else "no",
    }


def _from_text(kept: Mapping[str, str]) -> App:
    return App(
        client_id=kept["client_id"],
        client_secret=kept["client_secret"],
        scopes=frozenset(kept["scopes"].split()),
        redirect_uri=kept["redirect_uri"],
        checks_codes=kept["checks_codes"] == "yes",
    )
