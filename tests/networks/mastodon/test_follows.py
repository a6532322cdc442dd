from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from openportability.domain import Grant, Pace, Purpose, Relationship, Tie
from openportability.errors import (
    Gone,
    SignedOut,
    Throttled,
    Unavailable,
)
from openportability.network import Answers
from openportability.networks.mastodon.client import REQUESTS
from openportability.reconnection import pacing
from tests.networks.mastodon.person import Person
from tests.networks.mastodon.strict import StrictServer, paths
from tests.networks.mastodon.world import HOST, World, code_of, only, wanted
from tests.networks.stand_in import Said

ELSEWHERE = "elsewhere.example"
Neighbour = Callable[[str], StrictServer]


def _tie(answers: Answers) -> Tie:
    answer = only(answers)
    assert isinstance(answer, Relationship), answer
    return answer.tie


def test_someone_elsewhere_is_found_followed_and_unfollowed(
    world: World, server: StrictServer, grant: Grant
) -> None:
    carol = wanted(server.add_remote("carol", ELSEWHERE))
    assert _tie(world.follows.relationships(grant, [carol])) is Tie.NONE
    assert _tie(world.follows.follow(grant, [carol])) is Tie.FOLLOWING
    assert _tie(world.follows.relationships(grant, [carol])) is Tie.FOLLOWING
    assert _tie(world.follows.unfollow(grant, [carol])) is Tie.NONE
    assert server.follows == []


def test_a_known_number_is_used_without_another_search(
    world: World, server: StrictServer, grant: Grant
) -> None:
    carol = wanted(server.add_remote("carol", ELSEWHERE))
    for _ in range(3):
        world.follows.relationships(grant, [carol])
    assert len(paths(server, "/search")) == 1


def test_following_twice_leaves_one_and_sends_no_options(
    world: World, server: StrictServer, grant: Grant
) -> None:
    carol = wanted(server.add_remote("carol", ELSEWHERE))
    world.follows.follow(grant, [carol])
    assert _tie(world.follows.follow(grant, [carol])) is Tie.FOLLOWING
    assert len(server.follows) == 1


def test_a_locked_account_is_requested_and_the_request_can_be_withdrawn(
    world: World, server: StrictServer, grant: Grant
) -> None:
    carol = wanted(server.add_remote("carol", ELSEWHERE, locked=True))
    assert _tie(world.follows.follow(grant, [carol])) is Tie.REQUESTED
    assert _tie(world.follows.relationships(grant, [carol])) is Tie.REQUESTED
    world.follows.unfollow(grant, [carol])
    assert server.requests == []


def test_an_answer_that_says_neither_is_looked_at_again_later(
    world: World, server: StrictServer, grant: Grant
) -> None:
    person = server.add_remote("carol", ELSEWHERE)
    server.fail("/follow", Said(body={"id": person.id, "following": False, "requested": False}))
    assert _tie(world.follows.follow(grant, [wanted(person)])) is Tie.REQUESTED


def test_five_are_looked_at_with_one_question(
    world: World, server: StrictServer, grant: Grant
) -> None:
    people = [wanted(server.add_remote(f"p{n}", ELSEWHERE)) for n in range(5)]
    answers = world.follows.relationships(grant, people)
    assert set(answers.of) == {one.actor.id for one in people}
    assert len(paths(server, "/relationships")) == 1


def test_numbers_that_fail_together_are_asked_one_by_one(
    world: World, server: StrictServer, grant: Grant
) -> None:
    people = [wanted(server.add_remote(f"p{n}", ELSEWHERE)) for n in range(3)]
    server.fail("/relationships", Said(status=404, body={"error": "…"}))
    answers = world.follows.relationships(grant, people)
    assert all(isinstance(answer, Relationship) for answer in answers.of.values())


def test_an_answer_for_one_of_many_does_not_make_the_others_gone(
    world: World, server: StrictServer, grant: Grant
) -> None:
    people = [server.add_remote(f"p{n}", ELSEWHERE) for n in range(3)]
    server.fail("/relationships", Said(body=[{"id": people[1].id, "following": True}]))
    answers = world.follows.relationships(grant, [wanted(person) for person in people])
    assert all(isinstance(answer, Relationship) for answer in answers.of.values())


def test_a_namesake_is_a_stranger(
    world: World, server: StrictServer, neighbour: Neighbour, grant: Grant
) -> None:
    stranger = server.add_remote("carol", ELSEWHERE)
    carol = wanted(stranger)
    stranger.uri = f"https://{ELSEWHERE}/users/carol-the-second"
    home = neighbour(ELSEWHERE).add("carol")
    home.uri = stranger.uri
    assert code_of(world.follows.relationships(grant, [carol])) == "masto.gone"
    assert code_of(world.follows.follow(grant, [carol])) == "masto.gone"
    assert server.follows == []


