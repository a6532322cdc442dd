"""Codes and tokens of a simulated network, as strict as real ones: everything works once."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_urlsafe

from openportability.networks.fake.reply import Refusal

CODE_LIVES = timedelta(minutes=5)
TOKEN_LIVES = timedelta(hours=1)
READ = "read"
FOLLOW = "follow"
BLOCK = "block"
MUTE = "mute"


@dataclass(frozen=True, kw_only=True)
class _Code:
    actor: str
    scopes: tuple[str, ...]
    redirect_uri: str
    challenge: str
    until: datetime


@dataclass(frozen=True, kw_only=True)
class Session:
    """What a token stands for."""

    actor: str
    scopes: tuple[str, ...]
    until: datetime
    refresh: str


class Tokens:
    """Who has allowed what."""

    def __init__(self) -> None:
        self._codes: dict[str, _Code] = {}
        self._sessions: dict[str, Session] = {}

    def code(
        self,
        actor: str,
        *,
        scopes: tuple[str, ...],
        redirect_uri: str,
        challenge: str,
        now: datetime,
    ) -> str:
        """Return a code that works once, for this address and whoever made this challenge."""
        code = token_urlsafe(16)
        self._codes[code] = _Code(
            actor=actor,
            scopes=scopes,
            redirect_uri=redirect_uri,
            challenge=challenge,
            until=now + CODE_LIVES,
        )
        return code

    def exchange(
        self, code: str, *, redirect_uri: str, verifier: str, now: datetime
    ) -> tuple[str, Session]:
        """Turn a code into a token. Whatever is wrong with it, the code is spent."""
        known = self._codes.pop(code, None)
        if (
            known is None
            or known.until < now
            or known.redirect_uri != redirect_uri
            or known.challenge != challenge_of(verifier)
        ):
            raise Refusal(400, "invalid_grant")
        return self._open(known.actor, known.scopes, now)

    def refresh(self, refresh: str, now: datetime) -> tuple[str, Session]:
        """Return a new token for a refresh token, which is spent, as is the old token."""
        for token, session in self._sessions.items():
            if session.refresh == refresh:
                del self._sessions[token]
                return self._open(session.actor, session.scopes, now)
        raise Refusal(401, "invalid_grant")

    def check(self, token: str, scope: str, now: datetime) -> str:
        """Return whose token it is; a 401 if it is dead, a 403 if it lacks the scope."""
        session = self._sessions.get(token)
        if session is None or session.until <= now:
            raise Refusal(401, "invalid_token")
        if scope not in session.scopes:
            raise Refusal(403, "scope_missing")
        return session.actor

    def end(self, token: str) -> None:
        """Forget a token and its refresh token; an unknown one is fine."""
        self._sessions.pop(token, None)

    def end_all(self, actor: str) -> int:
        """Forget all tokens of an actor and return how many there were."""
        theirs = [token for token, session in self._sessions.items() if session.actor == actor]
        for token in theirs:
            del self._sessions[token]
        return len(theirs)

    def _open(self, actor: str, scopes: tuple[str, ...], now: datetime) -> tuple[str, Session]:
        token = token_urlsafe(16)
        session = Session(
            actor=actor, scopes=scopes, until=now + TOKEN_LIVES, refresh=token_urlsafe(16)
        )
        self._sessions[token] = session
        return token, session


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636, section 4.2)."""
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
