"""Mail that was asked for, from the address given to the last one sent."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from openportability.db.schema import grants, lanes
from openportability.mail import service
from openportability.mail.rules import Mail
from openportability.privacy import form
from tests.house import House
from tests.journeys.neighbourhood import Neighbour, Neighbourhood
from tests.mail.postman import Postman
from tests.mail.writing import ADDRESS, agreed, confirmed, give, link, rows, user_of


def test_nothing_counts_before_the_address_says_yes(
    house: House, office: Postman, alice: Neighbour, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    page = alice.browser.get("/settings/mail")
    assert "arrivals" not in page.forms[-1].fields, "nothing is ticked"
    assert "Tick what we may write about." in give(alice.browser).words
    told = give(alice.browser, sign_in="true")
    assert "Please open the link in our mail" in told.words
    house.turn()
    ((to, mail),) = office.taken
    assert (to, mail["To"], mail["From"]) == (ADDRESS, ADDRESS, "OpenPortability <us@site.example>")
    assert "List-Unsubscribe" not in mail
    assert "arrivals_mail" not in agreed(house, alice)
    address = link(office.text(), "confirm")
    assert f'href="{address}"' in office.text(kind="html")
    # Who only looks, as programs do, confirms nothing; neither does a link that we did not make.
    elsewhere = house.new_browser()
    elsewhere.get(address)
    assert "sign_in_mail" not in agreed(house, alice)
    other_end = "b" if address.endswith("a") else "a"
    wrong = elsewhere.post(address[len(house.base_url) : -1] + other_end)
    assert (wrong.status, "no longer good" in wrong.words) == (409, True)
    elsewhere.get(address)
    elsewhere.press("Confirm my address")
    said = agreed(house, alice)
    assert (said["arrivals_mail"], said["sign_in_mail"]) == ("off", "on")
    assert ADDRESS in alice.browser.get("/my-data").words
    taken, _ = form.read(alice.browser.api("GET", "/export").body)
    assert taken.mail is not None
    assert taken.mail.address == ADDRESS
    assert ADDRESS not in caplog.text


def test_arrivals_are_counted_once_a_week_and_nobody_followed_is_among_them(
    house: House, place: Neighbourhood, office: Postman, alice: Neighbour
) -> None:
    others = [place.somebody() for _ in range(4)]
    place.join(alice)
    place.bring(alice, following=others)
    confirmed(house, office, alice)
    place.later()
    place.join(others[0])
    place.reconnect(alice)
    for one in others[1:3]:
        place.join(one)
    assert office.taken == []
    place.later(minutes=24 * 60)
    ((_, mail),) = office.taken
    assert mail["Subject"] == "2 people you followed have arrived."
    for kind in ("plain", "html"):
        assert not any(one.new_handle in office.text(kind=kind) for one in others)
        assert f"{house.base_url}/en/matches" in office.text(kind=kind)
    place.join(others[3])
    place.later(minutes=24 * 60)
    assert len(office.taken) == 1
    place.later(minutes=6 * 24 * 60)
    assert office.taken[1][1]["Subject"] == "1 person you followed has arrived."
    # One click of a mail program: no cookie, no visit before, no redirect (RFC 8058).
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    clicked = house.new_browser().ask(
        "POST",
        mail["List-Unsubscribe"].strip("<>"),
        body=b"List-Unsubscribe=One-Click",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert clicked.status == 200
    assert rows(house) == (0, 0)
    assert agreed(house, alice)["arrivals_mail"] == "off"


def test_withdrawing_ends_mail_at_once_and_erases_the_address(
    house: House, office: Postman, alice: Neighbour
) -> None:
    confirmed(house, office, alice, sign_in="true")
    office.greeting = b"421 away"
    user = user_of(house, alice)
    with house.site.db.write() as tx:
        service._put(tx, house.site, user, Mail.SIGN_IN, 0)
    house.turn()
    assert "is not sent yet" in alice.browser.get("/settings/mail").words
    alice.browser.press("End all mail and erase my address")
    assert rows(house) == (0, 0)
    assert agreed(house, alice)["sign_in_mail"] == "off"
    office.greeting = b"220 back"
    house.clock.forward(hours=1)
    house.turn()
    assert office.taken == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_who_is_signed_out_is_told_once(
    house: House, place: Neighbourhood, office: Postman, alice: Neighbour
) -> None:
    bob = place.somebody()
    place.join(bob)
    place.join(alice)
    place.bring(alice, following=[bob])
    place.reconnect(alice)
    confirmed(house, office, alice, sign_in="true")
    with house.site.db.write() as tx:
        tx.execute(update(grants).values(state="dead"))
        tx.execute(update(lanes).values(state="signed_out"))
    for _ in range(2):
        place.later(minutes=24 * 60)
    ((_, mail),) = office.taken
    assert mail["Subject"] == "A network wants you to sign in again before we can go on."


def test_a_mail_server_that_is_away_loses_nothing_and_is_told_of(
    house: House, office: Postman, alice: Neighbour
) -> None:
    office.greeting = b"421 away"
    give(alice.browser, sign_in="true")
    house.turn()
    assert "is not sent yet" in alice.browser.get("/settings/mail").words
    house.clock.forward(minutes=11)
    house.turn()
    told = house.new_browser().get("/readyz").json()
    assert told["status"] == "degraded"
    assert "OPENPORTABILITY_SMTP_URL" in told["parts"]["mail"]
    assert "openportability_mails_waiting 1" in house.new_browser().get("/metrics").text
    office.greeting = b"220 back"
    house.clock.forward(hours=1)
    house.turn()
    assert [to for to, _ in office.taken] == [ADDRESS]
    assert house.new_browser().get("/readyz").json()["parts"]["mail"] == "ok"
