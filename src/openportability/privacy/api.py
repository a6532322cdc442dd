"""Leaving, for programs."""

from __future__ import annotations

from fastapi import APIRouter

from openportability.accounts.session import AMember, TheSite
from openportability.privacy import service

router = APIRouter(prefix="/api/v1", tags=["me"])


@router.delete("/me", status_code=204)
def leave(site: TheSite, asking: AMember) -> None:
    """Delete everything about me at once, and give back what I allowed at the networks."""
    service.leave(site, asking.user)
