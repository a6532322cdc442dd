from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI, Form
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.testclient import TestClient

from openportability.web import cookies, security
from tests.web.conftest import HOME, HTTPS_HOME


@pytest.fixture
def doing(app: FastAPI, client: TestClient) -> TestClient:
    @app.post("/do")
    @app.post("/api/v1/do")
    def do() -> Response:
        return PlainTextResponse("done")

    @app.post("/say")
    def say(text: str = Form()) -> Response:
        return PlainTextResponse(text)

    @app.get("/break")
    @app.get("/api/v1/break")
    def break_() -> Response:
        raise RuntimeError("the secret of the house")

    return client


def test_every_answer_carries_the_policy(doing: TestClient) -> None:
    for path in ("/about", "/nowhere", "/break", "/api/v1/nowhere"):
        headers = doing.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"], path
        assert "unsafe" not in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert "strict-transport-security" not in headers


def test_https_is_kept_to(make_app: Callable[[str], FastAPI]) -> None:
    with TestClient(make_app(HTTPS_HOME), base_url=HTTPS_HOME) as client:
        headers = client.get("/en/about").headers
    assert headers["strict-transport-security"].startswith("max-age=")
    assert headers["set-cookie"].startswith("__Host-language=en;")
    assert "; Secure" in headers["set-cookie"]
    assert "HttpOnly" in headers["set-cookie"]
    assert "SameSite=lax" in headers["set-cookie"]
    assert "http:" not in headers["content-security-policy"]


def test_a_production_site_shows_no_patterns(make_app: Callable[[str], FastAPI]) -> None:
    with TestClient(make_app(HTTPS_HOME), base_url=HTTPS_HOME) as client:
        assert client.get("/_patterns").status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": HOME}, 403),
        ({"Origin": HOME}, 200),
        ({"Origin": "http://localhost:8000"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Authorization": "Bearer abc"}, 403),
    ],
)
def test_another_site_cannot_act_for_a_person(
    doing: TestClient, headers: dict[str, str], status: int
) -> None:
    assert doing.post("/do", headers=headers).status_code == status


def test_the_api_takes_a_bearer_from_anywhere(doing: TestClient) -> None:
    cross = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    assert doing.post("/api/v1/do", headers=cross).status_code == 403
    bearer = cross | {"Authorization": "Bearer abc"}
    assert doing.post("/api/v1/do", headers=bearer).status_code == 200


def test_other_sites_may_link_to_us(doing: TestClient) -> None:
    assert doing.get("/about", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_another_host_is_refused(doing: TestClient) -> None:
    assert doing.get("/about", headers={"Host": "evil.example"}).status_code == 421
    assert doing.get("/about", headers={"Host": "127.0.0.1:9999"}).status_code == 421
    assert doing.get("/about", headers={"Host": "localhost:8000"}).status_code == 200


def test_machines_may_ask_for_our_health_by_any_name(app: FastAPI, client: TestClient) -> None:
    @app.get("/healthz")
    def health() -> Response:
        return PlainTextResponse("ok")

    assert client.get("/healthz", headers={"Host": "10.0.0.7"}).status_code == 200


def test_a_browser_at_localhost_is_sent_to_the_one_address(doing: TestClient) -> None:
    visit = {"Host": "localhost:8000", "Sec-Fetch-Mode": "navigate"}
    answer = doing.get("/about?a=1", headers=visit)
    assert (answer.status_code, answer.headers["location"]) == (307, f"{HOME}/about?a=1")


def test_loopback_names_mean_nothing_in_production(make_app: Callable[[str], FastAPI]) -> None:
    with TestClient(make_app(HTTPS_HOME), base_url=HTTPS_HOME) as client:
        assert client.get("/about", headers={"Host": "localhost"}).status_code == 421


def test_a_large_body_is_refused_before_it_is_read(doing: TestClient) -> None:
    most = security.most_bytes("/say", "")
    answer = doing.post("/say", content=b"x", headers={"Content-Length": str(most + 1)})
    assert answer.status_code == 413
    assert doing.post("/say", content=b"x", headers={"Content-Length": "-1"}).status_code == 413


def test_a_body_that_hides_its_size_is_refused_while_it_is_read(doing: TestClient) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"text="
        for _ in range(40):
            yield b"x" * 100_000

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert doing.post("/say", content=chunks(), headers=form).status_code == 413


def test_an_archive_may_be_larger_than_a_form() -> None:
    assert security.most_bytes("/archive", "multipart/form-data") > 1000 * security.most_bytes(
        "/matches", ""
    )


def test_what_is_held_in_memory_is_small_wherever_it_is_sent() -> None:
    for kind in ("", "application/x-www-form-urlencoded", "application/json"):
        assert security.most_bytes("/archive", kind) == security.most_bytes("/matches", kind)


def test_what_nobody_foresaw_becomes_a_number_not_a_trace(doing: TestClient) -> None:
    answer = doing.get("/break")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "nothing of yours is lost" in answer.text
    body = doing.get("/api/v1/break").json()
    assert body["code"] == "svc.internal"
    assert len(body["reference"]) == 8


def test_a_cookie_is_dropped_with_the_attributes_it_was_set_with(
    app: FastAPI, client: TestClient
) -> None:
    @app.get("/put")
    def put(request: Request) -> Response:
        response = Response()
        cookies.put(request, response, "session", "abc", max_age_seconds=None)
        return response

    @app.get("/drop")
    def drop(request: Request) -> Response:
        response = Response(cookies.read(request, "session"))
        cookies.drop(request, response, "session")
        return response

    assert "Max-Age" not in client.get("/put").headers["set-cookie"]
    assert client.get("/drop").text == "abc"
    assert client.get("/drop").text == ""
