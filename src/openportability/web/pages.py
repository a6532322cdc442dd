"""The pages that need no feature: about, privacy, the source, the theme, the components."""

from __future__ import annotations

import io
import zipfile
from functools import cache
from pathlib import Path
from typing import Annotated

from fastapi import Form
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from openportability.web import cookies
from openportability.web.house import house_of
from openportability.web.render import page
from openportability.web.routing import Router
from openportability.web.who import anybody

router = Router(include_in_schema=False)
patterns = Router(include_in_schema=False)

_PACKAGE = Path(__file__).parent.parent


@router.get("/about")
@anybody
def about(request: Request) -> HTMLResponse:
    """Say what this is and who makes it."""
    return page(request, "home/about.html", member=request.app.state.knows(request))


@router.get("/privacy")
@anybody
def privacy(request: Request) -> HTMLResponse:
    """Say what is kept, why and for how long."""
    unseen = house_of(request).settings.unseen_days
    member = request.app.state.knows(request)
    return page(request, "home/privacy.html", member=member, unseen_days=unseen)


@router.get("/source")
@anybody
def source() -> Response:
    """Offer this program as it runs here: who uses it has a right to it (AGPL, section 13)."""
    headers = {"Content-Disposition": 'attachment; filename="openportability-source.zip"'}
    return Response(_packed(), media_type="application/zip", headers=headers)


@router.post("/theme")
@anybody
def theme(
    request: Request, theme: Annotated[str, Form()], back: Annotated[str, Form()] = "/"
) -> Response:
    """Keep the person's choice of colours and go back to where they were."""
    response = RedirectResponse(local(back), status_code=303)
    if theme in cookies.THEMES:
        age = cookies.YEAR_SECONDS
        cookies.put(request, response, cookies.THEME, theme, max_age_seconds=age)
    else:
        cookies.drop(request, response, cookies.THEME)
    return response


@patterns.get("/_patterns")
@anybody
def show_patterns(request: Request) -> HTMLResponse:
    """Show every component in every state; for those who build pages."""
    return page(request, "patterns.html")


def local(address: str) -> str:
    """Return an address of this site, or the home page for one that leads elsewhere."""
    leads_elsewhere = not address.startswith("/") or address[1:2] in {"/", "\\"}
    return "/" if leads_elsewhere or not address.isprintable() else address


@cache
def _packed() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path in sorted(_PACKAGE.rglob("*")):
            if path.is_file() and path.suffix not in {".pyc", ".mo"}:
                zipped.write(path, Path("openportability") / path.relative_to(_PACKAGE))
    return packed.getvalue()
