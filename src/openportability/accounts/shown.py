"""What the pages of signing in and of one's accounts show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from openportability.accounts.session_store import Session
from openportability.domain import Account, Purpose
from openportability.errors import OpenPortabilityError
from openportability.network import Network
from openportability.site import Site
from openportability.web import problems


@dataclass(frozen=True, kw_only=True)
class Linked:
    """One line of the accounts page."""

    account: Account
    network: Network | None
    shown_id: str
    can_follow: bool
    profile: str | None


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where one is signed in: a browser or a program."""

    session: Session
    shown_id: str


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A sign-in that could not begin, so that it need not be told again."""

    network: str
    typed: str
    purpose: Purpose
    account: str


def what_failed(
    site: Site, tried: Tried | None, error: OpenPortabilityError | None, next_path: str
) -> dict[str, Any]:
    """Return what a page says of a sign-in that could not begin, and where the next one leads."""
    return {
        "status": 200 if error is None else problems.status_of(error),
        "problem": problems.words_of(error, site.networks) if error else None,
        "tried": tried,
        "next": next_path,
    }


def offered(site: Site) -> list[Network]:
    """Return the networks one can sign in at."""
    return [network for network in site.networks.values() if network.sign_in is not None]


def linked(site: Site, account: Account, can_follow: bool) -> Linked:
    """Return an account as the page shows it."""
    network = site.networks.get(account.actor.network)
    return Linked(
        account=account,
        network=network,
        shown_id=site.vault.show_id("account", account.id),
        can_follow=can_follow,
        profile=network.profile_url(account.actor) if network else None,
    )


def places(site: Site, sessions: Sequence[Session]) -> list[Place]:
    """Return sessions as pages show them."""
    return [Place(session=one, shown_id=site.vault.show_id("session", one.id)) for one in sessions]
