"""TXT records, asked of a name server on loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import dns.message
import dns.rcode
import dns.rrset
import pytest

from openportability.errors import Unavailable
from openportability.outbound import Door

RECORDS = {
    "_atproto.alice.example.": ['"did=did:plc:" "alice"', '"other"'],
    "latin.example.": ['"\\255"'],
    "empty.example.": [],
}


@pytest.fixture
def nameserver() -> Iterator[tuple[str, int]]:
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            wire, sender = listener.recvfrom(4096)
            if not wire:
                return
            query = dns.message.from_wire(wire)
            name = query.question[0].name.to_text()
            response = dns.message.make_response(query)
            if name == "broken.example.":
                response.set_rcode(dns.rcode.SERVFAIL)
            elif name not in RECORDS:
                response.set_rcode(dns.rcode.NXDOMAIN)
            elif RECORDS[name]:
                response.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *RECORDS[name]))
            listener.sendto(response.to_wire(), sender)

    thread = threading.Thread(target=answer)
    thread.start()
    address = listener.getsockname()
    yield address
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stop:
        stop.sendto(b"", address)
    thread.join(timeout=10)
    listener.close()


def test_records_are_returned_with_their_pieces_joined(
    make_door: Callable[..., Door], nameserver: tuple[str, int]
) -> None:
    door = make_door(nameserver=nameserver)
    found = door.text_records("_atproto.alice.example")
    assert sorted(found) == ["did=did:plc:alice", "other"]
    assert door.text_records("latin.example") == ["\N{REPLACEMENT CHARACTER}"]


@pytest.mark.parametrize("name", ["nobody.example", "empty.example"])
def test_no_record_is_an_empty_list(
    make_door: Callable[..., Door], nameserver: tuple[str, int], name: str
) -> None:
    assert make_door(nameserver=nameserver).text_records(name) == []


@pytest.mark.parametrize("name", ["broken.example", "a..b", "a" * 64 + ".example"])
def test_a_name_that_nobody_can_answer_for_is_unreachable(
    make_door: Callable[..., Door], nameserver: tuple[str, int], name: str
) -> None:
    with pytest.raises(Unavailable) as away:
        make_door(nameserver=nameserver).text_records(name)
    assert away.value.code == "net.unreachable"
