"""The network as `app` would load it, servers for it behind names, and a person who signs in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from openportability.clock import MovedClock
from openportability.domain import Actor, ActorId, Grant, NetworkName, Purpose, Relationship, Wanted
from openportability.errors import NetworkError
from openportability.network import Answers, Cabinet, Context, Destination, Network, Proved, SignIn
from openportability.networks import mastodon
from openportability.outbound import Door
from tests.networks.mastodon.person import Person
from tests.networks.mastodon.strict import StrictServer
from tests.networks.stand_in import Answer, Question, transport
from tests.networks.subject import MemoryCabinet, a_door

HOST = "social.example"
REDIRECT = "https://openportability.example/auth/mastodon/callback"


@dataclass(kw_only=True)
class World:
    """Servers behind names, and the network that meets them."""

    servers: dict[str, Answer]
    clock: MovedClock
    cabinet: MemoryCabinet
    network: Network

    @property
    def sign_in(self) -> SignIn:
        assert self.network.sign_in
        return self.network.sign_in

    @property
    def follows(self) -> Destination:
        assert self.network.destination
        return self.network.destination

    def proved(
        self,
        server: StrictServer,
        *,
        typed: str = HOST,
        purpose: Purpose = Purpose.IDENTIFY,
        redirect_uri: str = REDIRECT,
    ) -> Proved:
        """Go through a whole sign-in, as a browser would."""
        begun = self.sign_in.begin(
            typed=typed, purpose=purpose, redirect_uri=redirect_uri, state="s1", language="en"
        )
        return self.sign_in.finish(secret=begun.secret, answer=consent(server, begun.url))

    def granted(self, server: StrictServer) -> Grant:
        """Sign in with the right to follow."""
        grant = self.proved(server, purpose=Purpose.FOLLOW).grant
        assert grant
        return grant


def consent(server: StrictServer, url: str) -> Mapping[str, str]:
    """Let the person agree on the server's page; return what the callback is given."""
    parts = urlsplit(url)
    query = {name: [value] for name, value in parse_qsl(parts.query, keep_blank_values=True)}
    said = server(Question(method="GET", path=parts.path, query=query, form={}, headers={}))
    assert said.status == 302, said.body
    return answer_of(said.headers["location"])


def answer_of(back: str) -> dict[str, str]:
    """Read the address that a browser comes back to, as the route does."""
    parts = urlsplit(back)
    _, _, place = parts.path.partition("/callback/")
    return {**dict(parse_qsl(parts.query)), "place": place}


def wanted(person: Person, *, instance: str = "", record: str | None = None) -> Wanted:
    """Want somebody, as recorded when they signed in on their own server."""
    host = person.domain or HOST
    actor = Actor(
        network=NetworkName("mastodon"),
        instance=instance or host,
        id=ActorId(person.uri),
        handle=f"{person.username}@{host}",
        name=person.username,
        seen_at=MovedClock().now(),
    )
    return Wanted(actor=actor, record=record)


def only(answers: Answers) -> Relationship | NetworkError:
    """Return what was said of the one who was asked about."""
    (answer,) = answers.of.values()
    return answer


def code_of(answers: Answers) -> str:
    """Return the code of why the one who was asked about was not followed."""
    answer = only(answers)
    assert isinstance(answer, NetworkError), answer
    return answer.code


def load(
    servers: Mapping[str, Answer] | None,
    *,
    clock: MovedClock,
    cabinet: Cabinet,
    development: bool,
    door: Door | None = None,
) -> Network:
    """Load the network; without servers it goes to loopback."""
    behind = None if servers is None else transport(servers)
    door = door or a_door(clock, allow_loopback=development, transport=behind)
    defaults = {option.name: option.default for option in mastodon.OPTIONS}
    context = Context(
        name=NetworkName("mastodon"),
        base_url="https://openportability.example",
        development=development,
        options={**defaults, "GAP_SECONDS": "0"},
        door=door,
        clock=clock,
        cabinet=cabinet,
    )
    return mastodon.load(context)
