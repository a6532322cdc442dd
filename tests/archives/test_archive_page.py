"""The archive page in a browser: read there, looked at, and only the lists handed over."""

from __future__ import annotations

import io
import random
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from openportability.archives import wire
from tests.archives.corpus import archive_files, zipped
from tests.archives.in_browser import spent
from tests.archives.test_zip import twenty_gigabytes
from tests.house import House, full

MIB = 1 << 20


@pytest.fixture
def database_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """What is stored is tested on both databases; here it is the page."""
    path = shutil.copy(migrated_sqlite, tmp_path / "openportability.db")
    return f"sqlite:///{path}"


@dataclass(kw_only=True)
class Visit:
    """Somebody on the archive page, what their browser sent, and what it complained about."""

    page: Page
    me: dict[str, Any]
    sent: list[Request] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def choose(self, *files: str | Path) -> None:
        self.page.locator("input[type=file]").set_input_files(list(files))

    def bring(self, body: bytes, name: str = "archive.zip") -> None:
        """Choose a file that is not on any disk."""
        chosen: Any = {"name": name, "mimeType": "application/zip", "buffer": body}
        self.page.locator("input[type=file]").set_input_files(chosen)

    def panel(self, name: str) -> Any:
        return self.page.locator(f"[data-archive-panel={name}]")

    def figure(self, kind: str) -> str:
        return str(self.panel("found").locator(f"[data-kind={kind}] dd").inner_text())


@pytest.fixture
def visit(house: House, chromium: Browser) -> Iterator[Visit]:
    browser = house.new_browser()
    (me,) = browser.get("/_simulated/bird/people?limit=1&skip=7").json()["people"]
    browser.sign_in("bird", me["handle"])
    with chromium.new_context(base_url=house.base_url) as context:
        context.add_cookies(
            [
                {"name": name, "value": value, "url": house.base_url}
                for name, value in browser.cookies.items()
            ]
        )
        made = Visit(page=context.new_page(), me=me)
        made.page.on("request", lambda one: made.sent.append(one) if one.method != "GET" else None)
        made.page.on("pageerror", lambda error: made.complaints.append(str(error)))
        made.page.on("console", lambda message: made.complaints.append(message.text))
        made.page.goto("/archive")
        yield made
        assert made.complaints == []


@pytest.fixture
def mine(visit: Visit) -> Callable[..., bytes]:
    """Make an archive of the one who visits."""

    def make(**lists: Any) -> bytes:
        files = archive_files(owner=visit.me["id"], handle=visit.me["handle"], **lists)
        # The simulated network's links go to a host of its own.
        return zipped(
            {name: body.replace(b"twitter.com", b"bird.example") for name, body in files.items()}
        )

    return make


def test_an_archive_is_read_here_and_only_its_lists_are_sent(
    visit: Visit, mine: Callable[..., bytes]
) -> None:
    visit.bring(mine(following=range(1, 1235), followers=[5, 6], blocked=[9]))
    expect(visit.panel("found")).to_be_visible()
    assert (visit.figure("following"), visit.figure("followers")) == ("1,234", "2")
    words = visit.panel("found").inner_text()
    assert visit.me["handle"] in words
    assert "February 3, 2025" in words
    assert "blocked" not in words
    assert visit.sent == []
    visit.page.get_by_role("button", name="Hand over these lists").click()
    visit.page.wait_for_url("**/archive/*")
    assert "Your archive was read" in visit.page.inner_text("h1")
    (sent,) = visit.sent
    assert sent.headers["content-type"] == wire.MEDIA_TYPE
    body = sent.post_data_buffer
    assert body is not None
    assert body.startswith(b"OPA\x01")
    assert b"private" not in body
    assert "1,234" in visit.page.inner_text("main")


