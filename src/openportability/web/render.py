"""Pages, and blocks of pages.

`page` answers with a whole template, `part` with one block of it (an htmx swap), `block` is that
block as text (an event stream). Every template has `ui`, the macros of `_macros.html`, without
importing anything. A block that is rendered alone sees the values given and the globals, not what
the template sets outside of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from openportability.web import cookies, environment, i18n
from openportability.web.house import house_of


def page(request: Request, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """Answer with a page. A flash message that waits is shown on it, once."""
    flash = cookies.flash_of(request)
    shell = {**_shell(request, failed=status >= 400), "flash": flash}
    text = environment.template(request.app.state.static, template).render({**shell, **values})
    response = HTMLResponse(text, status)
    if flash is not None:
        cookies.drop(request, response, cookies.FLASH)
    return response


def part(
    request: Request, template: str, name: str, *, status: int = 200, **values: object
) -> HTMLResponse:
    """Answer with one block of a page, for a swap."""
    return HTMLResponse(block(request, template, name, **values), status)


def block(request: Request, template: str, name: str, **values: object) -> str:
    """Return one block of a page as text."""
    made = environment.template(request.app.state.static, template)
    context = made.new_context({**_shell(request), "flash": None, **values})
    return "".join(made.blocks[name](context))


def letter(template: str, **values: object) -> str:
    """Return the text of a template that is no page of a request: a mail, in the language being spoken."""
    values = {"language": i18n.speaking().code, "dir": i18n.speaking().direction, **values}
    return environment.template(_as_it_is, template).render(values)


def _as_it_is(path: str) -> str:
    return path


def _shell(request: Request, *, failed: bool = False) -> Mapping[str, Any]:
    """What every template may use, besides its own values."""
    house = house_of(request)
    language = i18n.speaking()
    path: str = request.scope["path"]
    # What failed is not asked again in another language; the code of a sign-in may stand in it.
    query = f"?{request.url.query}" if request.url.query and not failed else ""
    # A page made by an unsafe method has no address to come back to in another language. Nor has one whose path
    # holds steps up: a browser takes them before it asks, so these were hidden, and would lead elsewhere.
    comes_back = request.method in {"GET", "HEAD"} and not {".", ".."} & set(path.split("/"))
    here = f"{path}{query}" if comes_back else "/"
    return {
        "request": request,
        "path": path,
        "here": here,
        "language": language.code,
        "languages": request.app.state.languages.values(),
        "dir": language.direction,
        "path_for": lambda code: f"/{code}{here}",
        "base_url": house.settings.base_url,
        "development": not house.settings.production,
        "networks": list(house.networks.values()),
        "member": getattr(request.state, "member", None),
        "theme": cookies.theme_of(request),
        "failed": failed,
    }
