"""`EXPLAIN` before any statement, as each database says it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Executable
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement


class Explain(Executable, ClauseElement):
    """The plan of a statement, as rows."""

    inherit_cache = False

    def __init__(self, statement: ClauseElement) -> None:
        self.statement = statement


@compiles(Explain, "sqlite")
def _explain_sqlite(element: Explain, compiler: SQLCompiler, **kw: Any) -> str:
    return "EXPLAIN QUERY PLAN " + _as_rows(element, compiler, **kw)


@compiles(Explain, "postgresql")
def _explain_postgresql(element: Explain, compiler: SQLCompiler, **kw: Any) -> str:
    return "EXPLAIN " + _as_rows(element, compiler, **kw)


def _as_rows(element: Explain, compiler: SQLCompiler, **kw: Any) -> str:
    text = compiler.process(element.statement, **kw)
    # What comes back are lines of a plan, also where the statement changes rows.
    compiler.isinsert = compiler.isupdate = compiler.isdelete = False
    return text
