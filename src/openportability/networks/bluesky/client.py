"""Following and blocking people: records in the person's own repository, under keys that we chose before.

Never `createRecord`: it deletes the person's older follow of the same account. `applyWrites` is all
or nothing, and what it answers to a key used before looks like an outage: after any doubt the
caller looks first.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC

from openportability.clock import Clock
from openportability.domain import ActorId, Grant, Kind, Limits, Relationship, Tie, Wanted
from openportability.errors import NetworkError, Refused, Unavailable
from openportability.network import Answers, Budget, Page
from openportability.networks.bluesky import points
from openportability.networks.bluesky.host import Host
from openportability.networks.bluesky.labels import Labels
from openportability.networks.bluesky.lists import Lists
from openportability.networks.bluesky.records import Record, Repositories
from openportability.networks.bluesky.replies import content
from openportability.networks.bluesky.scopes import BLOCK, FOLLOW
from openportability.networks.bluesky.syntax import is_did, is_record_key
from openportability.networks.bluesky.tid import Tids, moment_of
from openportability.outbound import Reply

#: What the records of each collection say.
_TIES = {FOLLOW: Tie.FOLLOWING, BLOCK: Tie.AVOIDING}
WRITE = "com.atproto.repo.applyWrites"
#: Where a refused batch says which of its writes was wrong.
_PLACE = re.compile(r"\bwrites[/\[](\d{1,3})\b")


class BlueskyDestination:
    """The person's own repository, as a place to follow in."""

    limits: Limits = points.LIMITS

    def __init__(
        self,
        *,
        clock: Clock,
        repositories: Repositories,
        host: Host,
        labels: Labels | None,
        local: bool,
    ) -> None:
        self._clock = clock
        self._repositories = repositories
        self._lists = Lists(repositories)
        self._host = host
        self._labels = labels
        self._tids = Tids(clock)
        self._local = local

    # --- looking ---

    def following(self, grant: Grant, cursor: str | None) -> Page:
        """Return a hundred of those our user follows."""
        return self._lists.page(grant, Kind.FOLLOWING, cursor)

    def reserve(self, count: int) -> Sequence[str | None]:
        """Return fresh record keys."""
        return self._tids.take(count)

    def relationships(self, grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        """Read all follows of the person: the repository is the truth, whole and exact."""
        blocks = self.found(grant, BLOCK, wanted)
        of = self.ties(grant, FOLLOW, wanted)
        return Answers(
            of={
                actor: replace(tie, blocked=bool(blocks[actor]))
                if isinstance(tie, Relationship)
                else tie
                for actor, tie in of.items()
            }
        )

    def ties(
        self, grant: Grant, collection: str, wanted: Sequence[Wanted]
    ) -> Mapping[ActorId, Relationship | NetworkError]:
        """Return the ties that the records of one collection make."""
        found = self.found(grant, collection, wanted)
        return {
            w.actor.id: Refused("target.self")
            if w.actor.id == grant.actor_id
            else _tie(collection, found[w.actor.id], w.record)
            for w in wanted
        }

    def found(
        self, grant: Grant, collection: str, wanted: Sequence[Wanted]
    ) -> Mapping[str, list[Record]]:
        about = {w.actor.id for w in wanted}
        found: dict[str, list[Record]] = defaultdict(list)
        for record in self._repositories.all(
            pds=grant.secret["pds"], did=grant.actor_id, collection=collection
        ):
            if record.subject in about:
                found[record.subject].append(record)
        return found

    # --- following ---

    def follow(self, grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        """Write one record for each, in one call; once more without one that is found wrong.

        Who was marked by the network's moderators lately follows nobody.
        """
        if self._labels is not None:
            self._labels.heed(grant.actor_id)
        return self.make(grant, FOLLOW, wanted)

    def make(self, grant: Grant, collection: str, wanted: Sequence[Wanted]) -> Answers:
        """Do so in one collection."""
        answers: dict[ActorId, Relationship | NetworkError] = {}
        rows: list[tuple[ActorId, str]] = []
        for w in wanted:
            if wrong := self._wrong(grant, w):
                answers[w.actor.id] = wrong
            else:
                rows.append((w.actor.id, _key(w.record) or self._tids.take(1)[0]))
        budget: Budget | None = None
        for _ in range(2):
            if not rows:
                break
            reply = self._write(grant, [_creation(collection, *row) for row in rows])
            budget = points.budget(reply, self._clock.now())
            if reply.status == 200:
                rest = points.rest_until(reply, self._clock.now())
                made = _made(collection, reply, rows)
                return Answers(of={**answers, **made}, budget=budget, rest_until=rest)
            place = _place(reply)
            if place is None or place >= len(rows):
                answers |= {subject: Refused("at.refused") for subject, _ in rows}
                rows = []
            else:
                answers[rows.pop(place)[0]] = Refused("at.refused")
        # Nothing of what is left was written: the caller may ask again, later.
        answers |= {subject: Unavailable("at.pds_down") for subject, _ in rows}
        return Answers(of=answers, budget=budget)

    def _wrong(self, grant: Grant, wanted: Wanted) -> Refused | None:
        """Find what the server would refuse, before it refuses the whole batch and counts it."""
        if wanted.actor.id == grant.actor_id:
            return Refused("target.self")
        key = _key(wanted.record)
        if not is_did(wanted.actor.id, local=self._local) or (key and not is_record_key(key)):
            return Refused("at.refused")
        return None

    # --- taking back ---

    def unfollow(self, grant: Grant, made: Sequence[Wanted]) -> Answers:
        """Delete the records that are ours to the letter; say what is left of the tie."""
        return self.take_back(grant, FOLLOW, made)

    def take_back(self, grant: Grant, collection: str, made: Sequence[Wanted]) -> Answers:
        """Do so in one collection."""
        found = self.found(grant, collection, made)
        ours = [record for w in made for record in found[w.actor.id] if w.record == str(record)]
        budget: Budget | None = None
        if ours:
            reply = self._write(grant, [_deletion(collection, record) for record in ours])
            budget = points.budget(reply, self._clock.now())
            if reply.status != 200:
                # Deleted meanwhile by the person's own hand, most likely: look again and see.
                raise Unavailable("at.uncertain")
        gone = set(ours)
        left = {subject: [r for r in rs if r not in gone] for subject, rs in found.items()}
        return Answers(
            of={w.actor.id: _tie(collection, left.get(w.actor.id, []), None) for w in made},
            budget=budget,
        )

    # --- the call ---

    def _write(self, grant: Grant, writes: Sequence[Mapping[str, object]]) -> Reply:
        """Return an answer of 200 or 400; raise what stops all."""
        body = {"repo": grant.actor_id, "validate": True, "writes": writes}
        reply = self._host.send(grant, WRITE, json=body)
        if reply.status == 200:
            return reply
        if reply.status == 400 and _place(reply) is not None:
            return reply
        raise_for = self._host.why_not(grant, reply)
        if raise_for is None:
            return reply
        raise raise_for


def _key(record: str | None) -> str:
    return record.partition(" ")[0] if record else ""


def _creation(collection: str, subject: str, key: str) -> Mapping[str, object]:
    # The time comes from the key: each try writes the very same record.
    at = moment_of(key).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "$type": "com.atproto.repo.applyWrites#create",
        "collection": collection,
        "rkey": key,
        "value": {"$type": collection, "subject": subject, "createdAt": at},
    }


def _deletion(collection: str, record: Record) -> Mapping[str, object]:
    return {
        "$type": "com.atproto.repo.applyWrites#delete",
        "collection": collection,
        "rkey": record.key,
    }


def _tie(collection: str, found: Sequence[Record], record: str | None) -> Relationship:
    """Return the tie that these records make; of several, the one with our key is named."""
    if not found:
        return Relationship(tie=Tie.NONE)
    ours = next((r for r in found if r.key == _key(record)), found[0])
    return Relationship(tie=_TIES[collection], record=str(ours))


def _made(
    collection: str, reply: Reply, rows: Sequence[tuple[ActorId, str]]
) -> Mapping[ActorId, Relationship]:
    """Read what was written. An answer that is not in order leaves it open: the caller looks."""
    found = content(reply)
    results = found.get("results") if isinstance(found, dict) else None
    if not isinstance(results, list) or len(results) != len(rows):
        raise Unavailable("at.uncertain")
    made: dict[ActorId, Relationship] = {}
    for (subject, key), result in zip(rows, results, strict=True):
        cid = result.get("cid") if isinstance(result, dict) else None
        if not isinstance(cid, str) or not str(result.get("uri")).endswith(f"/{key}"):
            raise Unavailable("at.uncertain")
        made[subject] = Relationship(tie=_TIES[collection], record=f"{key} {cid}")
    return made


def _place(reply: Reply) -> int | None:
    """Return which write was wrong: a path in the message, the only place where servers tell."""
    found = content(reply)
    message = found.get("message") if isinstance(found, dict) else None
    place = _PLACE.search(message) if isinstance(message, str) else None
    return int(place[1]) if place and reply.status == 400 else None
