from __future__ import annotations

import gzip

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from openportability.web import sse

_MEMBER = {"cookie": "session=x"}


def test_what_a_visitor_sees_is_compressed(client: TestClient) -> None:
    answer = client.get("/about", headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in answer.headers["vary"]
    assert int(answer.headers["content-length"]) < len(answer.content) / 2
    assert "</html>" in answer.text


@pytest.mark.parametrize(
    ("made_by", "compressed"),
    [
        ("same-origin", True),
        ("none", True),
        ("cross-site", False),
        ("same-site", False),
        ("", False),
    ],
)
def test_a_page_that_another_site_made_a_member_ask_for_is_not_compressed(
    client: TestClient, made_by: str, compressed: bool
) -> None:
    made = {"sec-fetch-site": made_by} if made_by else {}
    headers = {"accept-encoding": "gzip", **_MEMBER, **made}
    answer = client.get("/about", headers=headers)
    assert ("content-encoding" in answer.headers) is compressed


def test_who_cannot_read_it_gets_it_plain(client: TestClient) -> None:
    answer = client.get("/about", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in answer.headers


def test_streams_short_answers_and_compressed_files_pass_as_they_are(
    app: FastAPI, client: TestClient
) -> None:
    @app.get("/short")
    def short() -> Response:
        return Response("short", media_type="text/html")

    @app.get("/events")
    def events(request: Request) -> Response:
        app.state.streams.close()
        return sse.stream(request, "events", lambda: "words" * 1000)

    for path in ("/short", "/events"):
        answer = client.get(path, headers={"accept-encoding": "gzip"})
        assert "content-encoding" not in answer.headers
    packed = gzip.compress(b"x" * 5000)

    @app.get("/packed")
    def already() -> Response:
        return Response(packed, media_type="text/html", headers={"Content-Encoding": "gzip"})

    assert client.get("/packed", headers={"accept-encoding": "gzip"}).content == b"x" * 5000
