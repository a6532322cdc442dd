"""Many servers behind one site: who is who, however alike their ids and names, and however many come at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from openportability.accounts import grant_store, rules, service
from openportability.accounts import store as accounts
from openportability.accounts.cabinet import RowCabinet
from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.domain import Account, AccountId, NetworkName, Purpose, UserId
from openportability.site import Site
from openportability.vault import Keyring, Vault
from tests import cast
from tests.networks.mastodon.person import Person
from tests.networks.mastodon.strict import StrictServer
from tests.networks.mastodon.world import consent, load

NAME = NetworkName("mastodon")
AT_ONCE = 50


@pytest.fixture
def servers() -> dict[str, StrictServer]:
    """Fifty servers, each with one person: the same number and the same name everywhere."""
    made = {}
    for number in range(AT_ONCE):
        server = StrictServer(host=f"s{number}.example")
        assert server.add("alice").id == "100"
        made[server.host] = server
    return made


@pytest.fixture
def site(db: Database, clock: MovedClock, servers: dict[str, StrictServer]) -> Site:
    cabinet = RowCabinet(db, Vault(Keyring.fresh()), clock, NAME)
    network = load(servers, clock=clock, cabinet=cabinet, development=False)
    return cast.make_site(db, clock, [network])


def sign_in(
    site: Site, server: StrictServer, user: UserId | None = None, together: Barrier | None = None
) -> Account:
    """Come to a site as who is signed in at a server; `user` is who was here already.

    Those who come `together` wait for each other before they leave and before they come back.
    """
    if together:
        together.wait()
    browser = f"the browser at {server.host}"
    url = service.begin(
        site,
        NAME,
        typed=server.host,
        purpose=Purpose.IDENTIFY,
        browser=browser,
        user=user,
        expected=None,
        next_path="/",
        language="en",
    )
    answer = consent(server, url)
    if together:
        together.wait()
    finished = service.finish(site, NAME, answer, browser=browser, user=user, locale="en")
    return finished.account


def test_fifty_people_sign_in_on_fifty_servers_at_once(
    site: Site, servers: dict[str, StrictServer]
) -> None:
    together = Barrier(AT_ONCE, timeout=60)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        came = list(threads.map(lambda one: sign_in(site, one, None, together), servers.values()))
    assert len({account.user for account in came}) == AT_ONCE
    assert [account.actor.id for account in came] == [
        f"https://{host}/users/alice" for host in servers
    ]
    assert [account.actor.instance for account in came] == list(servers)
    assert {len(server.apps) for server in servers.values()} == {1}
    with site.db.read() as tx:
        keys = {account.key for account in accounts.accounts_of_all(tx, [a.user for a in came])}
    assert len(keys) == AT_ONCE


def test_the_same_number_on_two_servers_is_two_people(
    site: Site, servers: dict[str, StrictServer]
) -> None:
    one, two = (sign_in(site, servers[host]) for host in ("s0.example", "s1.example"))
    assert one.user != two.user
    assert one.key != two.key
    assert sign_in(site, servers["s0.example"]).user == one.user


def test_a_name_that_passed_to_somebody_else_is_somebody_else(
    site: Site, servers: dict[str, StrictServer]
) -> None:
    server = servers["s0.example"]
    before = sign_in(site, server)
    server.people.clear()
    server.tokens.clear()
    server.people["200"] = Person(
        id="200", username="alice", uri=f"https://{server.host}/ap/users/200"
    )
    after = sign_in(site, server)
    assert after.actor.handle == before.actor.handle
    assert after.actor.id != before.actor.id
    assert after.user != before.user


def given_to_somebody_else(server: StrictServer) -> None:
    """Let a server give the name and the actor URI of alice to another person."""
    server.people["200"] = replace(server.people.pop("100"), id="200")
    server.tokens.clear()


def accounts_of(site: Site, user: UserId) -> list[tuple[AccountId, str | None]]:
    with site.db.read() as tx:
        return [(one.id, one.actor.number) for one in accounts.accounts_of(tx, user)]


def test_a_name_with_its_uri_that_passed_to_somebody_else_opens_no_membership(
    site: Site, servers: dict[str, StrictServer]
) -> None:
    one, two = servers["s0.example"], servers["s1.example"]
    before = sign_in(site, one)
    other = sign_in(site, two, before.user)
    given_to_somebody_else(one)
    after = sign_in(site, one)
    assert after.actor.id == before.actor.id
    assert after.user != before.user
    assert accounts_of(site, after.user) == [(after.id, "200")]
    with site.db.read() as tx:
        assert len(grant_store.due_revocations(tx, site.clock.now())) == 1
    # The old member keeps all but that account, and may not take it back.
    assert accounts_of(site, before.user) == [(other.id, "100")]
    assert sign_in(site, two).user == before.user
    with pytest.raises(rules.Taken):
        sign_in(site, one, before.user)


def test_a_name_that_passed_to_another_member_is_linked_and_nothing_is_joined(
    site: Site, servers: dict[str, StrictServer]
) -> None:
    one, two = servers["s0.example"], servers["s1.example"]
    before, newcomer = sign_in(site, one), sign_in(site, two)
    given_to_somebody_else(one)
    linked = sign_in(site, one, newcomer.user)
    assert linked.user == newcomer.user
    assert accounts_of(site, before.user) == []
    assert accounts_of(site, newcomer.user) == [(newcomer.id, "100"), (linked.id, "200")]


def test_a_server_that_began_anew_is_no_loss_to_who_is_signed_in(
    site: Site, servers: dict[str, StrictServer]
) -> None:
    server = servers["s0.example"]
    before = sign_in(site, server)
    given_to_somebody_else(server)
    after = sign_in(site, server, before.user)
    assert (after.id, after.user) == (before.id, before.user)
    assert accounts_of(site, before.user) == [(before.id, "200")]
    assert sign_in(site, server).user == before.user


def test_a_new_name_and_picture_are_those_of_the_same_account(
    site: Site, servers: dict[str, StrictServer]
) -> None:
    server = servers["s0.example"]
    before = sign_in(site, server)
    server.people["100"].username = server.signed_in = "alix"
    server.tokens.clear()
    after = sign_in(site, server)
    assert (after.id, after.user) == (before.id, before.user)
    with site.db.read() as tx:
        kept = service.own_account(tx, before.user, before.id).actor
    assert (kept.id, kept.handle) == (before.actor.id, f"alix@{server.host}")
    assert (kept.name, kept.avatar) == ("Alix", "https://pictures.example/alix.png")


def test_a_sign_in_on_a_server_we_know_asks_no_more_than_the_protocol_does(
    site: Site, servers: dict[str, StrictServer]
) -> None:
    server = servers["s0.example"]
    sign_in(site, server)
    first, server.asked = [one for one in server.asked if "authorize" not in one], []
    sign_in(site, server)
    # Once for each server: which kind it is, our registration, and whether it checks codes.
    known = ["POST /oauth/token", "GET /api/v1/accounts/verify_credentials"]
    assert first == [
        "GET /api/v2/instance",
        "GET /.well-known/oauth-authorization-server",
        "POST /api/v1/apps",
        "POST /oauth/token",
        *known,
    ]
    assert [one for one in server.asked if "authorize" not in one] == known


def test_what_a_server_can_is_kept_for_a_day(
    site: Site, servers: dict[str, StrictServer], clock: MovedClock
) -> None:
    server = servers["s0.example"]
    sign_in(site, server)
    asked: dict[int, list[str]] = {}
    for hours in (7, 25):
        server.asked.clear()
        clock.forward(hours=hours)
        sign_in(site, server)
        asked[hours] = [one for one in server.asked if "authorize" not in one]
    # Whether it still knows us, the token, and whose it is.
    later = [*["POST /oauth/token"] * 2, "GET /api/v1/accounts/verify_credentials"]
    assert asked[7] == later
    discovered = ["GET /api/v2/instance", "GET /.well-known/oauth-authorization-server"]
    assert asked[25] == [*discovered, *later]
