"""People at a real PDS, what they do there by hand, and what the program does for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import httpx2

from openportability.clock import SystemClock
from openportability.domain import Actor, ActorId, NetworkName, Purpose, Relationship, Wanted
from openportability.errors import NetworkError
from openportability.network import Answers, Destination, Proved, SignIn
from tests.networks.bluesky.stand_in import CALLBACK
from tests.real import pds

BLOCK = "app.bsky.graph.block"
PROFILE = "app.bsky.actor.profile"
LONG_AGO = "2026-01-01T00:00:00.000Z"
#: Of lab/bluesky/net.mjs.
ADMIN = ("admin", "not-a-secret")


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody at a PDS, and what they do there by hand."""

    home: str
    handle: str
    did: str

    def writes_by_hand(self, subject: str, collection: str = pds.FOLLOW) -> str:
        """Follow or block in the app; return the record key."""
        record = {"subject": subject, "createdAt": LONG_AGO}
        # Without `validate`: else an older follow of the same account is removed.
        body = {"collection": collection, "record": record, "validate": False}
        made = self._by_hand("com.atproto.repo.createRecord", body)
        return str(made["uri"]).rpartition("/")[2]

    def follows_all_by_hand(self, subjects: Sequence[str]) -> None:
        """Follow many in one go."""
        writes = [
            {
                "$type": "com.atproto.repo.applyWrites#create",
                "collection": pds.FOLLOW,
                "value": {"$type": pds.FOLLOW, "subject": subject, "createdAt": LONG_AGO},
            }
            for subject in subjects
        ]
        self._by_hand("com.atproto.repo.applyWrites", {"writes": writes})

    def unfollows_by_hand(self, subject: str) -> None:
        """Press the button that ends all follows of an account."""
        listed = httpx2.get(
            f"{self.home}/xrpc/com.atproto.repo.listRecords",
            params={"repo": self.did, "collection": pds.FOLLOW, "limit": "100"},
        )
        for record in listed.json()["records"]:
            if record["value"]["subject"] == subject:
                key = record["uri"].rpartition("/")[2]
                body = {"collection": pds.FOLLOW, "rkey": key}
                self._by_hand("com.atproto.repo.deleteRecord", body)

    def is_called(self, handle: str, name: str) -> None:
        """Take another handle and another name."""
        profile = {"$type": PROFILE, "displayName": name}
        where = {"collection": PROFILE, "rkey": "self"}
        self._by_hand("com.atproto.repo.putRecord", {**where, "record": profile})
        self._by_hand("com.atproto.identity.updateHandle", {"handle": handle})

    def is_taken_down(self) -> None:
        """Let the people of the server stop this account."""
        answer = httpx2.post(
            f"{self.home}/xrpc/com.atproto.admin.updateSubjectStatus",
            json={
                "subject": {"$type": "com.atproto.admin.defs#repoRef", "did": self.did},
                "takedown": {"applied": True, "ref": "test"},
            },
            auth=ADMIN,
        )
        assert answer.status_code == 200, answer.text

    def is_deactivated(self) -> None:
        """Close the account for a while, as its settings page does."""
        self._by_hand("com.atproto.server.deactivateAccount", {})

    def _by_hand(self, name: str, body: dict[str, object]) -> dict[str, object]:
        who = {"identifier": self.handle, "password": pds.PASSWORD}
        session = self._call("com.atproto.server.createSession", who)
        bearer = f"Bearer {session['accessJwt']}"
        return self._call(name, {"repo": self.did, **body}, Authorization=bearer)

    def _call(self, name: str, body: object, **headers: str) -> dict[str, object]:
        answer = httpx2.post(f"{self.home}/xrpc/{name}", json=body, headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        said: dict[str, object] = answer.json() if answer.content else {}
        return said


def new_person(home: str) -> Person:
    handle = pds.new_handle("anna")
    return Person(home=home, handle=handle, did=pds.create_account(home, handle))


def signed_in(
    sign_in: SignIn,
    person: Person,
    *,
    typed: str | None = None,
    purpose: Purpose = Purpose.FOLLOW,
    agree: bool = True,
) -> Proved:
    secret, answer = on_the_way_back(sign_in, person, typed=typed, purpose=purpose, agree=agree)
    return sign_in.finish(secret=secret, answer=answer)


def on_the_way_back(
    sign_in: SignIn,
    person: Person,
    *,
    typed: str | None = None,
    purpose: Purpose = Purpose.IDENTIFY,
    agree: bool = True,
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return the secret of a sign-in that the person decided on, and the query they bring."""
    begun = sign_in.begin(
        typed=typed or person.handle,
        purpose=purpose,
        redirect_uri=CALLBACK,
        state="opaque-and-long-enough",
        language="fr",
    )
    back = pds.consent(begun.url, person.handle, agree=agree)
    assert back.startswith(CALLBACK)
    answer = dict(parse_qsl(urlsplit(back).query))
    assert answer["state"] == "opaque-and-long-enough"
    return begun.secret, answer


def want(did: str, record: str | None = None) -> Wanted:
    """Return an actor to be followed, or a follow to be taken back."""
    actor = Actor(
        network=NetworkName("bluesky"),
        instance="pds.example.com",
        id=ActorId(did),
        handle="somebody.test",
        name="Somebody",
        seen_at=SystemClock().now(),
    )
    return Wanted(actor=actor, record=record)


def planned(destination: Destination, count: int) -> Sequence[Wanted]:
    """Return as many made-up people to be followed, with their records."""
    return [want(pds.made_up_did(), record) for record in destination.reserve(count)]


def ties(answers: Answers) -> dict[str, Relationship]:
    """Return the answers, none of which is an error."""
    found: dict[str, Relationship] = {}
    for did, answer in answers.of.items():
        assert not isinstance(answer, NetworkError), answer
        found[did] = answer
    return found
