from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI, Form
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

import openportability
from openportability import errors
from openportability.domain import NetworkName
from openportability.network import Network
from openportability.web import problems, words
from openportability.web.house import house_of

SOURCES = Path(openportability.__file__).parent
#: The families of codes that are ours to put into words; a network's own are in its folder.
FAMILIES = {code.partition(".")[0] for code in words.WORDS}
JARGON = re.compile(r"\b(error|invalid|failed|token|HTTP|exception)\b", re.IGNORECASE)
ERRORS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.OpenPortabilityError)
]


@pytest.fixture
def failing(app: FastAPI, client: TestClient) -> TestClient:
    @app.get("/wrong/{code}")
    @app.get("/api/v1/wrong/{code}")
    def wrong(code: str) -> Response:
        raise errors.Invalid(code, file="following.js", count=1284)

    @app.get("/busy")
    @app.get("/api/v1/busy")
    def busy(request: Request) -> Response:
        raise errors.Busy(house_of(request).clock.now() + timedelta(seconds=90))

    @app.post("/api/v1/number")
    @app.post("/number")
    def number(count: int = Form()) -> Response:
        return Response(str(count))

    return client


def codes_in_use() -> Iterator[tuple[str, str]]:
    """Yield each text of the sources that looks like a code of ours, and not like a file."""
    shape = re.compile(rf"(?:{'|'.join(sorted(FAMILIES))})\.(?!zip|js|json|py)[a-z_]+")
    for path in SOURCES.rglob("*.py"):
        if path.name == "words.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
                continue
            if shape.fullmatch(node.value):
                yield node.value, f"{path.relative_to(SOURCES)}:{node.lineno}"


def test_every_code_in_use_has_words() -> None:
    wordless = {f"{code} ({place})" for code, place in codes_in_use() if code not in words.WORDS}
    assert not wordless


def test_every_error_has_words_by_itself() -> None:
    assert all(kind.default_code in words.WORDS for kind in ERRORS)


def test_all_words_are_sentences_without_blame_or_jargon() -> None:
    for code, (happened, next_step) in words.WORDS.items():
        assert not happened.endswith("."), code
        assert next_step.endswith("."), code
        for text in (happened, next_step):
            assert not JARGON.search(text), code


def test_every_place_in_the_words_can_be_filled() -> None:
    for code, texts in words.WORDS.items():
        for place in re.findall(r"%\((\w+)\)s", " ".join(texts)):
            assert place in words.UNSAID, code


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_has_a_status(kind: type[errors.OpenPortabilityError]) -> None:
    made = kind.__new__(kind)
    made.code = kind.default_code
    assert 400 <= problems.status_of(made) <= 503


def test_the_status_says_what_to_do_next() -> None:
    status = problems.status_of
    assert status(errors.Invalid()) == 400
    assert status(errors.NotAllowed("svc.signed_out")) == 401
    assert status(errors.NotAllowed()) == 403
    assert status(errors.NotFound()) == 404
    assert status(errors.Conflict()) == 409
    assert status(errors.Throttled()) == 503
    assert status(errors.Unavailable()) == 502


def test_a_network_brings_its_own_words(herd: Network) -> None:
    networks = {herd.name: herd}
    told = problems.words_of(errors.Unavailable("herd.asleep"), networks)
    assert told == ("The herd sleeps", "Come back when 100% of it is awake.")


def test_a_network_is_called_by_its_title(herd: Network) -> None:
    networks = {NetworkName("herd"): herd}
    happened, _ = problems.words_of(errors.Refused(network="herd"), networks)
    assert happened == "This is not possible at Herd"
    happened, _ = problems.words_of(errors.Refused(network="elsewhere"), networks)
    assert happened == "This is not possible at elsewhere"


def test_a_page_says_what_happened_and_offers_a_way_on(failing: TestClient) -> None:
    answer = failing.get("/wrong/archive.corrupt_file")
    assert answer.status_code == 400
    assert "This file in it cannot be read: following.js." in answer.text
    assert 'href="/archive"' in answer.text
    assert "archive.corrupt_file" in answer.text


def test_a_swap_gets_a_notice_not_a_page(failing: TestClient) -> None:
    answer = failing.get("/wrong/archive.classic", headers={"HX-Request": "true"})
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert "<html" not in answer.text


def test_the_api_gets_a_problem(failing: TestClient) -> None:
    answer = failing.get("/api/v1/wrong/archive.count_mismatch")
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["code"] == "archive.count_mismatch"
    assert body["status"] == 400
    assert body["count"] == 1284
    assert body["title"] == "Rows that the archive announces: more; read: 1,284"


def test_being_busy_says_until_when(failing: TestClient) -> None:
    for path in ("/busy", "/api/v1/busy"):
        answer = failing.get(path)
        assert answer.status_code == 429
        assert answer.headers["retry-after"] in {"89", "90"}
    assert "UTC" in failing.get("/busy").text


def test_who_is_not_signed_in_is_told_how(failing: TestClient) -> None:
    page = failing.get("/wrong/svc.signed_out")
    assert page.status_code == 401
    assert 'href="/sign-in?next=/wrong/svc.signed_out"' in page.text
    assert failing.get("/api/v1/wrong/svc.signed_out").headers["www-authenticate"] == "Bearer"


def test_a_form_that_lacks_something_is_named_by_field(failing: TestClient) -> None:
    body = failing.post("/api/v1/number", data={"count": "many"}).json()
    assert body["status"] == 400
    assert body["code"] == "svc.bad_input"
    assert [one["field"] for one in body["errors"]] == ["count"]
    assert failing.post("/number", data={}).status_code == 400


def test_a_wrong_method_is_a_page_too(failing: TestClient) -> None:
    answer = failing.get("/number")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert "svc.wrong_method" not in answer.text, (
        "a code means nothing to who cannot write about it"
    )


def test_an_unknown_code_speaks_as_our_own_fault(failing: TestClient) -> None:
    assert "Something broke here" in failing.get("/wrong/nobody.knows").text
