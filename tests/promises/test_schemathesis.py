"""Schemathesis reads the published description of the API, and tries what it allows and what it forbids.

Bounded by a number of cases for each call and never by a clock: the same cases on a slow machine.
`test_api_holds.py` does the same with values of ours that are drawn anew in each run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import response_schema_conformance

from openportability import app as parts
from tests.browsing import Browser
from tests.house import House
from tests.promises.routes import all_routes

#: A stream, whose answer has no end; and what would end the member's part.
LEFT_OUT = frozenset({("GET", "/api/v1/reconnection/events"), ("DELETE", "/api/v1/me")})
_SAME_SITE = {"Sec-Fetch-Site": "same-origin"}
CASES = settings(
    max_examples=3,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def operations(shared_house: House) -> list[Any]:
    """Every call of the API, as Schemathesis understands its description."""
    schema = schemathesis.openapi.from_url(f"{shared_house.base_url}/api/v1/openapi.json")
    found = [one.ok() for one in schema.get_all_operations() if isinstance(one, Ok)]
    return [one for one in found if (one.method.upper(), one.path) not in LEFT_OUT]


def modes(operation: Any) -> list[GenerationMode]:
    """Return what can be tried: nothing in an address alone breaks a schema, for all of it is text."""
    typed = operation.definition.raw
    breakable = "requestBody" in typed or any(
        one["in"] == "query" for one in typed.get("parameters", [])
    )
    return [GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if breakable else [])]


def answers(
    shared_house: House,
    operation: Any,
    mode: GenerationMode,
    headers: Mapping[str, str],
    cases: settings = CASES,
) -> list[Any]:
    """Send the cases of one call; each answer is no 5xx and, where one is described, of its form."""
    seen: list[Any] = []

    @cases
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        shared_house.clock.forward(minutes=5)  # so that nobody is too quick
        answer = case.call(headers={**_SAME_SITE, **headers}, timeout=60, allow_redirects=False)
        seen.append(answer)
        case.validate_response(answer, checks=[not_a_server_error, response_schema_conformance])

    send()
    return seen


def test_it_finds_no_5xx_and_no_answer_of_another_form(
    shared_house: House, shared_member: Browser, operations: list[Any]
) -> None:
    cookies = "; ".join(f"{name}={value}" for name, value in shared_member.cookies.items())
    taken: set[str] = set()
    for operation in operations:
        for mode in modes(operation):
            seen = answers(shared_house, operation, mode, {"Cookie": cookies})
            assert 401 not in {one.status_code for one in seen}, operation.label
            taken |= {operation.label for one in seen if one.status_code < 400}
    assert len(taken) * 2 > len(operations), "most calls were refused, so little was tried"


def test_it_finds_nothing_of_anybody_without_signing_in(
    shared_house: House, operations: list[Any]
) -> None:
    for_members = {
        (one.method, one.path)
        for one in all_routes(parts.web(shared_house.site))
        if one.who == "member"
    }
    tried = 0
    for operation in operations:
        if (operation.method.upper(), operation.path) not in for_members:
            continue
        # One each: who asks is looked at before what is asked.
        one = settings(CASES, max_examples=1)
        for answer in answers(shared_house, operation, GenerationMode.POSITIVE, {}, one):
            assert answer.status_code in {400, 401}, (operation.label, answer.status_code)
            assert answer.headers["content-type"] == ["application/problem+json"]
            tried += 1
    assert tried > len(for_members) // 4
