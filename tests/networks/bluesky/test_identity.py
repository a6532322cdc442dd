"""A handle is looked up where its owner may have put it, and believed only if both ways agree."""

from __future__ import annotations

from collections.abc import Mapping

import httpx2
import pytest

from openportability.errors import Invalid, Refused, Unavailable
from openportability.network import Network
from tests.networks.bluesky.conftest import Load
from tests.networks.bluesky.nameserver import nameserver
from tests.networks.bluesky.stand_in import (
    ANNA,
    BEA,
    ISSUER,
    PDS,
    PLC,
    RESOLVE,
    TOKEN,
    Answer,
    World,
    begin,
    document,
    finish,
    form_of,
    says,
    times_out,
    tokens,
)

WELL_KNOWN = "https://bea.example.com/.well-known/atproto-did"


def found(load: Load, world: World, records: Mapping[str, list[str]]) -> str:
    """Return the DID of bea.example.com, as far as signing in got to know it."""
    world.answers[f"{PLC}/{BEA}"] = says(200, document(BEA, handle="bea.example.com"))
    with nameserver(records) as where:
        network = load(transport=httpx2.MockTransport(world), nameserver=where, resolver="")
        begin(network, "bea.example.com")
    assert form_of(world.asked_at(f"{ISSUER}/par")[0])["login_hint"] == "bea.example.com"
    return str(world.asked_at(f"{PLC}/{BEA}")[0].url).rpartition("/")[2]


def test_a_text_record_names_the_account(load: Load, world: World) -> None:
    records = {"_atproto.bea.example.com": ["v=spf1 -all", f"did={BEA}", "did=nonsense"]}
    assert found(load, world, records) == BEA


def test_two_records_that_differ_name_nobody(load: Load, world: World) -> None:
    records = {"_atproto.bea.example.com": [f"did={ANNA}", f"did={BEA}"]}
    with pytest.raises(Invalid) as refused:
        found(load, world, records)
    assert refused.value.code == "at.handle_unconfirmed"


def test_without_a_record_the_handles_own_host_is_asked(load: Load, world: World) -> None:
    world.answers[WELL_KNOWN] = lambda _: httpx2.Response(200, text=f"{BEA}\n")
    assert found(load, world, {}) == BEA


def test_the_handles_own_host_may_send_us_on(load: Load, world: World) -> None:
    world.answers[WELL_KNOWN] = says(301, location="https://www.example.com/did")
    world.answers["https://www.example.com/did"] = lambda _: httpx2.Response(200, text=BEA)
    assert found(load, world, {}) == BEA


@pytest.mark.parametrize("location", ["http://169.254.169.254/", WELL_KNOWN, "//[", ""])
def test_but_not_into_a_house_or_round_in_circles(load: Load, world: World, location: str) -> None:
    world.answers[WELL_KNOWN] = says(302, location=location)
    with pytest.raises(Invalid) as refused:
        found(load, world, {})
    assert refused.value.code == "at.handle_unknown"
    assert all(request.url.host != "169.254.169.254" for request in world.asked)


@pytest.mark.parametrize("text", ["", "<html>", "did:web:localhost", f"{BEA} {ANNA}"])
def test_a_page_that_is_no_did_names_nobody(load: Load, world: World, text: str) -> None:
    world.answers[WELL_KNOWN] = lambda _: httpx2.Response(200, text=text)
    with pytest.raises(Invalid) as refused:
        found(load, world, {})
    assert refused.value.code == "at.handle_unknown"


def test_the_resolver_is_asked_first(load: Load, world: World) -> None:
    world.answers[RESOLVE] = says(200, {"did": ANNA})
    with nameserver({"_atproto.anna.example.com": [f"did={BEA}"]}) as where:
        network = load(transport=httpx2.MockTransport(world), nameserver=where)
        begin(network, "anna.example.com")
    assert world.asked_at(f"{PLC}/{ANNA}")


@pytest.mark.parametrize(
    "answer", [says(502), says(400, {"error": "HandleNotFound"}), says(200, {"did": "x"})]
)
def test_what_the_resolver_does_not_know_is_asked_elsewhere(
    load: Load, world: World, answer: Answer
) -> None:
    world.answers[RESOLVE] = answer
    with nameserver({"_atproto.anna.example.com": [f"did={ANNA}"]}) as where:
        network = load(transport=httpx2.MockTransport(world), nameserver=where)
        begin(network, "anna.example.com")
    assert world.asked_at(f"{PLC}/{ANNA}")


def test_nobody_is_told_that_a_name_is_unknown_while_names_cannot_be_looked_up(
    load: Load, world: World
) -> None:
    with nameserver({"_atproto.nobody.example.com": []}) as where:
        network = load(transport=httpx2.MockTransport(world), nameserver=where)
        with pytest.raises(Unavailable) as away:
            begin(network, "nobody.example.com")
    assert away.value.detail == {"host": "nobody.example.com"}


