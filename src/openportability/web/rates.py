"""How often one may ask: by account, by address and by what is asked for.

Windows are fixed: the answer to who was quick says when theirs ends. What costs others something
(signing in, sending, changing) is counted in the database, so that all processes share the count;
what is only looked at is counted in each process, because a write for every page view would be a
better way to bring us down than the views themselves. A process asks its own count first: a flood
that it refuses never reaches the database.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from starlette.requests import HTTPConnection, Request

from openportability.clock import EPOCH, moment
from openportability.db.engine import Database
from openportability.db.trouble import Trouble, trouble
from openportability.errors import Busy
from openportability.vault import Vault
from openportability.web import store
from openportability.web.addresses import visitor_address
from openportability.web.house import house_of

_FIVE_MINUTES, _HOUR, _DAY = 300, 3600, 86_400
#: Most counts a process holds at once.
_MOST_COUNTS = 100_000


@dataclass(frozen=True, kw_only=True)
class Rate:
    """How many requests of one kind are answered in a window."""

    name: str
    seconds: int
    #: For one account; and for one address, where many people may sit behind one.
    account: int
    address: int
    #: All processes share one count.
    shared: bool = True


SIGN_IN = Rate(name="sign-in", seconds=_FIVE_MINUTES, account=40, address=300)
UPLOAD = Rate(name="upload", seconds=_HOUR, account=60, address=600)
TAKE_OUT = Rate(name="take-out", seconds=_HOUR, account=20, address=200)
#: Each may be a mail to whoever's address was typed; one address is written to as often as one account asks.
MAIL = Rate(name="mail", seconds=_DAY, account=5, address=100)
PLAN = Rate(name="plan", seconds=_FIVE_MINUTES, account=60, address=600)
CHANGE = Rate(name="change", seconds=_FIVE_MINUTES, account=600, address=6000)
LOOK = Rate(name="look", seconds=_FIVE_MINUTES, account=3000, address=20_000, shared=False)

#: Method and path of what is counted apart; the first that fits counts.
_ROUTES: tuple[tuple[str, re.Pattern[str], Rate], ...] = (
    ("POST", re.compile(r"/auth/[^/]+/start"), SIGN_IN),
    ("GET", re.compile(r"/auth/[^/]+/callback(/[^/]*)?"), SIGN_IN),
    (
        "POST",
        re.compile(r"/archive(/from/.*)?|/api/v1/archives|/api/v1/imports/.*|/my-data/import"),
        UPLOAD,
    ),
    ("GET", re.compile(r"/my-data/export|/api/v1/export"), TAKE_OUT),
    ("POST", re.compile(r"/settings/mail"), MAIL),
    ("POST", re.compile(r"/reconnect/plan|/api/v1/plans"), PLAN),
)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
#: Files that never change, and what machines ask for.
_UNCOUNTED = re.compile(r"/static/.*|/healthz|/readyz|/metrics")


def rate_of(method: str, path: str) -> Rate | None:
    """Return how often a request may be made; None where nobody counts."""
    if _UNCOUNTED.fullmatch(path):
        return None
    for wanted, pattern, rate in _ROUTES:
        if method == wanted and pattern.fullmatch(path):
            return rate
    return LOOK if method in _SAFE else CHANGE


def is_shared(request: Request) -> bool:
    """Say whether the count of a request is asked of the database, where it may wait for others who write."""
    rate = rate_of(request.method, request.scope["path"])
    return rate is not None and rate.shared


class Rates:
    """The counts of one process, and of all where a database is given. Safe between threads."""

    def __init__(self, vault: Vault, db: Database | None) -> None:
        self._vault = vault
        self._db = db
        self._counts: dict[bytes, tuple[int, int]] = {}
        self._lock = Lock()

    def admit(self, rate: Rate, who: str, most: int, code: str, now: datetime) -> None:
        """Count a request; raise `Busy` when `who` has made more than `most` in this window."""
        window = int((now - EPOCH).total_seconds()) // rate.seconds
        ends = (window + 1) * rate.seconds
        # Addresses are personal data: what is kept is a keyed hash that no two windows share.
        key = self._vault.token_hash(f"rate\0{rate.name}\0{who}\0{window}")
        if self._here(key, ends, now) > most or (
            rate.shared and self._everywhere(key, ends) > most
        ):
            raise Busy(moment(ends * 1_000_000), code)

    def _here(self, key: bytes, ends: int, now: datetime) -> int:
        with self._lock:
            if len(self._counts) >= _MOST_COUNTS:
                self._counts = _newest(self._counts, int((now - EPOCH).total_seconds()))
            _, count = self._counts.get(key, (ends, 0))
            self._counts[key] = (ends, count + 1)
            return count + 1

    def _everywhere(self, key: bytes, ends: int) -> int:
        if self._db is None:
            return 0
        try:
            with self._db.write(single=True) as tx:
                return store.count(tx, key, moment(ends * 1_000_000))
        except Exception as error:
            # A full disk must keep nobody from what is theirs; the count of this process still holds.
            if trouble(error) is not Trouble.NO_ROOM:
                raise
            return 0


def admit_address(connection: HTTPConnection, method: str) -> None:
    """Count a request for the address it comes from."""
    rate = rate_of(method, connection.scope["path"])
    house = house_of(connection)
    address = visitor_address(connection, house.settings.trusted_proxies)
    if rate is not None and address is not None:
        rates: Rates = connection.app.state.rates
        rates.admit(rate, f"@{address}", rate.address, "svc.crowded", house.clock.now())


def admit_account(connection: HTTPConnection, method: str, user: int) -> None:
    """Count a request for the account of who is signed in."""
    rate = rate_of(method, connection.scope["path"])
    if rate is not None:
        rates: Rates = connection.app.state.rates
        now = house_of(connection).clock.now()
        rates.admit(rate, str(user), rate.account, "svc.too_many", now)


def _newest(counts: Mapping[bytes, tuple[int, int]], now: int) -> dict[bytes, tuple[int, int]]:
    """Drop what is past; if that is not enough, the half that was counted first."""
    kept = [(key, count) for key, count in counts.items() if count[0] > now]
    return dict(kept if len(kept) < _MOST_COUNTS else kept[len(kept) // 2 :])
