"""Who am I, for programs."""

from __future__ import annotations

from pydantic import BaseModel

from openportability.accounts import grant_store
from openportability.accounts import store as accounts
from openportability.accounts.session import AMember, TheSite
from openportability.consent import service as consent
from openportability.graph import store as lists
from openportability.web.routing import Router

router = Router(prefix="/api/v1", tags=["me"])


class AccountOut(BaseModel):
    """One of my accounts."""

    id: str
    network: str
    instance: str
    actor_id: str
    handle: str
    proof: str
    grants: list[str]


class ListOut(BaseModel):
    """One of my lists."""

    network: str
    kind: str
    count: int
    imported_at: str


class MeOut(BaseModel):
    """What is known about me, in short."""

    user_id: str
    accounts: list[AccountOut]
    lists: list[ListOut]
    consents: dict[str, str]


@router.get("/me")
def me(site: TheSite, asking: AMember) -> MeOut:
    """Return my accounts, lists and choices."""
    with site.db.read() as tx:
        linked = accounts.accounts_of(tx, asking.user)
        may_follow = grant_store.may_follow(tx, asking.user)
        held = lists.lists_of(tx, asking.user)
        current = consent.current(tx, asking.user)
    return MeOut(
        user_id=site.vault.show_id("user", asking.user),
        accounts=[
            AccountOut(
                id=site.vault.show_id("account", account.id),
                network=account.actor.network,
                instance=account.actor.instance,
                actor_id=account.actor.id,
                handle=account.actor.handle,
                proof=account.proof,
                grants=["follow"] if account.id in may_follow else [],
            )
            for account in linked
        ],
        lists=[
            ListOut(
                network=one.of.network,
                kind=one.of.kind,
                count=one.count,
                imported_at=one.imported_at.isoformat(),
            )
            for one in held
        ],
        consents={choice.value: one.value for choice, one in current.items()},
    )
