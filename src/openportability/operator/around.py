"""What a site reaches, and whether it is reached: servers of networks, and its own public address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from openportability.clock import Clock
from openportability.domain import NetworkName
from openportability.errors import NetworkError
from openportability.network import Asked, Document
from openportability.operator.finding import Finding, fault, good
from openportability.outbound import Door, Reply
from openportability.site import Site

#: Sign-ins of networks bear less than a minute.
_MOST_OFF = timedelta(seconds=30)


def networks(door: Door, addresses: Mapping[NetworkName, str], clock: Clock) -> Iterator[Finding]:
    """Ask one server of each network anything at all, and compare the time it says with ours."""
    off: list[timedelta] = []
    for name, address in addresses.items():
        try:
            reply = door.request("GET", address)
        except NetworkError as error:
            todo = f"let this machine reach {address} by https, and look again"
            yield fault("networks", f"{name} cannot be reached ({error.code})", todo)
            continue
        yield good("networks", f"{name} answers")
        if (theirs := _time_of(reply)) is not None:
            off.append(abs(theirs - reply.at))
    if off and min(off) > _MOST_OFF:
        seconds = round(min(off).total_seconds())
        yield fault("clock", f"it is {seconds} s off", "have the machine set its time by NTP")
    elif off:
        yield good("clock", f"{clock.now():%Y-%m-%d %H:%M:%S} UTC")


def public(door: Door, site: Site) -> Iterator[Finding]:
    """Ask our own public address for what we would answer there."""
    home = site.settings.base_url
    todo = "start the site; let its name, port and proxy lead to it"
    try:
        alive = door.request("GET", f"{home}/healthz")
    except NetworkError as error:
        yield fault("public address", f"{home} cannot be reached ({error.code})", todo)
        return
    if alive.status != 200 or b'"status"' not in alive.body:
        yield fault("public address", f"{home} is answered by something else", todo)
        return
    yield good("public address", f"{home} answers")
    for network in site.networks.values():
        for document in network.documents:
            yield from _published(door, home, document)


def _published(door: Door, home: str, document: Document) -> Iterator[Finding]:
    """Look at a document that servers of a network read: what they get must be what we say."""
    try:
        ours = document.serve(Asked(method="GET", query={}, form={}))
    except NetworkError:
        return  # it asks its network, which is looked at by itself
    if ours.status != 200 or not ours.media_type.startswith("application/json"):
        return
    address = f"{home}{document.path}"
    try:
        theirs = door.request("GET", address)
    except NetworkError as error:
        yield fault("documents", f"{address} cannot be read ({error.code})", "correct the proxy")
        return
    if (theirs.status, theirs.body) == (200, ours.body):
        yield good("documents", f"{document.path} is served")
    else:
        told = f"{address} is not what this site would serve"
        yield fault("documents", told, "let the proxy pass it on unchanged; restart after changes")


def _time_of(reply: Reply) -> datetime | None:
    try:
        told = parsedate_to_datetime(reply.headers.get("date", ""))
    except ValueError:
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)
