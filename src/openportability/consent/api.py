"""Choices for programs."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from openportability.accounts.session import AMember, TheSite, ask_presence
from openportability.consent import service
from openportability.consent.rules import Choice
from openportability.domain import Found, Standing
from openportability.web import i18n
from openportability.web.routing import Router

router = Router(prefix="/api/v1", tags=["consent"])


class ConsentOut(BaseModel):
    """What holds for one purpose."""

    value: str
    wording: str
    at: str


class ConsentsIn(BaseModel):
    """What is to hold from now on; purposes left out stay as they are."""

    found: Found | None = None
    standing: Standing | None = None
    #: Others may follow the copies that a bridge keeps of me on networks where I am not.
    bridged: Literal["off", "on"] | None = None


class StandingIn(BaseModel):
    """What happens when someone arrives later: off, ask, automatic."""

    mode: Standing


@router.get("/consents")
def consents(site: TheSite, asking: AMember) -> dict[str, ConsentOut]:
    """Return current choices with wording version and time."""
    with site.db.read() as tx:
        current = service.current(tx, asking.user)
    return {
        choice: ConsentOut(value=one.value, wording=one.wording, at=one.at.isoformat())
        for choice, one in current.items()
    }


@router.put("/consents")
def choose(site: TheSite, asking: AMember, said: ConsentsIn) -> dict[str, ConsentOut]:
    """Make choices; each counts from now on. Who was shown to others cannot be hidden from them again."""
    if said.found not in (None, Found.NOBODY):
        ask_presence(site, asking)
    values = {
        Choice.FOUND: said.found,
        Choice.STANDING: said.standing,
        Choice.BRIDGED: said.bridged,
    }
    with site.db.write() as tx:
        for choice, value in values.items():
            if value is not None:
                locale = i18n.speaking().code
                service.choose(tx, site, asking.user, choice, value, locale=locale, how="api")
    return consents(site, asking)


@router.put("/standing")
def standing(site: TheSite, asking: AMember, said: StandingIn) -> dict[str, ConsentOut]:
    """Choose what happens when someone arrives later."""
    return choose(site, asking, ConsentsIn(standing=said.mode))