def test_blocks_are_read_when_the_box_is_ticked_afterwards(
    visit: Visit, mine: Callable[..., bytes]
) -> None:
    visit.bring(mine(blocked=[9, 10], muted=[11]))
    expect(visit.panel("found")).to_be_visible()
    visit.page.get_by_text("Also bring my blocks and mutes").click()
    expect(visit.panel("found").locator("[data-kind=blocked] dd")).to_have_text("2")
    assert visit.figure("muted") == "1"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>", "This is not the zip file you were given"),
        (zipped(archive_files(owner=5, handle="bea")), "This archive belongs to bea, and you are"),
        (
            zipped({**archive_files(), "data/following.js": b"["}),
            "This archive belongs to ada, and you are",
        ),
        (zipped({"data/tweets.js": b"1"}), "There is no list of follows inside"),
    ],
    ids=["a page", "of another", "of another, broken", "without lists"],
)
def test_what_cannot_be_read_says_why_and_nothing_is_sent(
    visit: Visit, body: bytes, words: str
) -> None:
    visit.bring(body)
    expect(visit.panel("problem")).to_contain_text(words)
    expect(visit.panel("found")).to_be_hidden()
    assert visit.sent == []


def test_what_is_odd_stands_before_the_button(visit: Visit, mine: Callable[..., bytes]) -> None:
    with zipfile.ZipFile(io.BytesIO(mine(following=range(1, 9), parts=3))) as whole:
        files = {name: whole.read(name) for name in whole.namelist() if "part2" not in name}
    visit.bring(zipped(files))
    expect(visit.panel("found")).to_contain_text("A part of a list is missing")


def test_a_form_without_a_file_says_so_here_too(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Read my archive").click()
    expect(visit.panel("problem")).to_contain_text("No file was chosen")
    assert visit.sent == []


def test_a_dropped_file_is_read(visit: Visit, mine: Callable[..., bytes]) -> None:
    handle = visit.page.evaluate_handle(
        """(bytes) => {
            const dropped = new DataTransfer();
            dropped.items.add(new File([Uint8Array.from(bytes)], "archive.zip"));
            return dropped;
        }""",
        list(mine()),
    )
    visit.page.dispatch_event("[data-drop]", "drop", {"dataTransfer": handle})
    expect(visit.panel("found")).to_be_visible()


def test_an_answer_of_the_site_is_shown_and_the_lists_stay(
    visit: Visit, mine: Callable[..., bytes], house: House
) -> None:
    visit.bring(mine())
    expect(visit.panel("found")).to_be_visible()
    visit.page.context.clear_cookies()
    visit.page.get_by_role("button", name="Hand over these lists").click()
    expect(visit.panel("refused")).to_be_focused()
    expect(visit.panel("found")).to_be_visible()
    visit.complaints.clear()  # the browser's own, that an answer was 401


def test_lists_on_a_slow_way_are_said_to_be_sent(visit: Visit, mine: Callable[..., bytes]) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    visit.page.route("**/api/v1/archives?*", hold)
    visit.bring(mine())
    visit.page.get_by_role("button", name="Hand over these lists").click()
    sending = visit.panel("sending")
    expect(sending).to_contain_text("Your lists are being sent")
    expect(sending).to_be_focused()
    expect(sending.get_by_role("progressbar")).to_be_visible()
    held.pop().continue_()
    expect(visit.page.get_by_role("heading", level=1)).to_have_text("Your archive was read")


def test_lists_that_could_not_be_sent_can_be_sent_again(
    visit: Visit, mine: Callable[..., bytes]
) -> None:
    visit.bring(mine())
    expect(visit.panel("found")).to_be_visible()
    visit.page.context.set_offline(True)
    button = visit.page.get_by_role("button", name="Hand over these lists")
    button.click()
    expect(visit.panel("unsent")).to_be_visible()
    visit.complaints.clear()  # the browser's own, that there is no network
    visit.page.context.set_offline(False)
    button.click()
    visit.page.wait_for_url("**/archive/*")


def test_lists_that_wait_for_their_turn_are_sent_then_but_not_after_another_choice(
    visit: Visit, mine: Callable[..., bytes], house: House
) -> None:
    hand_over = visit.page.get_by_role("button", name="Hand over these lists")
    visit.bring(mine(following=[1, 2]))
    with full(house.line, house.clock):
        hand_over.click()
        expect(visit.panel("refused")).to_contain_text("Your place in the queue is 1")
    visit.page.wait_for_url("**/archive/*")
    visit.page.goto("/archive")
    visit.sent.clear()
    visit.bring(mine(following=[1, 2]))
    with full(house.line, house.clock):
        hand_over.click()
        expect(visit.panel("refused")).to_be_visible()
        visit.bring(mine(following=[3]))
        expect(visit.panel("refused")).to_be_hidden()
        expect(hand_over).to_be_enabled()
    visit.page.wait_for_timeout(4000)  # longer than the page was told to wait
    assert len(visit.sent) == 1
    assert [one for one in visit.complaints if "503" not in one] == []
    visit.complaints.clear()  # the browser's own, that answers were 503


def test_a_browser_that_cannot_start_the_reader_offers_to_send_the_file(
    visit: Visit, mine: Callable[..., bytes]
) -> None:
    visit.page.route("**/worker.js", lambda route: route.abort())
    visit.bring(mine())
    expect(visit.panel("unable")).to_be_visible()
    visit.complaints.clear()  # the browser's own, that a script is missing
    assert visit.sent == []
    visit.page.get_by_role("button", name="Send the whole file").click()
    visit.page.wait_for_url("**/archive/*")
    assert visit.sent[0].headers["content-type"].startswith("multipart/form-data")


# --- large ones --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def million(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with a million rows as the network makes them, and nothing else."""
    path = tmp_path_factory.mktemp("million") / "archive.zip"
    ids = random.Random(7).sample(range(10**17, 2 * 10**18), 1_000_000)
    form = (
        b'{"follower":{"accountId":"%d","userLink":"https://bird.example/intent/user?user_id=%d"}}'
    )
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as zip_file,
        zip_file.open("data/follower.js", "w") as entry,
    ):
        entry.write(b"window.YTD.follower.part0 = [")
        entry.write(b",\n".join(form % (each, each) for each in ids))
        entry.write(b"]")
    return path


