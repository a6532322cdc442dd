"""A list too long for one reading is read over several, and never mixed from two states."""

from __future__ import annotations

import httpx2
import pytest

from openportability.domain import Grant, Tie
from openportability.errors import Unavailable
from openportability.networks.bluesky import records
from tests.networks.bluesky.conftest import Load
from tests.networks.bluesky.people import ties, want

PAGES = 6


class Slow:
    """A server whose pages take a third of the time that there is for a reading."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.revision = "rev-1"
        self.asked: list[str] = []
        monkeypatch.setattr(records, "monotonic", lambda: self.now)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("getLatestCommit"):
            return httpx2.Response(200, json={"rev": self.revision, "cid": "cid"})
        if request.url.params["collection"] != "app.bsky.graph.follow":
            return httpx2.Response(200, json={"records": []})
        cursor = request.url.params.get("cursor", "0")
        self.asked.append(cursor)
        self.now += records.READING_SECONDS / 3
        uri = f"at://did:plc:me/app.bsky.graph.follow/key{cursor}"
        record = {"uri": uri, "cid": "cid", "value": {"subject": _did(int(cursor))}}
        more = {"cursor": str(int(cursor) + 1)} if int(cursor) + 1 < PAGES else {}
        return httpx2.Response(200, json={"records": [record], **more})


def _did(number: int) -> str:
    return f"did:plc:{number:024}"


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    return Slow(monkeypatch)


def look(load: Load, slow: Slow, grant: Grant, *, change_after: int | None = None) -> list[str]:
    destination = load(transport=httpx2.MockTransport(slow)).destination
    assert destination
    for tried in range(8):
        if tried == change_after:
            slow.revision = "rev-2"
        try:
            seen = ties(destination.relationships(grant, [want(_did(PAGES - 1))]))
        except Unavailable:
            continue
        assert seen[_did(PAGES - 1)].tie is Tie.FOLLOWING
        return slow.asked
    raise AssertionError("never read to its end")


def test_a_long_list_is_read_to_its_end(load: Load, slow: Slow, grant: Grant) -> None:
    # The first reading says that it is long; the second one begins anew at a known revision.
    assert look(load, slow, grant) == [*"012", *"012", *"345"]


def test_who_wrote_meanwhile_is_read_anew(load: Load, slow: Slow, grant: Grant) -> None:
    asked = look(load, slow, grant, change_after=2)
    assert asked == [*"012", *"012", *"012", *"345"]
