from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from openportability.network import Network
from openportability.web import cookies, i18n
from openportability.web.environment import TEMPLATES, environment
from openportability.web.render import block, page, part

STEPS = [
    {"title": "Prove who you are", "state": "done", "href": "/accounts", "text": "1 account"},
    {"title": "Bring your lists", "state": "current", "href": "/archive", "text": ""},
    {"title": "Reconnect", "state": "next", "href": "/reconnect", "text": ""},
]
MEMBER: Mapping[str, Any] = {
    "steps": STEPS,
    "figures": [{"label": "are here", "value": 31700}],
    "news": [],
    "ways": [],
}


@pytest.fixture
def pages(app: FastAPI, client: TestClient) -> TestClient:
    @app.get("/member")
    def member(request: Request) -> Response:
        request.state.member = object()
        return page(request, "home/member.html", **MEMBER)

    @app.get("/landing")
    def landing(request: Request) -> Response:
        return page(request, "home/landing.html")

    @app.get("/part")
    def only(request: Request) -> Response:
        return part(request, "home/member.html", "wide", **MEMBER)

    @app.get("/lacking")
    def lacking(request: Request) -> Response:
        return page(request, "home/member.html")

    return client


def test_a_visitor_is_offered_to_begin(pages: TestClient, herd: Network) -> None:
    text = pages.get("/landing").text
    assert 'href="/sign-in"' in text
    assert "Herd" in text
    assert herd.logo in text
    assert "/sign-out" not in text


def test_a_member_sees_where_they_are_and_what_is_next(pages: TestClient) -> None:
    text = pages.get("/member").text
    assert 'aria-current="step"' in text
    assert "31,700" in text
    assert 'action="/sign-out"' in text
    assert 'href="/reconnect">Reconnect</a></h3>' not in text


def test_a_block_is_rendered_alone(pages: TestClient) -> None:
    text = pages.get("/part").text
    assert "Bring your lists" in text
    assert "<html" not in text


def test_a_block_says_the_same_as_the_page(app: FastAPI, pages: TestClient) -> None:
    request = Request(
        {
            "type": "http",
            "method": "GET",
            "path": "/",
            "query_string": b"",
            "headers": [(b"host", b"127.0.0.1:8000")],
            "app": app,
        }
    )
    assert block(request, "home/member.html", "wide", **MEMBER).strip() in pages.get("/member").text


def test_a_value_that_is_missing_is_an_error_not_a_gap(pages: TestClient) -> None:
    assert pages.get("/lacking").status_code == 500


def _components(app: FastAPI) -> Any:
    return environment(app.state.static, i18n.ENGLISH).globals["ui"]


def test_what_people_typed_is_never_markup(app: FastAPI) -> None:
    ui = _components(app)
    evil = '<script>"x"</script>'
    for made in (
        ui.field(evil, "name", value=evil, error=evil, suggestions=[evil]),
        ui.person_row(evil, why=evil, handles=[]),
        ui.notice("warn", evil, title=evil),
        ui.button(evil, more={"data-x": evil}),
        ui.table(evil, [evil], [[evil]]),
    ):
        assert "<script>" not in made


def test_every_component_is_shown_on_the_patterns_page(app: FastAPI, client: TestClient) -> None:
    text = client.get("/_patterns").text
    ui = _components(app)
    macros = {name for name in dir(ui) if not name.startswith("_")}
    inside_others = {"icon", "logo", "stat", "network_logo", "when", "breakable", "moved"}
    source = (TEMPLATES / "patterns.html").read_text(encoding="utf-8")
    assert {name for name in macros - inside_others if f"ui.{name}(" not in source} == {
        "avatar",
        "notice_box",
    }
    assert "Ada Lindqvist" in text


def test_every_component_says_what_it_takes() -> None:
    source = (TEMPLATES / "_macros.html").read_text(encoding="utf-8")
    lines = source.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("{% macro "):
            assert lines[number - 1].endswith("#}"), f"no comment above: {line}"


