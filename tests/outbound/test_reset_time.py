"""When a network says to come back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from openportability.outbound import reset_time

NOW = datetime(2025, 2, 1, 12, 0, tzinfo=UTC)
EPOCH_NOW = int(NOW.timestamp())
IN_A_MINUTE = NOW + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("retry-after", "60"),
        ("retry-after", "Sat, 01 Feb 2025 12:01:00 GMT"),
        ("retry-after", "Sat, 01 Feb 2025 12:01:00 -0000"),
        ("ratelimit-reset", str(EPOCH_NOW + 60)),
        ("x-ratelimit-reset", "2025-02-01T12:01:00.000000Z"),
        ("x-ratelimit-reset", "2025-02-01T13:01:00+01:00"),
        ("x-ratelimit-reset", "2025-02-01T12:01:00"),
        ("x-ratelimit-reset", str(EPOCH_NOW + 60)),
        ("x-rate-limit-reset", str(EPOCH_NOW + 60)),
    ],
)
def test_each_way_to_say_a_time_is_read(name: str, text: str) -> None:
    assert reset_time({name: text}, NOW) == IN_A_MINUTE


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"retry-after": "-5"},
        {"retry-after": "0"},
        {"retry-after": "soon"},
        {"retry-after": "nan"},
        {"retry-after": "inf"},
        {"retry-after": "1e999"},
        {"retry-after": "Sat, 01 Feb 2025 11:59:00 GMT"},
        {"ratelimit-reset": str(EPOCH_NOW - 1)},
        {"x-ratelimit-reset": "2025-02-01T11:59:59.999999Z"},
        {"x-ratelimit-reset": ""},
    ],
)
def test_a_time_gone_by_or_unreadable_is_none(headers: dict[str, str]) -> None:
    assert reset_time(headers, NOW) is None


def test_a_useless_header_does_not_hide_a_good_one() -> None:
    headers = {"retry-after": "0", "x-ratelimit-reset": "2025-02-01T12:01:00Z"}
    assert reset_time(headers, NOW) == IN_A_MINUTE


@pytest.mark.parametrize("text", ["99999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_no_server_can_make_us_wait_for_longer_than_a_day(text: str) -> None:
    assert reset_time({"retry-after": text}, NOW) == NOW + timedelta(days=1)
