"""The environment of templates: one for each language, in which the words that stand in a template are text of it.

A word that is looked up each time a page is made takes as long as all that stands between two of them. So those with
nothing to fill in are put in when a template is compiled; the others are looked up as ever.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import (
    Environment,
    FileSystemLoader,
    StrictUndefined,
    Template,
    nodes,
    select_autoescape,
)
from jinja2.compiler import CodeGenerator, Frame
from jinja2.filters import do_forceescape, do_mark_safe
from jinja2.visitor import NodeTransformer

from openportability.web import i18n
from openportability.web.i18n import Language
from openportability.web.states import STATES

TEMPLATES = Path(__file__).parent / "templates"
#: By these names templates ask for a word.
_WORD = ("_", "gettext")


class _PutIn(NodeTransformer):
    """Puts the words of a language in place of the questions for them."""

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802 - the visitor's name for it
        """Leave as it is what has something to fill in, or is known only when the page is made."""
        match node:
            case nodes.Call(
                node=nodes.Name(name=name), args=[nodes.Const(value=str(message))], kwargs=[]
            ) if name in _WORD:
                return nodes.Const(_word(message), lineno=node.lineno)
        return self.generic_visit(node)


class _Compiler(CodeGenerator):
    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:  # noqa: N802 - as above
        environment = self.environment
        assert isinstance(environment, _Templates)
        with i18n.spoken(environment.language):
            super().visit_Template(_PutIn().visit(node), frame)


class _Templates(Environment):
    """Templates whose words take what is filled in as arguments, as `_word` does."""

    #: Read by the extension for translations, which leaves it as it finds it.
    newstyle_gettext = True
    code_generator_class = _Compiler

    def __init__(self, language: Language, **options: Any) -> None:
        self.language = language
        super().__init__(**options)


@cache
def environment(static: Callable[[str], str], language: Language) -> Environment:
    """Make the templates' environment; `static` turns a path into its address of today.

    Applications of one process that have the same static files share it: a template is compiled once.
    """
    made = _Templates(
        language,
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


def template(static: Callable[[str], str], name: str) -> Template:
    """Return a template in the language being spoken."""
    return environment(static, i18n.speaking()).get_template(name)


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
    written = {
        name: i18n.number(value) if isinstance(value, int) else value
        for name, value in values.items()
    }
    return do_mark_safe(i18n.looked_up_plural(one, many, count)) % written
