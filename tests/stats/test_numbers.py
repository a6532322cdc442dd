"""The public numbers: a total a day, never about somebody."""

from __future__ import annotations

from datetime import date, timedelta

from openportability.stats import rules, store
from openportability.stats.rules import Day
from tests.house import House


def _days(house: House) -> list[dict[str, object]]:
    told = house.new_browser().ask("GET", "/api/v1/stats").json()
    assert told["threshold"] == rules.LEAST
    days: list[dict[str, object]] = told["days"]
    return days


def test_small_numbers_are_not_told_and_others_are_rough() -> None:
    assert [rules.told(count) for count in (0, 1, 9, 10, 19, 1234)] == [
        None, None, None, 10, 10, 1230,
    ]  # fmt: skip


def test_a_line_spans_the_days_that_tell_and_ends_at_the_top_when_it_only_grows() -> None:
    first = date(2026, 1, 1)
    days = [
        Day(day=first + timedelta(n), counts={"people": 100 * n} if n else {}) for n in range(4)
    ]
    assert rules.line(days, "people") == "0.0,106.7 300.0,53.3 600.0,0.0"
    assert rules.line(days[:2], "people") == ""
    assert rules.line(days, "restored") == ""


def test_numbers_are_counted_by_the_day_and_nothing_is_shown_of_a_few(house: House) -> None:
    browser = house.new_browser()
    browser.sign_in("bird", house.handles(0)["bird"])
    house.turn()
    with house.site.db.read() as tx:
        (today,) = store.days(tx, house.clock.now().date())
    assert today.counts["people"] == 1
    assert today.counts["accounts.bird"] == 1
    assert [day["counts"] for day in _days(house)] == [{}]
    assert "Too few to tell" in house.new_browser().get("/numbers").words
    house.clock.forward(hours=24)
    house.turn()
    assert len(_days(house)) == 2


def test_totals_over_time_are_drawn_and_told(house: House) -> None:
    today = house.clock.now().date()
    with house.site.db.write() as tx:
        for back in range(3):
            counts = {"people": 40 - 10 * back, "restored": 4005 - back, "accounts.herd": 7}
            store.put(tx, today - timedelta(back), counts)
        store.put(tx, today - timedelta(days=400), {"people": 10})
    days = _days(house)
    assert [day["counts"] for day in days] == [
        {"people": 20, "restored": 4000},
        {"people": 30, "restored": 4000},
        {"people": 40, "restored": 4000},
    ]
    page = house.new_browser().get("/numbers")
    assert page.text.count("<polyline") == 2
    assert "40 people here" in page.words or "people here 40" in page.words