def test_someone_out_of_reach_is_not_called_gone(
    world: World, server: StrictServer, neighbour: Neighbour, grant: Grant
) -> None:
    there = neighbour(ELSEWHERE).add("carol")
    carol = wanted(there, instance=ELSEWHERE)
    carol = wanted(Person(id="9", username="carol", uri=there.uri, domain=ELSEWHERE))
    assert code_of(world.follows.relationships(grant, [carol])) == "masto.out_of_reach"


def test_someone_whose_server_is_away_is_tried_again(
    world: World, server: StrictServer, grant: Grant
) -> None:
    carol = wanted(server.add_remote("carol", ELSEWHERE))
    server.fail("/search", Said(status=503, body={"error": "…"}))
    answer = only(world.follows.relationships(grant, [carol]))
    assert isinstance(answer, Unavailable)
    assert answer.code == "masto.remote_down"


def test_oneself_is_never_followed(world: World, server: StrictServer, grant: Grant) -> None:
    me = wanted(server.people["100"])
    assert code_of(world.follows.relationships(grant, [me])) == "target.self"
    assert code_of(world.follows.follow(grant, [me])) == "target.self"


def test_who_moved_is_named_with_the_new_place(
    world: World, server: StrictServer, grant: Grant
) -> None:
    new = server.add_remote("carol", "new.example")
    old = wanted(server.add_remote("carol", ELSEWHERE, moved=new))
    looked = only(world.follows.relationships(grant, [old]))
    assert isinstance(looked, Relationship)
    assert looked.moved_to == new.uri
    refused = only(world.follows.follow(grant, [old]))
    assert isinstance(refused, Gone)
    assert (refused.code, refused.moved_to) == ("masto.moved", new.uri)


def test_suspended_people_are_gone(world: World, server: StrictServer, grant: Grant) -> None:
    carol = wanted(server.add_remote("carol", ELSEWHERE, suspended=True))
    assert code_of(world.follows.relationships(grant, [carol])) == "masto.gone"


def test_a_number_that_changed_is_found_anew_once(
    world: World, server: StrictServer, grant: Grant
) -> None:
    person = server.add_remote("carol", ELSEWHERE)
    assert _tie(world.follows.follow(grant, [wanted(person, record="99999")])) is Tie.FOLLOWING


@pytest.mark.parametrize(
    "said",
    [
        Said(status=401, body={"error": "…"}),
        Said(status=422, body=""),
        Said(status=302, body="", headers={"location": "https://social.example/login"}),
    ],
)
def test_a_lost_token_is_one_thing_whatever_the_software_says(
    world: World, server: StrictServer, grant: Grant, said: Said
) -> None:
    carol = wanted(server.add_remote("carol", ELSEWHERE))
    server.fail("/follow", said)
    with pytest.raises(SignedOut, match=r"masto\.token_lost"):
        world.follows.follow(grant, [carol])


def test_plain_text_after_a_lost_token_is_understood(
    world: World, server: StrictServer, grant: Grant
) -> None:
    server.fail("/lookup", Said(status=400, body="bad token"))
    server.fail("/verify_credentials", Said(status=400, body="bad token"))
    carol = wanted(server.add_remote("carol", ELSEWHERE))
    with pytest.raises(SignedOut, match=r"masto\.token_lost"):
        world.follows.relationships(grant, [carol])


def test_a_grant_to_say_who_one_is_cannot_read_or_follow(
    world: World, server: StrictServer
) -> None:
    grant = world.proved(server, purpose=Purpose.IDENTIFY).grant
    assert grant
    with pytest.raises(SignedOut, match=r"masto\.scope_missing"):
        world.follows.following(grant, None)


def test_the_quota_of_the_day_is_told_and_waits_for_its_end(
    world: World, server: StrictServer, grant: Grant
) -> None:
    server.follows_left = 1
    first = world.follows.follow(grant, [wanted(server.add_remote("carol", ELSEWHERE))])
    assert first.budget
    assert first.budget.remaining == 0
    with pytest.raises(Throttled) as waiting:
        world.follows.follow(grant, [wanted(server.add_remote("dave", ELSEWHERE))])
    assert waiting.value.code == "masto.day_quota"
    assert waiting.value.until


@pytest.mark.parametrize("left", [2**31, 10**40, int("9" * 4_000)])
def test_a_quota_beyond_all_reason_is_cut(
    world: World, server: StrictServer, grant: Grant, left: int
) -> None:
    server.follows_left = left
    answer = world.follows.follow(grant, [wanted(server.add_remote("carol", ELSEWHERE))])
    assert answer.budget
    assert answer.budget.remaining == 1_000_000


