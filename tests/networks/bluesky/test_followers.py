"""Followers come from a service that knows all repositories, page by page; its oddities end no list early."""

from __future__ import annotations

import httpx2
import pytest

from openportability.domain import Grant, Kind
from openportability.errors import Throttled, Unavailable
from openportability.network import Network, OwnLists
from tests.networks.bluesky.conftest import Load
from tests.networks.bluesky.stand_in import ANNA, BEA, CAROL, VIEW, Answer, World, says, times_out

FOLLOWERS = f"{VIEW}/xrpc/app.bsky.graph.getFollowers"


def lists_of(network: Network) -> OwnLists:
    assert network.source
    assert network.source.lists
    return network.source.lists


def pages(*of: tuple[list[object], str | None]) -> Answer:
    """Answer with these pages; the cursor of a page is its number."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        assert request.url.params["actor"] == ANNA
        assert "authorization" not in request.headers
        people, cursor = of[int(request.url.params.get("cursor", "0"))]
        more = {"cursor": cursor} if cursor else {}
        return httpx2.Response(200, json={"subject": {}, "followers": people, **more})

    return answer


def all_of(network: Network, grant: Grant) -> list[set[str]]:
    found, cursor, begun = [], None, False
    while cursor or not begun:
        page = lists_of(network).page(grant, Kind.FOLLOWERS, cursor)
        found.append({str(actor) for actor in page.actors})
        cursor, begun = page.cursor, True
    return found


def test_they_are_read_page_by_page_though_a_page_may_be_empty(
    network: Network, world: World, grant: Grant
) -> None:
    odd: list[object] = [{"did": CAROL}, {"handle": "x"}, "x", {"did": 7}]
    world.answers[FOLLOWERS] = pages(([{"did": BEA}], "1"), ([], "2"), (odd, None))
    assert all_of(network, grant) == [{BEA}, set(), {CAROL}]
    assert Kind.FOLLOWERS in lists_of(network).kinds


def test_a_cursor_that_leads_nowhere_ends_the_list(
    network: Network, world: World, grant: Grant
) -> None:
    world.answers[FOLLOWERS] = pages(([{"did": BEA}], "1"), ([{"did": CAROL}], "1"))
    assert all_of(network, grant) == [{BEA}, {CAROL}]


def test_an_account_that_was_never_seen_has_no_followers(
    network: Network, world: World, grant: Grant
) -> None:
    unknown = {"error": "InvalidRequest", "message": f"Actor not found: {ANNA}"}
    world.answers[FOLLOWERS] = says(400, unknown)
    assert all_of(network, grant) == [set()]


@pytest.mark.parametrize(
    "answer",
    [
        says(502),
        says(200, []),
        says(200, {"followers": 7}),
        says(400, {"error": "AccountTakedown", "message": "Account has been suspended"}),
        says(404),
        times_out,
    ],
)
def test_what_is_no_answer_is_tried_again_later(
    network: Network, world: World, grant: Grant, answer: Answer
) -> None:
    world.answers[FOLLOWERS] = answer
    with pytest.raises(Unavailable):
        all_of(network, grant)


def test_a_service_that_has_enough_is_left_alone(
    network: Network, world: World, grant: Grant
) -> None:
    world.answers[FOLLOWERS] = says(429, {}, ratelimit_reset="4102444800")
    with pytest.raises(Throttled) as caught:
        all_of(network, grant)
    assert caught.value.everyone


def test_without_such_a_service_followers_are_not_read(load: Load, world: World) -> None:
    assert Kind.FOLLOWERS not in lists_of(load(view="")).kinds
