"""A stand-in for each kind of software that speaks Mastodon's API in its own way; see README.md, Quirks."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from openportability.domain import Purpose, Relationship, Tie
from openportability.errors import Invalid, NetworkError, SignedOut, Throttled
from tests.networks.mastodon.person import Person
from tests.networks.mastodon.strict import StrictServer
from tests.networks.mastodon.world import HOST, World, wanted
from tests.networks.stand_in import Question, Said

ELSEWHERE = "elsewhere.example"
NOT_FOUND = Said(status=404, body="<h1>404</h1>")
COARSE = frozenset({"read", "write", "follow"})


@dataclass(kw_only=True)
class Kin(StrictServer):
    """What all of them have in common: no OAuth metadata."""

    modern: bool = False
    version: str = "4.2.1"

    def _instance(self, question: Question) -> Said:
        return Said(body={"domain": self.host, "version": self.version})


class GoToSocial(Kin):
    """Ids are no numbers, everybody elsewhere is asked first, and requests are counted by address."""

    def _instance(self, question: Question) -> Said:
        source = "https://codeberg.org/superseriousbusiness/gotosocial"
        return Said(
            body={"domain": self.host, "version": self.version, "source_url": source},
        )

    def add(self, username: str, **more: object) -> Person:
        return _renamed(self, super().add(username, **more), "01FC3TZ5CFG6H65GCKCJRKA66{}")

    def _follow(self, question: Question, person: Person, pair: tuple[str, str]) -> Said:
        if person.domain:
            person.locked = True
        return super()._follow(question, person, pair)


class Pleroma(Kin):
    """Returns without a code unless told to ask again; names an actor in an object of its own."""

    def add(self, username: str, **more: object) -> Person:
        return _renamed(self, super().add(username, **more), "9n3aKpAKXCVmXpOcd{}")

    def _authorize(self, question: Question) -> Said:
        if question.value("force_login") != "true":
            return Said(status=302, headers={"location": question.value("redirect_uri")})
        return super()._authorize(question)

    def _me(self, question: Question) -> Said:
        return _without_uri(super()._me(question), pleroma=True)


class Takahe(Kin):
    """Shows no actor URI; a dead token is told in plain text; a follow comes true later."""

    def _me(self, question: Question) -> Said:
        if question.bearer not in self.tokens:
            return Said(status=400, body="Invalid token")
        return _without_uri(super()._me(question))

    def _follow(self, question: Question, person: Person, pair: tuple[str, str]) -> Said:
        before = self._tie(question, person)
        super()._follow(question, person, pair)
        return Said(body=before)


@dataclass(kw_only=True)
class Iceshrimp(Kin):
    """Knows broad scopes alone, as Sharkey does; an older one answers with none."""

    known_scopes: frozenset[str] = COARSE

    def _token(self, question: Question) -> Said:
        said = super()._token(question)
        if isinstance(said.body, dict):
            said.body.pop("scope", None)
        return said


@dataclass(kw_only=True)
class Friendica(Kin):
    """Has the older description of itself, broad scopes, and takes no client by a header."""

    known_scopes: frozenset[str] = COARSE

    def _answer(self, question: Question) -> Said:
        if question.path == "/api/v2/instance":
            return NOT_FOUND
        if question.path == "/api/v1/instance":
            return Said(body={"uri": f"https://{self.host}", "version": self.version})
        return super()._answer(question)

    def _token(self, question: Question) -> Said:
        if question.headers.get("authorization"):
            return Said(status=401, body={"error": "invalid_client"})
        return super()._token(question)


@dataclass(kw_only=True)
class Snac(Kin):
    """Calls a request a follow; only its list of follows knows better."""

    version: str = "4.0.0 (not true; really snac/2.75)"

    def _tie(self, question: Question, person: Person) -> dict[str, object]:
        tie = super()._tie(question, person)
        return {**tie, "following": tie["following"] or tie["requested"], "requested": False}


KINDS: dict[str, tuple[type[Kin], str]] = {
    "GoToSocial": (GoToSocial, "0.19.1+git-3c6a0e5"),
    "Pleroma": (Pleroma, "2.7.2 (compatible; Pleroma 2.6.50)"),
    "Akkoma": (Pleroma, "2.7.2 (compatible; Akkoma 3.13.2)"),
    "Takahe": (Takahe, "takahe/0.11.0"),
    "Iceshrimp": (Iceshrimp, "4.2.1 (compatible; Iceshrimp 2023.12.9)"),
    "Sharkey": (Iceshrimp, "3.0.0 (compatible; Sharkey 2024.9.1)"),
    "Friendica": (Friendica, "2.8.0 (compatible; Friendica 2024.12)"),
}


@pytest.fixture(params=list(KINDS))
def kin(request: pytest.FixtureRequest, world: World) -> Kin:
    """social.example of this kind, with alice, who heard of carol elsewhere."""
    kind, version = KINDS[request.param]
    made = kind(host=HOST, version=version)
    made.add("alice")
    made.add_remote("carol", ELSEWHERE)
    world.servers[HOST] = made
    return made


def test_somebody_there_signs_in_with_the_least_it_knows(world: World, kin: Kin) -> None:
    proved = world.proved(kin)
    assert proved.actor.id == f"https://{HOST}/users/alice"
    assert proved.actor.handle == f"alice@{HOST}"
    assert proved.grant
    coarse = kin.known_scopes == COARSE
    assert proved.grant.scopes == {"read" if coarse else "read:accounts"}
    assert not proved.grant.can_follow
    assert len(kin.apps) == 1


def test_follows_there_are_made_once_and_the_token_is_ended(world: World, kin: Kin) -> None:
    grant = world.proved(kin, purpose=Purpose.FOLLOW).grant
    assert grant
    assert grant.can_follow
    carol = wanted(next(person for person in kin.people.values() if person.domain))
    for _ in range(2):
        answer = world.follows.follow(grant, [carol]).of[carol.actor.id]
        assert isinstance(answer, Relationship), answer
        assert answer.tie in (Tie.FOLLOWING, Tie.REQUESTED)
    assert len(kin.follows) + len(kin.requests) == 1
    world.sign_in.revoke(grant)
    with pytest.raises(SignedOut, match=r"masto\.token_lost"):
        world.follows.following(grant, None)


LITTLE_LEFT = {"x-ratelimit-limit": "300", "x-ratelimit-remaining": "9"}
SOON = {"retry-after": "60"}


@pytest.mark.parametrize(
    ("verb", "path", "said"),
    [
        ("follow", "/follow", Said(status=429, body={"error": "…"}, headers=SOON)),
        ("relationships", "/lookup", Said(status=429, body={"error": "…"}, headers=SOON)),
        (
            "relationships",
            "/lookup",
            Said(status=404, body={"error": "…"}, headers={**LITTLE_LEFT, **SOON}),
        ),
    ],
    ids=["follow", "look", "little left"],
)
def test_a_limit_is_that_of_all_where_requests_are_counted_by_address(
    world: World, kin: Kin, verb: str, path: str, said: Said
) -> None:
    grant = world.proved(kin, purpose=Purpose.FOLLOW).grant
    assert grant
    carol = wanted(next(person for person in kin.people.values() if person.domain))
    kin.fail(path, said)
    with pytest.raises(Throttled) as waits:
        getattr(world.follows, verb)(grant, [carol])
    assert waits.value.everyone is isinstance(kin, GoToSocial)
    assert waits.value.until


def test_a_server_under_load_asks_all_to_wait(world: World, kin: Kin) -> None:
    grant = world.proved(kin, purpose=Purpose.FOLLOW).grant
    assert grant
    carol = wanted(next(person for person in kin.people.values() if person.domain))
    kin.fail("/follow", Said(status=503, headers=SOON))
    with pytest.raises(Throttled) as waits:
        world.follows.follow(grant, [carol])
    assert waits.value.everyone


def test_a_request_that_is_called_a_follow_is_a_request_until_it_is_listed(world: World) -> None:
    server = Snac(host=HOST)
    server.add("alice")
    shy = wanted(server.add_remote("carol", ELSEWHERE, locked=True))
    stranger = wanted(server.add_remote("dan", ELSEWHERE))
    world.servers[HOST] = server
    grant = world.granted(server)
    for answer in (
        world.follows.follow(grant, [shy]).of,
        world.follows.relationships(grant, [shy, stranger]).of,
    ):
        assert _tie(answer[shy.actor.id]) is Tie.REQUESTED
    assert _tie(answer[stranger.actor.id]) is Tie.NONE
    server.follows.append(server.requests.pop())
    answer = world.follows.relationships(grant, [shy]).of
    assert _tie(answer[shy.actor.id]) is Tie.FOLLOWING


def test_where_such_a_list_is_longer_than_we_read_its_server_is_believed(world: World) -> None:
    server = Snac(host=HOST)
    server.add("alice")
    shy = wanted(server.add_remote("carol", ELSEWHERE, locked=True))
    world.servers[HOST] = server
    grant = world.granted(server)
    world.follows.follow(grant, [shy])
    server.fail("/following", Said(body="x" * 1_100_000))
    answer = world.follows.relationships(grant, [shy]).of
    assert _tie(answer[shy.actor.id]) is Tie.FOLLOWING


def test_software_that_signs_people_in_another_way_is_named_as_that(world: World) -> None:
    links = {"links": [{"rel": "…/2.1", "href": f"https://{HOST}/nodeinfo/2.1"}]}
    described = {"/.well-known/nodeinfo": Said(body=links)}
    world.servers[HOST] = lambda question: described.get(question.path, NOT_FOUND)
    with pytest.raises(Invalid, match=r"masto\.no_oauth"):
        world.proved(StrictServer(host=HOST))


def _tie(answer: Relationship | NetworkError) -> Tie:
    assert isinstance(answer, Relationship), answer
    return answer.tie


def _renamed(server: StrictServer, person: Person, pattern: str) -> Person:
    """Give somebody an id of another kind than a number."""
    del server.people[person.id]
    person.id = pattern.format(len(server.people))
    server.people[person.id] = person
    return person


def _without_uri(said: Said, *, pleroma: bool = False) -> Said:
    if isinstance(said.body, dict) and (uri := said.body.pop("uri", None)) and pleroma:
        said.body["pleroma"] = {"ap_id": uri}
    return said
