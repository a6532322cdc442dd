"""A server for text records of the domain name system, on loopback."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Thread

import dns.message
import dns.rcode
import dns.rrset


@contextmanager
def nameserver(records: Mapping[str, list[str]]) -> Iterator[tuple[str, int]]:
    """Answer for these names with these texts, fail where there are none; no others exist."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        here.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                question, whence = here.recvfrom(4096)
                if not question:
                    return
                here.sendto(_answer(question, records), whence)

        thread = Thread(target=serve)
        thread.start()
        try:
            yield here.getsockname()
        finally:
            here.sendto(b"", here.getsockname())
            thread.join()


def _answer(question: bytes, records: Mapping[str, list[str]]) -> bytes:
    asked = dns.message.from_wire(question)
    answer = dns.message.make_response(asked)
    name = asked.question[0].name
    texts = records.get(name.to_text(omit_final_dot=True))
    if texts is None:
        answer.set_rcode(dns.rcode.NXDOMAIN)
    elif not texts:
        answer.set_rcode(dns.rcode.SERVFAIL)
    else:
        quoted = [f'"{text}"' for text in texts]
        answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *quoted))
    return answer.to_wire()
