"""Dresses an application with all that pages need, so that `app` and tests do it in one line."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from fastapi import FastAPI
from starlette.requests import HTTPConnection

from openportability.db.engine import Database
from openportability.web import i18n, incoming, measure, pages, problems, security, sse
from openportability.web.assets import Assets
from openportability.web.house import House
from openportability.web.line import Line
from openportability.web.rates import Rates

#: Who brings lists may be inside for each thread of a process: most of them still send.
_TURNS_A_THREAD = 4


def nobody(_request: HTTPConnection) -> bool:
    """Know nobody: for pages without members."""
    return False


def dress(
    app: FastAPI,
    house: House,
    knows: Callable[[HTTPConnection], bool] = nobody,
    db: Database | None = None,
) -> None:
    """Give `app` the site, templates, languages, static files, error pages and what guards a request.

    `knows` tells who is a member: only they may send large bodies. In `db` requests are counted;
    without it each process counts for itself, and looks may wait for whatever it is.
    """
    assets = _shipped()
    app.state.site = house
    app.state.knows = knows
    app.state.rates = Rates(house.vault, db)
    app.state.line = Line(_TURNS_A_THREAD * house.settings.web_threads)
    app.state.idle_seconds = incoming.IDLE_SECONDS
    app.state.languages = i18n.load_languages()
    app.state.static = assets.address
    app.state.streams = sse.Streams()
    app.state.tally = measure.Tally()
    app.include_router(assets.router())
    app.include_router(pages.router)
    if not house.settings.production:
        app.include_router(pages.patterns)
    problems.install(app)
    security.install(app, house, looks_wait=db is None or db.dialect.answers_elsewhere)


@cache
def _shipped() -> Assets:
    """Read the static files: those of the program do not change while it runs."""
    return Assets.load()
