"""Reading the records that an account keeps at its server. They are public: no grant is sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from openportability.clock import Clock, monotonic
from openportability.errors import (
    Flagged,
    Gone,
    Invalid,
    NetworkError,
    SignedOut,
    Throttled,
    Unavailable,
)
from openportability.networks.bluesky.identity import Identities
from openportability.networks.bluesky.replies import mapping, text_of
from openportability.outbound import Door, reset_time

#: The most that a server gives at once.
PAGE = 100
#: More pages than anybody has follows: a server that goes on for ever is stopped here.
MOST_PAGES = 3_000
#: All the pages together; a slow server may not hold a worker longer.
READING_SECONDS = 25.0
_REQUEST_SECONDS = 10.0
#: Readings remembered at once: each may be of some tens of thousands of records.
_MOST_BEGUN = 16


@dataclass(frozen=True, kw_only=True)
class Record:
    """One follow or block as it stands in the account's repository."""

    key: str
    cid: str
    subject: str

    def __str__(self) -> str:
        return f"{self.key} {self.cid}"


@dataclass(kw_only=True)
class _Begun:
    """A list that was read in part, at one revision of its repository."""

    revision: str
    cursor: str | None = None
    pages: int = 0
    records: list[Record] = field(default_factory=list)


class Repositories:
    """Lists records of accounts, and says why an account cannot be served."""

    def __init__(self, *, door: Door, clock: Clock, identities: Identities) -> None:
        self._door = door
        self._clock = clock
        self._identities = identities
        #: Of this process alone: another one begins anew.
        self._begun: dict[tuple[str, str], _Begun] = {}

    def all(self, *, pds: str, did: str, collection: str) -> Iterator[Record]:
        """Give every record of a collection, read page by page; raise if that takes too long.

        Who has very many is read over several calls, each of which goes on where the last one
        stopped, as long as nothing at all was written to the repository meanwhile.
        """
        key = (did, collection)
        begun = self._begun.pop(key, None)
        # An ordinary list is read at once, and its revision asked for by nobody.
        revision = self._revision(pds, did) if begun else ""
        if begun is None or not revision or begun.revision != revision:
            begun = _Begun(revision=revision)
        until = monotonic() + READING_SECONDS
        while begun.pages < MOST_PAGES:
            left = until - monotonic()
            if left <= 0:
                break
            records, begun.cursor = self.page(
                pds=pds,
                did=did,
                collection=collection,
                cursor=begun.cursor,
                timeout_seconds=min(left, _REQUEST_SECONDS),
            )
            begun.pages += 1
            begun.records += records
            if begun.cursor is None:
                return iter(begun.records)
        if begun.pages < MOST_PAGES:
            self._keep(key, begun)
        raise Unavailable("at.pds_down")

    def _keep(self, key: tuple[str, str], begun: _Begun) -> None:
        """Remember a reading that is not finished; the oldest makes room."""
        if len(self._begun) >= _MOST_BEGUN:
            self._begun.pop(next(iter(self._begun), key), None)
        self._begun[key] = begun

    def _revision(self, pds: str, did: str) -> str:
        """Return the revision of a repository: another one after each write; empty if unknown."""
        url = f"{pds}/xrpc/com.atproto.sync.getLatestCommit"
        try:
            reply = self._door.request("GET", url, params={"did": did})
            return text_of(mapping(reply), "rev") if reply.status == 200 else ""
        except NetworkError:
            return ""

    def page(
        self,
        *,
        pds: str,
        did: str,
        collection: str,
        cursor: str | None,
        timeout_seconds: float = _REQUEST_SECONDS,
    ) -> tuple[list[Record], str | None]:
        """Return a page and the cursor of the next, None after the last."""
        params = {"repo": did, "collection": collection, "limit": str(PAGE)}
        if cursor:
            params["cursor"] = cursor
        url = f"{pds}/xrpc/com.atproto.repo.listRecords"
        try:
            reply = self._door.request("GET", url, params=params, timeout_seconds=timeout_seconds)
        except Unavailable:
            raise self._moved(pds, did) or Unavailable("at.pds_down") from None
        if reply.status == 429:
            raise Throttled(reset_time(reply.headers, self._clock.now()), everyone=True)
        if reply.status in (400, 401, 404):
            raise self.why_lost(pds=pds, did=did, otherwise=Unavailable("at.pds_down"))
        if reply.status != 200:
            raise Unavailable("at.pds_down")
        found = mapping(reply)
        listed, following = found.get("records"), found.get("cursor")
        if not isinstance(listed, list):
            raise Unavailable("at.pds_down")
        # The last page may be empty and still have come after a cursor.
        more = isinstance(following, str) and following and following != cursor and listed
        records = [record for item in listed if (record := _record(item))]
        return records, str(following) if more else None

    def why_lost(self, *, pds: str, did: str, otherwise: NetworkError) -> NetworkError:
        """Return why a server does not serve this account: stopped, moved, or `otherwise`."""
        match self._state(pds, did):
            case "takendown" | "suspended":
                return Flagged("at.suspended")
            case "deactivated":
                return SignedOut("at.deactivated")
            case _:
                return self._moved(pds, did) or otherwise

    def _moved(self, pds: str, did: str) -> SignedOut | None:
        try:
            moved = self._identities.unnamed(did).pds != pds
        except Gone:
            moved = True
        except (Invalid, NetworkError):
            return None
        return SignedOut("at.session_lost") if moved else None

    def _state(self, pds: str, did: str) -> str:
        url = f"{pds}/xrpc/com.atproto.sync.getRepoStatus"
        try:
            reply = self._door.request("GET", url, params={"did": did})
            return text_of(mapping(reply), "status") if reply.status == 200 else ""
        except NetworkError:
            return ""


def _record(item: object) -> Record | None:
    if not isinstance(item, dict) or not isinstance(item.get("value"), dict):
        return None
    uri, cid, subject = item.get("uri"), item.get("cid"), item["value"].get("subject")
    if not isinstance(uri, str) or not isinstance(cid, str) or not isinstance(subject, str):
        return None
    return Record(key=uri.rpartition("/")[2], cid=cid, subject=subject)