def test_a_flash_message_is_shown_once(app: FastAPI, client: TestClient) -> None:
    @app.post("/do")
    def do(request: Request) -> Response:
        response = Response(status_code=303, headers={"Location": "/about"})
        cookies.flash(request, response, "done", "All 7 are followed.")
        return response

    client.post("/do")
    assert "All 7 are followed." in client.get("/about").text
    assert "All 7 are followed." not in client.get("/about").text


def test_a_flash_message_that_we_did_not_seal_is_not_shown(client: TestClient) -> None:
    client.cookies.set("flash", "WyJkb25lIiwgIkNhbGwgbWUiXQ==")
    assert "Call me" not in client.get("/about").text


def test_a_theme_is_kept_and_taken_back(client: TestClient) -> None:
    answer = client.post("/theme", data={"theme": "dark", "back": "/about"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/about")
    assert 'data-theme="dark"' in client.get("/about").text
    client.post("/theme", data={"theme": "auto"})
    assert "data-theme=" not in client.get("/about").text.partition("<body>")[0]


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example", "x"])
def test_the_way_back_never_leads_to_another_site(client: TestClient, back: str) -> None:
    assert client.post("/theme", data={"theme": "dark", "back": back}).headers["location"] == "/"


def test_the_page_about_privacy_says_what_is_kept_of_a_visit_and_when_all_ends(
    client: TestClient,
) -> None:
    text = client.get("/privacy").text
    assert "nobody used it for 30 days" in text
    assert "If you do not come here for 730 days" in text


def test_the_source_is_offered_to_everyone(client: TestClient) -> None:
    answer = client.get("/source")
    assert answer.headers["content-type"] == "application/zip"
    assert b"openportability/web/render.py" in answer.content


def test_python_texts_are_translated_too(app: FastAPI) -> None:
    with i18n.spoken(i18n.ENGLISH):
        assert i18n.ngettext("%(count)s person", "%(count)s people", 1284) == "1,284 people"


def test_an_address_with_hidden_steps_up_is_not_led_back_to(pages: TestClient) -> None:
    answer = pages.get("/nowhere/..%2F..%2Fetc")
    assert answer.status_code == 404
    assert "etc" not in answer.text


def test_a_count_in_a_sentence_is_written_as_the_language_does(app: FastAPI) -> None:
    made = environment(app.state.static, i18n.ENGLISH).from_string(
        "{% trans count=n %}{{ count }} person waits for your word."
        "{% pluralize %}{{ count }} people wait for your word.{% endtrans %}"
    )
    assert made.render(n=12345) == "12,345 people wait for your word."
    assert made.render(n=1) == "1 person waits for your word."


def test_a_flash_message_is_kept_in_any_script(app: FastAPI, client: TestClient) -> None:
    @app.post("/do")
    def do(request: Request) -> Response:
        response = Response(status_code=303, headers={"Location": "/about"})
        cookies.flash(request, response, "done", "👩" * 1000)
        return response

    # A browser drops a cookie that is larger.
    assert len(client.post("/do").headers["set-cookie"]) < 4096
    assert "👩" * 100 in client.get("/about").text


def test_words_that_stand_in_a_template_are_those_of_its_language(app: FastAPI) -> None:
    """Also where they hold a percent sign, or what would be markup; what is filled in is looked up each time."""
    french = i18n.load_languages()["fr"]
    made = environment(app.state.static, french).from_string(
        '{{ _("Home") }} {{ _("%(count)s%%", count=7) }} {{ _("100%% & more") }}'
        '{% trans %}Home{% endtrans %}{{ [_("Home")]|join }}{{ _(later) }}'
    )
    home = french.catalogue.gettext("Home")
    assert home != "Home"
    with i18n.spoken(french):
        assert made.render(later="Home") == f"{home} 7% 100% & more{home}{home}{home}"
