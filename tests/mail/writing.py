"""Giving an address, saying yes to it, and what is kept then."""

from __future__ import annotations

import re

from sqlalchemy import func, select

from openportability.consent import service as consent
from openportability.db.schema import mail_addresses, mails
from openportability.domain import UserId
from tests.accounts.shown import me
from tests.browsing import Answer, Browser
from tests.house import House
from tests.journeys.neighbourhood import Neighbour
from tests.mail.postman import Postman

ADDRESS = "alice@post.example"


def give(browser: Browser, address: str = ADDRESS, **ticked: str) -> Answer:
    browser.get("/settings/mail")
    return browser.post("/settings/mail", {"address": address, **ticked})


def link(text: str, verb: str) -> str:
    found = re.search(rf"http\S+/mail/{verb}/\S+", text)
    assert found is not None, text
    return found[0]


def confirmed(house: House, office: Postman, one: Neighbour, **ticked: str) -> None:
    """Give an address and say yes, in a browser that was never here: where the mail is read."""
    give(one.browser, **(ticked or {"arrivals": "true"}))
    house.turn()
    elsewhere = house.new_browser()
    elsewhere.get(link(office.text(), "confirm"))
    assert "Your address is confirmed." in elsewhere.press("Confirm my address").words
    office.taken.clear()
    house.turn()


def user_of(house: House, one: Neighbour) -> UserId:
    return UserId(house.site.vault.read_id("user", str(me(one.browser)["user_id"])))


def agreed(house: House, one: Neighbour) -> dict[str, str]:
    user = user_of(house, one)
    with house.site.db.read() as tx:
        return {choice: said.value for choice, said in consent.current(tx, user).items()}


def rows(house: House) -> tuple[int, int]:
    """Return how many addresses and how many mails are kept."""
    with house.site.db.read() as tx:
        counted = [
            tx.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (mail_addresses, mails)
        ]
    return counted[0], counted[1]