def test_a_name_that_is_no_handle_may_be_a_servers(load: Load, world: World) -> None:
    with nameserver({}) as where:
        network = load(transport=httpx2.MockTransport(world), nameserver=where)
        begin(network, "pds.example.com")
    assert "login_hint" not in form_of(world.asked_at(f"{ISSUER}/par")[0])


def test_a_name_that_is_nothing_at_all_is_unknown(load: Load, world: World) -> None:
    with nameserver({}) as where:
        network = load(transport=httpx2.MockTransport(world), nameserver=where)
        with pytest.raises(Invalid) as refused:
            begin(network, "nobody.example.com")
    assert refused.value.code == "at.handle_unknown"


OURS = "https://op.example.com"


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "127.0.0.1", "[::1]", "2130706433", "0x7f.1", "localhost", "localhost."],
)
def test_an_inner_address_is_no_server(load: Load, host: str) -> None:
    with pytest.raises((Refused, Invalid)) as refused:
        begin(load(resolver="", allow_loopback=False, base_url=OURS), f"https://{host}")
    assert refused.value.code in {"net.address", "at.handle_unknown"}


def test_a_tombstone_is_gone(network: Network, world: World) -> None:
    world.answers[f"{PLC}/{ANNA}"] = says(410)
    with pytest.raises(Invalid) as gone:
        begin(network)
    assert gone.value.code == "at.deactivated"


def test_a_name_that_is_not_confirmed_is_said_and_the_did_works(
    network: Network, world: World
) -> None:
    world.answers[f"{PLC}/{ANNA}"] = says(200, document(ANNA, handle="else.example.com"))
    with pytest.raises(Invalid) as refused:
        begin(network)
    assert refused.value.code == "at.handle_unconfirmed"


def test_a_document_about_another_is_refused(network: Network, world: World) -> None:
    world.answers[f"{PLC}/{ANNA}"] = says(200, document(BEA, handle="anna.example.com"))
    with pytest.raises(Refused):
        begin(network, typed=ANNA)


def test_an_account_of_a_web_did_is_found_at_its_host(network: Network, world: World) -> None:
    did = "did:web:bea.example.com"
    world.answers["https://bea.example.com/.well-known/did.json"] = says(
        200, document(did, handle="anna.example.com")
    )
    world.answers[TOKEN] = says(200, tokens(sub=did))
    who = finish(network, begin(network, typed=did)).actor
    assert who.id == did
    assert who.handle == did  # anna.example.com is somebody else's


def test_name_and_picture_come_from_the_public_profile(network: Network, world: World) -> None:
    world.answers[f"{PDS}/xrpc/com.atproto.repo.getRecord"] = says(
        200, {"value": {"displayName": " Anna ", "avatar": {"ref": {"$link": "bafkreiabc"}}}}
    )
    actor = finish(network, begin(network)).actor
    assert actor.name == "Anna"
    assert actor.avatar
    assert actor.avatar.startswith(f"{PDS}/xrpc/com.atproto.sync.getBlob?did=did%3Aplc%3A")


@pytest.mark.parametrize(
    "value", [7, {"displayName": 7, "avatar": "x"}, {"avatar": {"ref": {"$link": "../x"}}}]
)
def test_an_odd_profile_leaves_the_handle_as_name(
    network: Network, world: World, value: object
) -> None:
    world.answers[f"{PDS}/xrpc/com.atproto.repo.getRecord"] = says(200, {"value": value})
    actor = finish(network, begin(network)).actor
    assert (actor.name, actor.avatar) == ("anna.example.com", None)


def test_a_profile_that_cannot_be_read_stops_nobody(network: Network, world: World) -> None:
    world.answers[f"{PDS}/xrpc/com.atproto.repo.getRecord"] = times_out
    assert finish(network, begin(network)).actor.name == "anna.example.com"


@pytest.mark.parametrize(
    "service",
    [
        None,
        [],
        ["pds"],
        [{"id": "#atproto_pds", "type": "Else", "serviceEndpoint": PDS}],
        [{"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": "x"}],
    ],
)
def test_an_account_without_a_server_is_gone(
    network: Network, world: World, service: object
) -> None:
    said = {**document(ANNA, handle="anna.example.com"), "service": service}
    world.answers[f"{PLC}/{ANNA}"] = says(200, said)
    with pytest.raises(Invalid) as gone:
        begin(network)
    assert gone.value.code == "at.deactivated"


@pytest.mark.parametrize(
    "names", [None, [], [7], ["https://x"], ["at://-", "at://else.example.com"]]
)
def test_only_the_first_name_that_is_one_counts(
    network: Network, world: World, names: object
) -> None:
    said = {**document(ANNA, handle="anna.example.com"), "alsoKnownAs": names}
    world.answers[f"{PLC}/{ANNA}"] = says(200, said)
    with pytest.raises(Invalid) as refused:
        begin(network)
    assert refused.value.code == "at.handle_unconfirmed"


def test_a_directory_that_is_away_is_not_an_unknown_account(network: Network, world: World) -> None:
    world.answers[f"{PLC}/{ANNA}"] = says(503)
    with pytest.raises(Unavailable):
        begin(network)
