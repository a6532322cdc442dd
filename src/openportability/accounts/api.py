"""Networks, accounts and tokens for programs."""

from __future__ import annotations

from pydantic import BaseModel

from openportability.accounts import service
from openportability.accounts.session import APresentMember, AVisitor, TheSite
from openportability.web.routing import Router
from openportability.web.threads import waiting_for_others

router = Router(prefix="/api/v1", tags=["accounts"])


class FieldOut(BaseModel):
    """What a person types before signing in."""

    label: str
    help: str
    placeholder: str
    suggestions: list[str]


class NetworkOut(BaseModel):
    """A loaded network."""

    name: str
    title: str
    signs_in: bool
    field: FieldOut | None
    source: bool
    destination: bool


@router.get("/networks")
def networks(site: TheSite, _asking: AVisitor) -> list[NetworkOut]:
    """List the loaded networks, their sign-in fields, and what they can be used for."""
    return [
        NetworkOut(
            name=network.name,
            title=network.title,
            signs_in=network.sign_in is not None,
            field=FieldOut(
                label=field.label,
                help=field.help,
                placeholder=field.placeholder,
                suggestions=list(field.suggestions),
            )
            if network.sign_in and (field := network.sign_in.field)
            else None,
            source=network.source is not None,
            destination=network.destination is not None,
        )
        for network in site.networks.values()
    ]


@router.delete("/accounts/{account_id}", status_code=204)
@waiting_for_others
def unlink(site: TheSite, asking: APresentMember, account_id: str) -> None:
    """Unlink an account: its lists are forgotten, its grant is revoked at the network."""
    service.part_with(site, asking.user, service.account_id(site, account_id))
