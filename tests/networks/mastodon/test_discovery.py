"""Discovery before hosts that would keep us busy."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from openportability.domain import Purpose
from openportability.errors import Invalid
from openportability.networks.mastodon import discovery
from tests.networks.mastodon.world import REDIRECT, World
from tests.networks.stand_in import Answer, Question, Said

TYPED = "busy.example"


def _discovered(world: World) -> None:
    with pytest.raises(Invalid):
        world.sign_in.begin(
            typed=TYPED, purpose=Purpose.IDENTIFY, redirect_uri=REDIRECT, state="s", language="en"
        )


def _says(world: World, path: str, said: Said) -> list[str]:
    """Let every host say this at a path and nothing elsewhere; return what will be asked."""
    asked: list[str] = []

    def at(host: str) -> Answer:
        def answer(question: Question) -> Said:
            asked.append(f"{host}{question.path}")
            return said if question.path == path else Said(status=404, body="")

        return answer

    for host in (TYPED, *(f"h{number}.example" for number in range(3_000))):
        world.servers[host] = at(host)
    return asked


def _hosts(asked: list[str]) -> set[str]:
    return {address.partition("/")[0] for address in asked}


def test_a_host_that_names_thousands_of_others_has_three_asked(world: World) -> None:
    links = [{"rel": "self", "href": f"https://h{number}.example/"} for number in range(3_000)]
    asked = _says(world, "/.well-known/nodeinfo", Said(body={"links": links}))
    _discovered(world)
    assert _hosts(asked) == {TYPED, "h0.example", "h1.example"}
    assert len(asked) < 10


def test_a_page_that_names_thousands_of_others_has_three_asked(world: World) -> None:
    page = "".join(f'<Link template="https://h{number}.example/"/>' for number in range(3_000))
    asked = _says(world, "/.well-known/host-meta", Said(body=page))
    _discovered(world)
    assert _hosts(asked) == {TYPED, "h0.example", "h1.example"}
    assert len(asked) < 10


@pytest.mark.parametrize(
    "page",
    [
        # What a search without bounds would take hours for.
        "<Link " * 170_000,
        " " * 20_000 + '<Link template="https://h0.example/"/>',
        f'<Link {"a" * 600} template="https://h0.example/"/>',
        f'<Link template="https://h0.example/{"a" * 600}"/>',
    ],
)
def test_no_page_is_searched_far(world: World, page: str) -> None:
    asked = _says(world, "/.well-known/host-meta", Said(body=page))
    _discovered(world)
    assert _hosts(asked) == {TYPED}


def test_a_discovery_ends_in_time_however_slow_the_servers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = [{"href": f"https://h{number}.example/"} for number in range(3)]
    asked = _says(world, "/.well-known/nodeinfo", Said(body={"links": links}))
    seconds: Iterator[int] = count(step=9)  # so much passes before each look at the watch
    monkeypatch.setattr(discovery, "monotonic", lambda: next(seconds))
    _discovered(world)
    assert len(asked) == 2
