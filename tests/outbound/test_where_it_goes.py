"""The guard: which addresses the door goes to, and that it goes to the very one it checked."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from openportability import outbound
from openportability.errors import Refused, Unavailable
from openportability.outbound import Door
from tests.outbound.server import Play, Server, answer, answering, heard

MakeDoor = Callable[..., Door]
Serve = Callable[[Play], Server]

PRIVATE = [
    *("127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
    *("0.0.0.0", "100.64.0.1", "192.0.0.8", "192.88.99.1", "198.18.0.1", "203.0.113.1"),
    *("224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1"),
    *("64:ff9b::808:808", "64:ff9b:1::1", "2002:7f00:1::", "2002:808:808::", "2001:0:1::1"),
    *("2001:db8::1", "3fff::1", "fc00::1", "fd12::1", "fe80::1", "fe80::1%lo", "fec0::1"),
    *("ff02::1", "100::1", "5f00::1", "not an address"),
]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_leads_to_an_address_of_no_public_server_is_refused(
    make_door: MakeDoor, address: str
) -> None:
    door = make_door(allow_loopback=False, resolve=lambda host, port: [address])
    with pytest.raises(Refused) as refused:
        door.request("GET", "https://trap.example/")
    assert refused.value.code == "net.address"
    assert refused.value.detail == {"host": "trap.example"}


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2a00:1450:4001::1", "2606::1"])
def test_addresses_of_public_servers_are_allowed(address: str) -> None:
    assert outbound._is_public(address)


def test_one_private_address_among_public_ones_is_enough_to_refuse(make_door: MakeDoor) -> None:
    door = make_door(allow_loopback=False, resolve=lambda host, port: ["8.8.8.8", "10.0.0.1"])
    with pytest.raises(Refused):
        door.request("GET", "https://mixed.example/")


@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.1.1", "169.254.169.254", "fd12::1"])
def test_even_in_development_only_this_machine_is_added(make_door: MakeDoor, address: str) -> None:
    door = make_door(resolve=lambda host, port: [address])
    with pytest.raises(Refused):
        door.request("GET", "https://trap.example/")


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.org/", "ftp://example.org/", "file:///etc/passwd", "example.org", ""),
        *("https://", "https:///x", "https://user:word@example.org/", "https://user@example.org/"),
        *("https://127.0.0.1/", "https://8.8.8.8/", "https://[::1]/", "https://[2606::1]/"),
        *("https://2130706433/", "https://0x7f000001/", "https://0x7f.0.0.1/", "https://127.1/"),
        *("https://0177.0.0.1/", "https://example.0x7f/", "https://example.1./", "https://1.1/"),
        *("https://localhost/", "https://localhost./", "https://intranet/", "https://a..b/"),
        *("https://exa mple.org/", "https://example.org:99999/", "https://.example.org/"),
        *("https://example.org\n/", "https://ex%61mple.org/", "https://[fe80::1%25lo]/"),
        *("https://１２７.０.０.１/", "https://" + "a" * 64 + ".org/", "javascript:alert(1)"),
    ],
)
def test_what_is_no_https_address_of_a_named_server_is_refused(
    make_door: MakeDoor, url: str
) -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["10.0.0.1"]

    door = make_door(allow_loopback=False, resolve=resolve)
    with pytest.raises(Refused) as refused:
        door.request("GET", url)
    assert refused.value.code == "net.address"
    assert asked == []


@pytest.mark.parametrize("host", ["10.0.0.1", "example.org", "8.8.8.8", "0x7f000001"])
def test_plain_http_goes_to_this_machine_only_even_in_development(door: Door, host: str) -> None:
    with pytest.raises(Refused):
        door.request("GET", f"http://{host}/")


def test_in_development_this_machine_is_reached_by_name_and_number(
    serve: Serve, door: Door
) -> None:
    server = serve(answering(answer(b"here")))
    for host in ("127.0.0.1", "localhost"):
        assert door.request("GET", f"http://{host}:{server.port}/", fresh=True).text == "here"


def test_a_name_is_looked_up_once_for_a_connection(serve: Serve, make_door: MakeDoor) -> None:
    server = serve(answering(answer(b"here")))
    look_ups = iter([["127.0.0.1"], ["10.0.0.1"]])
    door = make_door(resolve=lambda host, port: next(look_ups))
    url = f"http://localhost:{server.port}/"
    assert door.request("GET", url, fresh=True).text == "here"
    with pytest.raises(Refused):  # the second look-up belongs to the second connection
        door.request("GET", url, fresh=True)
    assert server.connections == 1
    door.close()


def test_an_address_that_does_not_answer_gives_way_to_the_next(
    serve: Serve, make_door: MakeDoor
) -> None:
    server = serve(answering(answer(b"here")))
    door = make_door(resolve=lambda host, port: ["::1", "127.0.0.1"])
    assert door.request("GET", f"http://localhost:{server.port}/").text == "here"
    door.close()


def test_a_name_without_address_is_unreachable(make_door: MakeDoor) -> None:
    def nothing(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    for door in (make_door(resolve=nothing), make_door(resolve=lambda host, port: [])):
        with pytest.raises(Unavailable) as away:
            door.request("GET", "https://nowhere.example/")
        assert away.value.code == "net.unreachable"


# --- certificates -----------------------------------------------------------------------------


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a certificate that vouches for itself; return its file and that with the key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    trusted, both = folder / "trusted.pem", folder / "both.pem"
    public = made.public_bytes(Encoding.PEM)
    trusted.write_bytes(public)
    both.write_bytes(public + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return trusted, both


def over_tls(both: Path, names: list[str | None]) -> Play:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    context.sni_callback = lambda tls, name, _: names.append(name)

    def play(connection: socket.socket, nth: int) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            while heard(secure):
                secure.sendall(answer(b"secret"))

    return play


def test_the_certificate_is_checked_for_the_name_while_the_checked_address_is_used(
    serve: Serve, make_door: MakeDoor, tmp_path: Path
) -> None:
    trusted, both = certificate(tmp_path, "good.example")
    names: list[str | None] = []
    server = serve(over_tls(both, names))
    door = make_door(extra_ca_file=trusted, resolve=lambda host, port: ["127.0.0.1"])
    assert door.request("GET", f"https://good.example:{server.port}/").text == "secret"
    assert names == ["good.example"]
    with pytest.raises(Unavailable):
        door.request("GET", f"https://other.example:{server.port}/")
    door.close()


def test_a_certificate_that_nobody_trusts_is_not_accepted(
    serve: Serve, make_door: MakeDoor, tmp_path: Path
) -> None:
    _, both = certificate(tmp_path, "good.example")
    server = serve(over_tls(both, []))
    door = make_door(resolve=lambda host, port: ["127.0.0.1"])
    with pytest.raises(Unavailable) as away:
        door.request("GET", f"https://good.example:{server.port}/")
    assert away.value.code == "net.unreachable"
    door.close()
