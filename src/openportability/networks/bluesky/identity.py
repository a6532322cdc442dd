"""Who an account is: handle to DID, DID to its document, and both pointing at each other.

https://atproto.com/specs/handle, /specs/did, /guides/identity
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote, urljoin, urlsplit

from openportability.errors import Gone, Invalid, NetworkError, Refused, Unavailable
from openportability.networks.bluesky.replies import is_tombstone, mapping
from openportability.networks.bluesky.syntax import (
    TEST_ENDING,
    is_did,
    origin_of,
    read_handle,
)
from openportability.outbound import Door

#: A redirect or two from a bare name to its www is usual; the door checks each address anew.
WELL_KNOWN_HOPS = 4
REDIRECTS = frozenset({301, 302, 303, 307, 308})
WELL_KNOWN_BYTES = 8_192
#: Somebody waits at their browser, and the host of a handle may be anything.
WELL_KNOWN_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What the network says about an account now."""

    did: str
    #: None when handle and DID do not point at each other: the DID is good all the same.
    handle: str | None
    #: Origin of the server that keeps the account's records.
    pds: str
    #: All names and addresses that its document gives it.
    also: frozenset[str] = frozenset()


class Identities:
    """Looks accounts up. Keeps nothing: each sign-in and refresh asks anew."""

    def __init__(self, *, door: Door, plc_url: str, resolver_url: str, local: bool) -> None:
        self._door = door
        self._plc = plc_url.rstrip("/")
        self._resolver = resolver_url.rstrip("/")
        self._local = local

    def by_handle(self, handle: str) -> Identity:
        """Return the account of a handle; `Invalid` if there is none or it does not point back."""
        did = self.did_of(handle)
        if did is None:
            raise Invalid("at.handle_unknown")
        document = self._document(did)
        if self._declared_handle(document) != handle:
            raise Invalid("at.handle_unconfirmed")
        also = frozenset(name for name in _names(document) if isinstance(name, str))
        return Identity(did=did, handle=handle, pds=self._pds(document), also=also)

    def unnamed(self, did: str) -> Identity:
        """Return the account of a DID without its handle, where nobody will read it."""
        return Identity(did=did, handle=None, pds=self._pds(self._document(did)))

    def by_did(self, did: str) -> Identity:
        """Return the account of a DID. Raise `Invalid` if it never was, `Gone` if it is no more."""
        document = self._document(did)
        handle = self._declared_handle(document)
        return Identity(
            did=did,
            handle=handle if handle and self._points_at(handle, did) else None,
            pds=self._pds(document),
        )

    def surely(self, did: str) -> Identity:
        """Return the account of a DID; raise `Unavailable` where nobody says whose its handle is.

        That nobody has the handle cannot be told from an outage of who would say.
        """
        document = self._document(did)
        handle = self._declared_handle(document)
        holder = self.did_of(handle) if handle else None
        if handle and holder is None:
            raise Unavailable("at.pds_down")
        return Identity(did=did, handle=handle if holder == did else None, pds=self._pds(document))

    def _points_at(self, handle: str, did: str) -> bool:
        try:
            return self.did_of(handle) == did
        except (NetworkError, Invalid):
            return False

    # --- handle to DID ---

    def did_of(self, handle: str) -> str | None:
        """Ask the resolver if one is set, then DNS, then the handle's own host; None: nobody."""
        if self._resolver and (did := self._ask_resolver(handle)):
            return did
        if handle.endswith(f".{TEST_ENDING}"):
            return None  # is in no DNS, so nobody outside is bothered with it
        away: Unavailable | None = None
        try:
            dids = {
                did
                for text in self._door.text_records(f"_atproto.{handle}")
                if text.startswith("did=") and (did := self._did_in(text[4:].strip()))
            }
            if len(dids) > 1:
                raise Invalid("at.handle_unconfirmed")
            if dids:
                return dids.pop()
        except Unavailable as error:
            away = Unavailable(error.code, host=handle)
        did = self._ask_host(handle)
        if did is None and away is not None:
            raise away
        return did

    def _ask_resolver(self, handle: str) -> str | None:
        url = f"{self._resolver}/xrpc/com.atproto.identity.resolveHandle"
        try:
            reply = self._door.request("GET", url, params={"handle": handle})
        except Unavailable:
            return None
        return self._did_in(mapping(reply).get("did")) if reply.status == 200 else None

    def _ask_host(self, handle: str) -> str | None:
        url = f"https://{handle}/.well-known/atproto-did"
        try:
            for _ in range(WELL_KNOWN_HOPS):
                reply = self._door.request(
                    "GET", url, most_bytes=WELL_KNOWN_BYTES, timeout_seconds=WELL_KNOWN_SECONDS
                )
                if reply.status not in REDIRECTS:
                    return self._did_in(reply.text.strip()) if reply.status == 200 else None
                url = urljoin(url, reply.headers.get("location", ""))
        except (Unavailable, Refused, ValueError):
            return None  # no such host, or one that we do not go to: nobody is there
        return None

    def _did_in(self, text: object) -> str | None:
        return text if isinstance(text, str) and is_did(text, local=self._local) else None

    # --- DID to document ---

    def directory(self) -> None:
        """Ask the directory of did:plc accounts whether it is there; raise `Unavailable` if not."""
        reply = self._door.request("GET", f"{self._plc}/_health")
        if reply.status >= 500:
            raise Unavailable("net.unreachable", host=urlsplit(self._plc).hostname or "")

    def _document(self, did: str) -> Mapping[str, object]:
        if not self._did_in(did):
            raise Invalid("at.handle_unknown")
        reply = self._door.request("GET", self._document_url(did))
        if reply.status == 410 or (reply.status == 404 and is_tombstone(reply, did)):
            raise Gone("at.gone")
        if reply.status == 404:
            raise Invalid("at.handle_unknown")
        if reply.status != 200:
            raise Unavailable("at.pds_down")
        document = mapping(reply)
        if document.get("id") != did:
            raise Refused("at.handle_unconfirmed")
        return document

    def _document_url(self, did: str) -> str:
        if did.startswith("did:plc:"):
            return f"{self._plc}/{quote(did, safe=':')}"
        host = unquote(did.removeprefix("did:web:"))
        scheme = "http" if host.partition(":")[0] == "localhost" else "https"
        return f"{scheme}://{host}/.well-known/did.json"

    def _declared_handle(self, document: Mapping[str, object]) -> str | None:
        for name in _names(document):
            if isinstance(name, str) and name.startswith("at://"):
                try:
                    return read_handle(name.removeprefix("at://"), local=self._local)
                except Invalid:
                    continue
        return None

    def _pds(self, document: Mapping[str, object]) -> str:
        services = document.get("service")
        for service in services if isinstance(services, list) else ():
            if (
                isinstance(service, dict)
                and str(service.get("id")).endswith("#atproto_pds")
                and service.get("type") == "AtprotoPersonalDataServer"
            ):
                try:
                    return origin_of(str(service.get("serviceEndpoint")))
                except Invalid:
                    break
        raise Gone("at.gone")  # a document without a server: nobody lives there any more


def _names(document: Mapping[str, object]) -> list[object]:
    names = document.get("alsoKnownAs")
    return names if isinstance(names, list) else []
