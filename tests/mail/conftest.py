"""A site that sends mail, the server that takes it, and somebody who may ask for some."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from openportability.clock import MovedClock
from tests.house import House, opened
from tests.journeys.neighbourhood import Neighbour, Neighbourhood
from tests.mail.postman import Postman, postman


@pytest.fixture
def office() -> Iterator[Postman]:
    with postman() as made:
        yield made


@pytest.fixture
def house(database_url: str, tmp_path: Path, clock: MovedClock, office: Postman) -> Iterator[House]:
    more = {"SMTP_URL": office.url, "MAIL_FROM": "us@site.example"}
    with opened(tmp_path / "site", database_url, clock, **more) as made:
        yield made


@pytest.fixture
def place(house: House) -> Neighbourhood:
    return Neighbourhood(house)


@pytest.fixture
def alice(place: Neighbourhood) -> Neighbour:
    alice = place.somebody()
    alice.browser.sign_in("sky", alice.new_handle)
    return alice
