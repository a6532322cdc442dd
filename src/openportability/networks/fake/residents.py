"""Who lives on one simulated network, under which id and handle."""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from hashlib import blake2b

from openportability.networks.fake.people import People, Person, draw


class Role(StrEnum):
    """Which kind of network is simulated."""

    SOURCE = "source"  # numbers as ids, an archive, nobody can be followed there
    INSTANCES = "instances"  # many servers, one follow a call, requests, moves
    REPOSITORY = "repository"  # records under keys that the client chooses, in batches


#: Part of the people who live there.
SHARE = {Role.SOURCE: 1.0, Role.INSTANCES: 0.45, Role.REPOSITORY: 0.6}
SOURCE_INSTANCE = "bird.example"
#: Every follow of someone on `SLOW_HOST` waits for that server's word; `FLAKY_HOST` is often away.
SLOW_HOST = "slow.example"
FLAKY_HOST = "flaky.example"
HOSTS = (
    "meadow.example",
    "harbour.example",
    "lantern.example",
    "orchard.example",
    SLOW_HOST,
    FLAKY_HOST,
)
#: Where the bridge keeps its accounts. Nobody signs in there.
BRIDGE_HOST = "bridge.example"
REPOSITORY_HOSTS = ("north.sky.example", "south.sky.example")


@dataclass(kw_only=True)
class Resident:
    """An account on a simulated network."""

    id: str
    handle: str
    instance: str
    name: str
    #: The number of the person it belongs to; None for who arrived later.
    person: int | None = None
    locked: bool = False
    gone: bool = False
    #: The id that this account declares as its successor.
    moved_to: str | None = None

    def told(self) -> dict[str, object]:
        """Return it in the form that crosses the wire."""
        return asdict(self)


class Residents:
    """The directory of one network."""

    def __init__(self, network: str, role: Role, people: People) -> None:
        self._network = network
        self._role = role
        self._people = people
        self._by_id: dict[str, Resident] = {}
        self._by_handle: dict[str, Resident] = {}
        self._of_person: dict[int, Resident] = {}
        for person in people.all:
            for resident in self._settle(person):
                self._add(resident)

    def __iter__(self) -> Iterator[Resident]:
        return iter(self._by_id.values())

    def get(self, actor_id: str) -> Resident | None:
        """Return who has this id, gone or not."""
        return self._by_id.get(actor_id)

    def named(self, handle: str) -> Resident | None:
        """Return who has this handle, also as a bare nick or with an @ in front."""
        handle = handle.strip().lstrip("@").lower()
        return self._by_handle.get(handle) or self._by_handle.get(handle.replace("-", "_"))

    def of_person(self, number: int) -> Resident | None:
        """Return where this person lives now, None if not on this network."""
        return self._of_person.get(number)

    def arrive(self, nick: str, host: str, *, locked: bool = False) -> Resident:
        """Make an account for somebody new."""
        number = len(self._by_id) + len(self._people.all)
        return self._add(
            Resident(
                id=self._id(number, nick, host),
                handle=self._handle(nick, host),
                instance=host,
                name=nick.replace("_", " ").title(),
                locked=locked,
            )
        )

    def rename(self, one: Resident, nick: str) -> Resident:
        """Let somebody be called something else; where the id does not hold the handle, that too."""
        one.name = nick.replace("_", " ").title()
        if self._role is Role.REPOSITORY:
            one.handle = self._handle(nick, one.instance)
            self._by_handle[one.handle] = one
        return one

    def hosts(self) -> tuple[str, ...]:
        """Return the servers of this network."""
        match self._role:
            case Role.SOURCE:
                return (SOURCE_INSTANCE,)
            case Role.INSTANCES:
                return HOSTS
            case Role.REPOSITORY:
                return REPOSITORY_HOSTS

    def _settle(self, person: Person) -> Iterator[Resident]:
        def chance(what: str) -> float:
            return draw(self._people.seed, self._network, what, person.number)

        newcomer = person.number == 0
        if not newcomer and chance("lives") >= SHARE[self._role]:
            return
        hosts = self.hosts()
        host = hosts[0] if newcomer else hosts[int(len(hosts) * chance("host"))]
        resident = Resident(
            id=self._id(person.number, person.nick, host),
            handle=self._handle(person.nick, host),
            instance=host,
            name=person.name,
            person=person.number,
        )
        if newcomer or self._role is Role.SOURCE:
            yield resident
            return
        resident.gone = chance("gone") < 0.01
        if self._role is Role.INSTANCES:
            resident.locked = chance("locked") < 0.12
            if chance("moved") < 0.03:
                yield self._former(person, resident)
        yield resident

    def _former(self, person: Person, now: Resident) -> Resident:
        hosts = [host for host in HOSTS if host != now.instance]
        host = hosts[person.number % len(hosts)]
        return Resident(
            id=self._id(person.number, person.nick, host),
            handle=self._handle(person.nick, host),
            instance=host,
            name=person.name,
            person=person.number,
            moved_to=now.id,
        )

    def _id(self, number: int, nick: str, host: str) -> str:
        match self._role:
            case Role.SOURCE if number % 3 == 0:
                return str(10_000_003 + number * 99_991)
            case Role.SOURCE:
                return str(((number * 3_600_000 + 40_000_000_000) << 22) + number % 4_096)
            case Role.INSTANCES:
                return f"https://{host}/users/{nick}"
            case Role.REPOSITORY:
                text = f"{self._people.seed}:{self._network}:{number}".encode()
                digest = blake2b(text, digest_size=15).digest()
                return f"did:sim:{b32encode(digest).decode().lower()}"

    def _handle(self, nick: str, host: str) -> str:
        match self._role:
            case Role.SOURCE:
                return nick
            case Role.INSTANCES:
                return f"{nick}@{host}"
            case Role.REPOSITORY:
                return f"{nick.replace('_', '-')}.sky.example"

    def _add(self, resident: Resident) -> Resident:
        self._by_id[resident.id] = resident
        self._by_handle[resident.handle] = resident
        if resident.moved_to is None:
            nick = resident.handle.split("@")[0].removesuffix(".sky.example")
            self._by_handle[nick.replace("-", "_")] = resident
            if resident.person is not None:
                self._of_person[resident.person] = resident
        return resident
