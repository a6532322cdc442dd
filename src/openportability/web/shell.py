"""Dresses an application with all that pages need, so that `app` and tests do it in one line."""

from __future__ import annotations

from fastapi import FastAPI

from openportability.web import i18n, pages, problems, render, security, sse
from openportability.web.assets import Assets
from openportability.web.house import House


def dress(app: FastAPI, house: House) -> None:
    """Give `app` the site, templates, languages, static files, error pages and guards."""
    assets = Assets.load()
    app.state.site = house
    app.state.languages = i18n.load_languages()
    app.state.templates = render.environment(assets.address)
    app.state.streams = sse.Streams()
    app.include_router(assets.router())
    app.include_router(pages.router)
    if not house.settings.production:
        app.include_router(pages.patterns)
    problems.install(app)
    security.install(app, house)
