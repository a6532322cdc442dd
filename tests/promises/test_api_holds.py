"""Whatever is sent to the API, it answers in its own words: never 5xx, never anything of anybody to a visitor.

The calls are made from the API's own description, so that a new one is tried without being named
here, with values that are drawn anew in each run. `test_schemathesis.py` has a tool try the same.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openportability import app as parts
from tests.browsing import Browser
from tests.house import House
from tests.promises.routes import all_routes

#: Streams, whose answer has no end.
ENDLESS = {"/api/v1/reconnection/events"}
#: What would end the member's part.
LAST = {("DELETE", "/api/v1/me")}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda some: (
        st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=8), some, max_size=3)
    ),
    max_leaves=5,
)
#: As browsers and programs can send it in an address.
TEXTS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=30)


@pytest.fixture(scope="module")
def description(shared_house: House) -> dict[str, Any]:
    answer = shared_house.new_browser().get("/api/v1/openapi.json")
    described: dict[str, Any] = answer.json()
    return described


@pytest.fixture(scope="module")
def for_members(shared_house: House) -> set[str]:
    routes = all_routes(parts.web(shared_house.site))
    return {one.path for one in routes if one.who == "member"}


def calls(description: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, call)
        for path, verbs in description["paths"].items()
        for method, call in verbs.items()
        if path.startswith("/api/v1/")
    ]


def values(schema: dict[str, Any], description: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return values that fit a schema, as far as our own schemas go."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return values(description["components"]["schemas"][name], description)
    for either in ("anyOf", "oneOf"):
        if either in schema:
            return st.one_of([values(one, description) for one in schema[either]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "integer":
            return st.integers(-(2**70), 2**70)
        case "number":
            return st.floats(allow_nan=False)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "array":
            return st.lists(values(schema.get("items", {}), description), max_size=3)
        case "object":
            fields = schema.get("properties", {})
            return st.fixed_dictionaries(
                {}, optional={name: values(one, description) for name, one in fields.items()}
            )
        case "string":
            return TEXTS | st.just("a" * 26)
    return JSON


def asked(call: dict[str, Any], path: str, description: dict[str, Any], data: st.DataObject) -> Any:
    """Draw an address and a body for a call."""
    address, query = path, []
    for one in call.get("parameters", []):
        drawn = data.draw(values(one["schema"], description))
        if one["in"] == "path":
            address = address.replace(f"{{{one['name']}}}", _quoted(str(drawn)) or "x")
        elif drawn is not None:
            query.append(f"{one['name']}={_quoted(str(drawn))}")
    contents = call.get("requestBody", {}).get("content", {})
    body = None
    if contents:
        kind, content = next(iter(contents.items()))
        fitting = values(content.get("schema", {}), description)
        body = data.draw((fitting | JSON) if kind == "application/json" else st.none())
    return f"{address}?{'&'.join(query)}".rstrip("?"), body


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def test_the_description_names_every_call(shared_house: House, description: dict[str, Any]) -> None:
    described = {(method, path) for method, path, _ in calls(description)}
    there = {
        (one.method, one.path)
        for one in all_routes(parts.web(shared_house.site))
        if one.path.startswith("/api/v1/") and one.path != "/api/v1/openapi.json"
    }
    assert described == there


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_nothing_that_is_sent_breaks_it(
    shared_house: House, shared_member: Browser, description: dict[str, Any], data: st.DataObject
) -> None:
    everything = [
        one for one in calls(description) if one[1] not in ENDLESS and one[:2] not in LAST
    ]
    method, path, call = data.draw(st.sampled_from(everything))
    address, body = asked(call, path, description, data)
    shared_house.clock.forward(hours=1)  # so that nobody is too quick
    answer = shared_member.api(method, address.removeprefix("/api/v1"), body)
    assert answer.status < 500, (method, address, body, answer.text[:300])
    if answer.status >= 400:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", answer.json()["code"])


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_visitor_is_told_nothing_whatever_they_send(
    shared_house: House, for_members: set[str], description: dict[str, Any], data: st.DataObject
) -> None:
    method, path, call = data.draw(
        st.sampled_from([one for one in calls(description) if one[1] in for_members])
    )
    address, body = asked(call, path, description, data)
    answer = shared_house.new_browser().api(method, address.removeprefix("/api/v1"), body)
    # What is no fit request at all may be refused for that before anybody looks who asks.
    assert answer.status in {400, 401, 404, 405}, (method, address, answer.status)
    assert answer.headers["Content-Type"] == "application/problem+json"
