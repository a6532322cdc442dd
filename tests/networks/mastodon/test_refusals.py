"""A follow is refused: whether it is about the other, or about our user, is looked for, and never read from words."""

from __future__ import annotations

import pytest

from openportability.domain import Grant, Relationship
from openportability.errors import Flagged, Forbidden, Gone, Refused, SignedOut
from tests.networks.mastodon.strict import StrictServer
from tests.networks.mastodon.world import World, code_of, only, wanted
from tests.networks.stand_in import Said

ELSEWHERE = "elsewhere.example"


def test_a_block_is_seen_before_and_after(world: World, server: StrictServer, grant: Grant) -> None:
    carol = wanted(server.add_remote("carol", ELSEWHERE, blocks_us=True))
    looked = only(world.follows.relationships(grant, [carol]))
    assert isinstance(looked, Relationship)
    assert looked.blocked
    refused = only(world.follows.follow(grant, [carol]))
    assert isinstance(refused, Refused)
    assert refused.code == "masto.blocked"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (Said(status=422, body={"error": "…"}), "masto.ceiling"),
        (Said(status=404, body="<h1>404</h1>"), "masto.gone"),
        (Said(status=410, body={}), "masto.gone"),
        (Said(status=406, body={}), "target.self"),
        (Said(status=400, body={"error": "…"}), "masto.refused"),
    ],
)
def test_a_refusal_closes_one_row(
    world: World, server: StrictServer, grant: Grant, said: Said, code: str
) -> None:
    carol = wanted(server.add_remote("carol", ELSEWHERE))
    server.fail("/follow", said)
    assert code_of(world.follows.follow(grant, [carol])) == code


def test_a_refusal_that_nothing_explains_says_so_and_is_about_one(
    world: World, server: StrictServer, grant: Grant
) -> None:
    server.forbids = True
    for name in ("carol", "dave"):
        answer = only(world.follows.follow(grant, [wanted(server.add_remote(name, ELSEWHERE))]))
        assert isinstance(answer, Forbidden)


def test_a_refusal_of_a_limited_account_is_about_the_account(
    world: World, server: StrictServer, grant: Grant
) -> None:
    server.forbids = server.people["100"].limited = True
    with pytest.raises(Flagged, match=r"masto\.limited"):
        world.follows.follow(grant, [wanted(server.add_remote("carol", ELSEWHERE))])


def test_who_moved_stops_nobody_who_is_limited(
    world: World, server: StrictServer, grant: Grant
) -> None:
    server.people["100"].limited = True
    new = server.add_remote("carol", "new.example")
    old = wanted(server.add_remote("carol", ELSEWHERE, moved=new))
    refused = only(world.follows.follow(grant, [old]))
    assert isinstance(refused, Gone)


def test_a_disabled_account_is_told_and_not_called_a_block(
    world: World, server: StrictServer, grant: Grant
) -> None:
    carol = wanted(server.add_remote("carol", ELSEWHERE))
    server.fail("/follow", Said(status=403, body={"error": "…"}))
    server.fail("/verify_credentials", Said(status=403, body={"error": "…"}))
    with pytest.raises(SignedOut, match=r"masto\.login_disabled"):
        world.follows.follow(grant, [carol])
