"""What becomes of addresses: refused, forgotten, erased; and how they are written to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from openportability import app
from openportability.accounts import store as accounts
from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.errors import Invalid, NotFound
from openportability.mail import rules, service
from openportability.mail.rules import Mail
from openportability.operator.doctor import examine
from tests.cast import NEW, join, make_site
from tests.house import House, opened
from tests.journeys.neighbourhood import Neighbour, Neighbourhood
from tests.mail.postman import Postman, postman
from tests.mail.writing import ADDRESS, confirmed, give, link, rows, user_of


@pytest.fixture(scope="module")
def post() -> Iterator[Postman]:
    with postman() as made:
        yield made


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, post: Postman) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("mail")
    more = {"SMTP_URL": post.url, "MAIL_FROM": "us@site.example"}
    url = f"sqlite:///{folder / 'site.db'}"
    with opened(folder, url, MovedClock(), **more) as made:
        yield made


@pytest.fixture(scope="module")
def place(house: House) -> Neighbourhood:
    return Neighbourhood(house)


@pytest.fixture(scope="module")
def alice(place: Neighbourhood) -> Neighbour:
    return newcomer(place)


@pytest.fixture
def office(post: Postman, house: House, alice: Neighbour) -> Iterator[Postman]:
    """The same as on the first day, which a new day begins."""
    house.clock.forward(hours=24)
    post.taken.clear()
    yield post
    post.greeting, post.recipient = b"220 here", b"250 ok"
    alice.browser.post("/settings/mail/end")


def newcomer(place: Neighbourhood) -> Neighbour:
    one = place.somebody()
    one.browser.sign_in("sky", one.new_handle)
    return one


def test_a_mail_that_nobody_takes_is_given_up(
    house: House, office: Postman, alice: Neighbour
) -> None:
    office.recipient = b"550 nobody"
    give(alice.browser, sign_in="true")
    house.turn()
    assert rows(house) == (1, 0)


def test_an_address_that_nobody_confirms_is_forgotten(
    house: House, office: Postman, alice: Neighbour
) -> None:
    give(alice.browser, sign_in="true")
    house.turn()
    house.clock.forward(hours=73)
    house.turn()
    assert rows(house) == (0, 0)
    late = house.new_browser().post(link(office.text(), "confirm")[len(house.base_url) :])
    assert late.status == 409


def test_who_leaves_is_written_to_no_more(
    house: House, office: Postman, place: Neighbourhood
) -> None:
    bob = newcomer(place)
    confirmed(house, office, bob)
    assert rows(house) == (1, 0)
    bob.browser.post("/leave")
    assert rows(house) == (0, 0)
    stop = house.new_browser().post("/mail/stop/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
    assert stop.status == 200


def test_an_address_is_not_asked_often_whoever_types_it(
    house: House, place: Neighbourhood, office: Postman, alice: Neighbour
) -> None:
    bob = newcomer(place)
    told = [give(alice.browser, sign_in="true").status for _ in range(3)]
    told += [give(bob.browser, ADDRESS.upper(), sign_in="true").status for _ in range(3)]
    house.turn()
    assert told == [200] * 5 + [429]
    bob.browser.post("/settings/mail/end")


def test_mails_speak_the_language_of_the_person(
    house: House, office: Postman, alice: Neighbour
) -> None:
    user = user_of(house, alice)
    with house.site.db.write() as tx:
        accounts.choose(tx, user, locale="ar")
    give(alice.browser, sign_in="true")
    house.turn()
    assert '<html lang="ar" dir="rtl">' in office.text(kind="html")
    assert "/ar/mail/confirm/" in office.text()
    assert "May we write to you?" not in str(office.taken[0][1]["Subject"])


def test_the_doctor_greets_the_mail_server(house: House, office: Postman) -> None:
    def told() -> dict[str, bool]:
        environ = dict(house.site.settings._environ)
        found = examine(environ, house.clock, app.doctors_means(), least_free_bytes=0)
        return {one.part: one.good for one in found if one.part == "mail server"}

    assert told() == {"mail server": True}
    office.greeting = b"421 away"
    assert told() == {"mail server": False}


@pytest.mark.parametrize(
    "typed",
    ["a@b", "a b@c.de", "a@c.de\r\nBcc: x@y.zz", "a@c.de,x@y.zz", "<a@c.de>", "a@c.de\n", "é@c.de"],
)
def test_what_could_be_a_header_or_two_addresses_is_none(typed: str) -> None:
    with pytest.raises(Invalid):
        rules.address(typed)
    assert rules.address(" a.b+c@post.example ") == "a.b+c@post.example"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_site_that_sends_no_mail_asks_for_no_address(db: Database, clock: MovedClock) -> None:
    site = make_site(db, clock, given={"OPENPORTABILITY_BASE_URL": "https://site.example"})
    user = join(site, NEW, 1).user
    with pytest.raises(NotFound), site.db.write() as tx:
        service.give(tx, site, user, ADDRESS, [Mail.SIGN_IN])