#: Keeps each share of the work that the bar has shown, and how often the page did something else until then.
PROGRESS = """() => {
    window.shares = [];
    let beats = 0;
    setInterval(() => beats += 1, 20);
    const bar = document.querySelector("[data-archive-panel=reading] progress");
    const keep = () => bar.hasAttribute("value") && window.shares.push([bar.value, beats]);
    new MutationObserver(keep).observe(bar, { attributeFilter: ["value"] });
}"""


@pytest.mark.slow
def test_a_million_rows_are_read_in_bounded_memory_beside_a_lively_page(
    visit: Visit, chromium: Browser, million: Path
) -> None:
    _, before = spent(chromium)
    visit.page.evaluate(PROGRESS)
    visit.choose(million)
    expect(visit.panel("reading")).to_be_visible()
    expect(visit.panel("found")).to_be_visible(timeout=120_000)
    assert visit.figure("followers") == "1,000,000"
    shares, beats = zip(*visit.page.evaluate("window.shares"), strict=True)
    assert len(set(shares)) > 3
    assert list(shares) == sorted(shares)
    assert beats[-1] > beats[0], "the page did nothing else while the file was read"
    grown = spent(chromium)[1] - before
    print(f"\nmillion: grew {grown / MIB:.0f} MiB")
    assert grown < 300 * MIB


@pytest.mark.slow
def test_cancelling_stops_the_reading(visit: Visit, million: Path) -> None:
    visit.choose(million)
    expect(visit.panel("reading").locator("progress[value]")).to_be_visible(timeout=60_000)
    (worker,) = visit.page.workers
    with worker.expect_event("close"):
        visit.page.get_by_role("button", name="Cancel").click()
    expect(visit.panel("reading")).to_be_hidden()
    expect(visit.panel("found")).to_be_hidden()
    assert visit.page.locator("input[type=file]").input_value() == ""


def test_a_zip_of_twenty_gigabytes_is_opened_where_it_lies(
    visit: Visit, chromium: Browser, tmp_path: Path
) -> None:
    path = tmp_path / "archive.zip"
    with path.open("wb") as file:
        for at, part in twenty_gigabytes(owner=visit.me["id"]).parts:
            file.seek(at)
            file.write(part)
    assert path.stat().st_size > 20 * 10**9
    _, before = spent(chromium)
    visit.choose(path)
    expect(visit.panel("found")).to_be_visible(timeout=60_000)
    assert (visit.figure("following"), visit.figure("followers")) == ("3", "2")
    grown = spent(chromium)[1] - before
    print(f"\ntwenty GB: grew {grown / MIB:.0f} MiB")
    assert grown < 100 * MIB
