"""What time does to a sign-in at a real PDS whose time moves: codes, tokens and nonces that end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from lab import servers
from openportability.accounts import grant_store
from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.domain import Account
from openportability.errors import Invalid, SignedOut
from openportability.network import Destination, SignIn
from tests.networks.bluesky.conftest import Load
from tests.networks.bluesky.people import (
    Person,
    new_person,
    on_the_way_back,
    planned,
    signed_in,
    ties,
)
from tests.networks.bluesky.workers import Worker, both_at_once, two_workers

pytestmark = pytest.mark.real

#: How a refresh goes when the server has changed its nonce: refused once, and done once.
CHALLENGED = [(400, "use_dpop_nonce"), (200, "")]
HourPasses = Callable[[], None]


class Ahead:
    """A network whose time runs ahead of ours, and by how many hours."""

    def __init__(self, net: servers.Atproto) -> None:
        self.net = net
        self.hours = 0


@pytest.fixture(scope="module")
def ahead() -> Iterator[Ahead]:
    with servers.atproto("--moved-clock") as net:
        yield Ahead(net)


@pytest.fixture
def hour_passes(ahead: Ahead, clock: MovedClock) -> HourPasses:
    """Return what moves everybody's time on."""
    clock.forward(hours=ahead.hours)

    def pass_by() -> None:
        ahead.net.an_hour_passes()
        ahead.hours += 1
        clock.forward(hours=1)

    return pass_by


@pytest.fixture
def workers(
    db: Database, load: Load, ahead: Ahead, clock: MovedClock, hour_passes: HourPasses
) -> tuple[Worker, Worker]:
    net = ahead.net
    return two_workers(
        db, clock, lambda way: load(transport=way, plc=net.plc, resolver=net.pds[0], view="")
    )


@pytest.fixture
def anna(ahead: Ahead) -> Person:
    return new_person(ahead.net.pds[0])


@pytest.fixture
def account(workers: tuple[Worker, Worker], anna: Person) -> Account:
    first, _ = workers
    return first.holds(signed_in(sign_in_of(first), anna))


def sign_in_of(worker: Worker) -> SignIn:
    (network,) = worker.site.networks.values()
    assert network.sign_in
    return network.sign_in


def destination_of(worker: Worker) -> Destination:
    (network,) = worker.site.networks.values()
    assert network.destination
    return network.destination


def test_two_workers_refresh_an_ended_grant_once_and_the_session_lives_on(
    workers: tuple[Worker, Worker], account: Account, hour_passes: HourPasses
) -> None:
    first, second = workers
    hour_passes()
    first.way.ended.clear()
    one, other = both_at_once(first, second, account)
    assert (first.way.ended, second.way.ended) == (CHALLENGED, [])
    assert one.secret == other.secret
    for worker, grant in ((first, one), (second, other)):
        destination = destination_of(worker)
        ties(destination.follow(grant, planned(destination, 1)))
    hour_passes()
    again = second.grant(account)
    assert (second.way.ended, again.secret != one.secret) == (CHALLENGED, True)
    assert first.grant(account).secret == again.secret
    ties(destination_of(first).follow(again, planned(destination_of(first), 1)))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_token_that_ended_follows_nobody_until_it_is_refreshed(
    workers: tuple[Worker, Worker], account: Account, hour_passes: HourPasses
) -> None:
    first, _ = workers
    destination, old = destination_of(first), first.grant(account)
    hour_passes()
    with pytest.raises(SignedOut):
        destination.follow(old, planned(destination, 1))
    ties(destination.follow(first.grant(account), planned(destination, 1)))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_that_dies_before_it_keeps_the_new_tokens_costs_a_sign_in_and_no_more(
    workers: tuple[Worker, Worker],
    account: Account,
    anna: Person,
    clock: MovedClock,
    hour_passes: HourPasses,
) -> None:
    first, second = workers
    grant = first.grant(account)
    hour_passes()
    assert first.leases(account, "a worker that dies")
    sign_in_of(first).refresh(grant)  # given by the server, and kept by nobody
    clock.forward(seconds=grant_store.LEASE.total_seconds() + 1)
    with pytest.raises(SignedOut) as lost:
        second.grant(account)
    assert lost.value.code == "at.session_lost"
    asked = len(second.way.ended)
    with pytest.raises(SignedOut):
        second.grant(account)
    assert len(second.way.ended) == asked, "what is lost is asked for once"
    again = signed_in(sign_in_of(second), anna).grant
    assert again
    ties(destination_of(second).follow(again, planned(destination_of(second), 1)))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_code_that_waited_an_hour_is_no_good(
    workers: tuple[Worker, Worker], anna: Person, hour_passes: HourPasses
) -> None:
    sign_in = sign_in_of(workers[0])
    secret, answer = on_the_way_back(sign_in, anna)
    hour_passes()
    with pytest.raises(Invalid) as refused:
        sign_in.finish(secret=secret, answer=answer)
    assert refused.value.code == "auth.expired"
