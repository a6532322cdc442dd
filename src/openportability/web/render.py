"""Pages, and blocks of pages.

`page` answers with a whole template, `part` with one block of it (an htmx swap), `block` is that
block as text (an event stream). Every template has `ui`, the macros of `_macros.html`, without
importing anything. A block that is rendered alone sees the values given and the globals, not what
the template sets outside of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from jinja2.filters import do_forceescape, do_mark_safe
from starlette.requests import Request
from starlette.responses import HTMLResponse

from openportability.web import cookies, i18n
from openportability.web.house import house_of
from openportability.web.states import STATES

TEMPLATES = Path(__file__).parent / "templates"


class _Templates(Environment):
    """Templates whose words take what is filled in as arguments, as `_word` does."""

    #: Read by the extension for translations, which leaves it as it finds it.
    newstyle_gettext = True


@cache
def environment(static: Callable[[str], str]) -> Environment:
    """Make the templates' environment; `static` turns a path into its address of today.

    Applications of one process that have the same static files share it: a template is compiled once.
    """
    made = _Templates(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(default=True, default_for_string=True, enabled_extensions=()),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    # The extension's own look the same up through three calls of the context, for each of a hundred words of a page.
    made.globals.update({"_": _word, "gettext": _word, "ngettext": _plural_word})
    made.policies["ext.i18n.trimmed"] = True
    made.filters.update(i18n.FILTERS)
    made.filters["breakable"] = breakable
    made.globals["static"] = static
    made.globals["states"] = STATES
    made.globals["ui"] = made.get_template("_macros.html").module
    return made


def breakable(handle: str) -> str:
    """Return a handle as one reads it in any script, going on in the next line where a reader would.

    That is before an @ and before a dot.
    """
    broken = str(do_forceescape(handle)).replace("@", "<wbr>@").replace(".", "<wbr>.")
    return do_mark_safe(f'<bdi dir="ltr">{broken}</bdi>')


def _word(message: str, /, **values: object) -> str:
    """Return a text of ours in the language being spoken; what is filled in is escaped."""
    text = do_mark_safe(i18n.looked_up(message))
    return text % values if values or "%" in text else text


def _plural_word(one: str, many: str, count: int, /, **values: object) -> str:
    values.setdefault("num", count)
    return do_mark_safe(i18n.looked_up_plural(one, many, count)) % values


def page(request: Request, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """Answer with a page. A flash message that waits is shown on it, once."""
    flash = cookies.flash_of(request)
    shell = {**_shell(request, failed=status >= 400), "flash": flash}
    text = _environment(request).get_template(template).render({**shell, **values})
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
    made = _environment(request).get_template(template)
    context = made.new_context({**_shell(request), "flash": None, **values})
    return "".join(made.blocks[name](context))


def letter(template: str, **values: object) -> str:
    """Return the text of a template that is no page of a request: a mail, in the language being spoken."""
    values = {"language": i18n.speaking().code, "dir": i18n.speaking().direction, **values}
    return _of_letters().get_template(template).render(values)


@cache
def _of_letters() -> Environment:
    return environment(lambda path: path)


def _environment(request: Request) -> Environment:
    found: Environment = request.app.state.templates
    return found


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
