"""Leaving, for programs."""

from __future__ import annotations

from fastapi import APIRouter

from openportability.accounts.session import AMember, TheSite
from openportability.privacy import service
from openportability.web.threads import waiting_for_others

router = APIRouter(prefix="/api/v1", tags=["me"])


@router.delete("/me", status_code=204)
@waiting_for_others
def leave(site: TheSite, asking: AMember) -> None:
    """Delete everything about me at once, and give back what I allowed at the networks."""
    service.leave(site, asking.user)