@pytest.mark.parametrize("reset", [None, "2001-01-01T00:00:00.000000Z"])
def test_a_quota_without_a_usable_time_ends_at_midnight(
    world: World, server: StrictServer, grant: Grant, reset: str | None
) -> None:
    headers = {"x-ratelimit-limit": "400"} | ({"x-ratelimit-reset": reset} if reset else {})
    server.fail("/follow", Said(status=429, body={"error": "…"}, headers=headers))
    with pytest.raises(Throttled) as waiting:
        world.follows.follow(grant, [wanted(server.add_remote("carol", ELSEWHERE))])
    until = waiting.value.until
    assert until
    assert until > world.clock.now()
    assert until.time() == datetime(2000, 1, 1, tzinfo=UTC).time()


def test_a_request_limit_is_not_the_quota(world: World, server: StrictServer, grant: Grant) -> None:
    server.fail("/lookup", Said(status=429, headers={"x-ratelimit-limit": "300"}))
    with pytest.raises(Throttled) as waiting:
        world.follows.relationships(grant, [wanted(server.add_remote("carol", ELSEWHERE))])
    assert waiting.value.code == "masto.throttled"
    assert waiting.value.until is None


def test_a_server_under_load_that_names_a_time_is_given_it(
    world: World, server: StrictServer, grant: Grant
) -> None:
    server.fail("/follow", Said(status=503, headers={"retry-after": "30"}))
    with pytest.raises(Throttled) as waiting:
        world.follows.follow(grant, [wanted(server.add_remote("carol", ELSEWHERE))])
    assert waiting.value.until


@pytest.mark.parametrize(
    "said", [Said(status=500, body=""), Said(status=200, body="<h1>maintenance</h1>")]
)
def test_what_cannot_be_understood_leaves_the_outcome_open(
    world: World, server: StrictServer, grant: Grant, said: Said
) -> None:
    server.fail("/follow", said)
    with pytest.raises(Unavailable):
        world.follows.follow(grant, [wanted(server.add_remote("carol", ELSEWHERE))])


def test_unfollowing_what_is_not_followed_sends_nothing(
    world: World, server: StrictServer, grant: Grant
) -> None:
    carol = wanted(server.add_remote("carol", ELSEWHERE))
    assert _tie(world.follows.unfollow(grant, [carol])) is Tie.NONE
    assert paths(server, "/unfollow") == []


def test_the_list_of_follows_is_read_to_an_empty_last_page(
    world: World, server: StrictServer, grant: Grant
) -> None:
    people = [server.add_remote(f"p{n}", ELSEWHERE) for n in range(160)]
    server.follows = [("100", person.id) for person in people]
    actors: set[str] = set()
    cursor: str | None = None
    pages = 0
    while pages == 0 or cursor:
        page = world.follows.following(grant, cursor)
        actors |= page.actors
        cursor = page.cursor
        pages += 1
    assert actors == {person.uri for person in people}
    assert pages == 3


def test_a_page_that_leads_to_itself_is_the_last(
    world: World, server: StrictServer, grant: Grant
) -> None:
    person = server.add_remote("carol", ELSEWHERE).shown()
    link = {"link": f'<https://{HOST}/x?max_id=7>; rel="next"'}
    server.fail("/following", *[Said(body=[person], headers=link)] * 2)
    first = world.follows.following(grant, None)
    assert first.cursor == "max_id=7"
    assert world.follows.following(grant, first.cursor).cursor is None


def test_a_next_page_on_another_host_is_never_asked_there(
    world: World, server: StrictServer, grant: Grant
) -> None:
    person = server.add_remote("carol", ELSEWHERE).shown()
    link = {"link": '<https://evil.example/steal?max_id=7>; rel="next"'}
    server.fail("/following", Said(body=[person], headers=link))
    cursor = world.follows.following(grant, None).cursor
    assert world.follows.following(grant, cursor).cursor is None
    assert server.asked[-1].endswith("/api/v1/accounts/100/following")


def test_a_day_of_follows_is_promised_as_long_as_its_requests_take(world: World) -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    finished = pacing.finish_at(
        world.follows.limits,
        Pace.FULL,
        (),
        remaining=None,
        reset_at=None,
        waiting=320,
        call_seconds=world.follows.limits.gap_seconds,
        now=now,
    )
    assert timedelta(minutes=21) < finished - now < timedelta(minutes=32)


def test_a_follow_of_somebody_new_asks_no_more_than_is_counted(
    world: World, server: StrictServer, grant: Grant
) -> None:
    people = [wanted(server.add_remote(f"new{number}", ELSEWHERE)) for number in range(5)]
    before = len(server.asked)
    found = world.follows.relationships(grant, people).of
    for one in people:
        seen = found[one.actor.id]
        assert isinstance(seen, Relationship)
        world.follows.follow(grant, [replace(one, record=seen.record)])
    made = len(server.asked) - before
    assert made <= 5 * REQUESTS.follow
    for one in people:
        world.follows.unfollow(grant, [one])
    assert len(server.asked) - before - made <= 5 * REQUESTS.undo
