"""The pages of mail in every state that a person meets: axe finds nothing, and the HTML is valid."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from openportability.mail import service
from openportability.mail.rules import Mail
from tests.browser.audit import Auditor, invalid
from tests.house import House
from tests.journeys.neighbourhood import Neighbour
from tests.mail.postman import Postman
from tests.mail.writing import ADDRESS, link, user_of


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_axe_finds_nothing_on_the_pages_of_mail(
    house: House, office: Postman, alice: Neighbour, chromium: Browser, pages_lab: Path
) -> None:
    with chromium.new_context(base_url=house.base_url, reduced_motion="reduce") as context:
        context.add_cookies(
            [
                {"name": name, "value": value, "url": house.base_url}
                for name, value in alice.browser.cookies.items()
            ]
        )
        auditor = Auditor.at(context.new_page(), pages_lab)
        _ask(auditor, house, office)
        _confirm(auditor, house, office)
        _end(auditor, house, office, alice)
    assert auditor.found + invalid(pages_lab, auditor.html) == []


def _ask(auditor: Auditor, house: House, office: Postman) -> None:
    """Give an address: nothing ticked, one that is none, then a right one while the mail server is away."""
    tab = auditor.tab
    tab.goto("/settings/mail")
    auditor.take("no-address")
    _give(tab, ADDRESS)
    auditor.take("nothing-ticked")
    tab.get_by_label("A network wants me to sign in again").check()
    _give(tab, "alice@localhost")
    auditor.take("no-such-address")
    office.greeting = b"421 away"
    tab.goto("/settings/mail")
    tab.get_by_label("A network wants me to sign in again").check()
    _give(tab, ADDRESS)
    auditor.take("asked")
    house.turn()
    tab.goto("/settings/mail")
    tab.get_by_text("is not sent yet").wait_for()
    auditor.take("asked-and-late")


def _confirm(auditor: Auditor, house: House, office: Postman) -> None:
    tab = auditor.tab
    office.greeting = b"220 back"
    house.clock.forward(hours=1)
    house.turn()
    address = link(office.text(), "confirm")
    auditor.html["letter"] = office.text(kind="html")
    tab.goto(f"{address[:-1]}a")
    tab.get_by_role("button", name="Confirm my address").click()
    auditor.take("no-longer-good")
    tab.goto(address)
    auditor.take("to-confirm")
    tab.get_by_role("button", name="Confirm my address").click()
    auditor.take("confirmed")
    tab.goto("/settings/mail")
    auditor.take("choices")


def _end(auditor: Auditor, house: House, office: Postman, alice: Neighbour) -> None:
    """End all by the link of a mail."""
    tab = auditor.tab
    with house.site.db.write() as tx:
        service._put(tx, house.site, user_of(house, alice), Mail.SIGN_IN, 0)
    house.turn()
    auditor.html["letter-that-can-be-stopped"] = office.text(kind="html")
    tab.goto(office.taken[-1][1]["List-Unsubscribe"].strip("<>"))
    auditor.take("to-stop")
    tab.get_by_role("button", name="End all mail and erase my address").click()
    auditor.take("stopped")


def _give(tab: Page, address: str) -> None:
    tab.get_by_label("Your mail address").fill(address)
    tab.get_by_role("button", name="Send me a link to confirm").click()
