"""The whole way of a newcomer through the demo, by mouse, by keyboard alone, and without script."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from random import Random

from playwright.sync_api import Browser, Locator, Page, expect

from openportability.demo import stage
from openportability.demo.stage import DESTINATIONS, SOURCE, Resident
from tests.browser.visit import Hand, Keyboard, Mouse, look, visit
from tests.browser.world import Demo, Follows, Home

#: All follows of one person, without script a refresh of the page included.
_PATIENCE_MS = 90_000


def test_a_newcomer_reconnects_by_mouse_and_sees_arrivals_without_reloading(
    demo: Demo, chromium: Browser, tmp_path: Path
) -> None:
    me = demo.newcomer
    with visit(chromium, origin=demo.url, width=1280) as tab:
        _sign_in(demo, tab, Mouse(), me)
        tab.get_by_role("link", name="Ask Bird for your archive").click()
        with tab.expect_download() as download:
            tab.get_by_role("button", name="Download my archive").click()
        archive = tmp_path / "archive.zip"
        download.value.save_as(archive)
        assert download.value.suggested_filename.startswith("archive-newcomer-")
        tab.get_by_role("link", name="Back to OpenPortability").click()
        _journey(demo, tab, Mouse(), me, archive)
        _see_somebody_arrive(demo, tab, me)
        _visit_the_rest(demo, tab)


def test_the_keyboard_alone_is_enough(demo: Demo, chromium: Browser, tmp_path: Path) -> None:
    me = next(demo.others)
    with visit(chromium, origin=demo.url, width=320, colours="dark") as tab:
        _sign_in(demo, tab, Keyboard(), me)
        _journey(demo, tab, Keyboard(), me, _archive_of(demo, me, tmp_path))


def test_it_works_without_script(demo: Demo, chromium: Browser, tmp_path: Path) -> None:
    me = next(demo.others)
    with visit(chromium, origin=demo.url, width=320, script=False) as tab:
        _sign_in(demo, tab, Mouse(), me)
        _journey(demo, tab, Mouse(), me, _archive_of(demo, me, tmp_path), script=False)


def test_what_goes_wrong_is_said_in_words_with_a_way_on(
    demo: Demo, chromium: Browser, tmp_path: Path
) -> None:
    context = chromium.new_context(viewport={"width": 320, "height": 800})
    tab = context.new_page()
    tab.goto(f"{demo.url}/sign-in")
    tab.get_by_role("button", name="Sign in with Bird").click()
    tab.get_by_role("button", name="Do not allow").click()
    expect(tab.get_by_role("heading", name="You did not allow it")).to_be_visible()
    look(tab)
    tab.get_by_role("link", name="Sign in again").click()
    tab.locator("#typed-herd").fill("nowhere.example")
    tab.get_by_role("button", name="Sign in with Herd").click()
    expect(tab.get_by_role("alert")).to_contain_text("There is no such server")
    expect(tab.locator("#typed-herd")).to_have_value("nowhere.example")
    look(tab)
    tab.get_by_role("button", name="Sign in with Bird").click()
    tab.get_by_label("Somebody else").fill("nobody")
    tab.get_by_role("button", name="Allow", exact=True).click()
    expect(tab.get_by_role("alert")).to_contain_text("Nobody here is called “nobody”")
    tab.goto(f"{demo.url}/sign-in")
    _be(tab, Mouse(), next(demo.others)[SOURCE], "Sign in with Bird")
    tab.goto(f"{demo.url}/archive")
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"no zip at all")
    for file, words in (
        (None, "No file was chosen"),
        (broken, "This is not the zip file you were given"),
    ):
        if file:
            tab.locator("#file").set_input_files(file)
        tab.get_by_role("button", name="Read my archive").click()
        expect(tab.get_by_role("alert")).to_contain_text(words)
        # Who has only a keyboard goes on from there, not from the top of the page.
        card = tab.locator(".card", has=tab.locator("#file"))
        expect(card.locator("[data-archive-panel=problem] :focus")).to_be_visible()
        look(tab)
    context.close()


# --- the way, step by step ------------------------------------------------------------------------


def _sign_in(demo: Demo, tab: Page, hand: Hand, me: Home) -> None:
    """Begin, prove who one is on the old network, and choose."""
    tab.goto(demo.url)
    look(tab)
    hand.press(tab.get_by_role("link", name="Begin").first)
    tab.wait_for_url("**/sign-in")
    look(tab)
    _be(tab, hand, me[SOURCE], "Sign in with Bird")
    expect(tab.get_by_role("heading", level=1)).to_have_text("Welcome. Two choices are yours")
    look(tab)
    hand.choose(tab.get_by_label("Anyone who followed me"))
    hand.choose(tab.get_by_label("Follow them for me"))
    hand.press(tab.get_by_role("button", name="Save and go on"))
    expect(tab.get_by_role("status")).to_have_text("Your choices are saved.")
    look(tab)


def _journey(
    demo: Demo, tab: Page, hand: Hand, me: Home, archive: Path, *, script: bool = True
) -> None:
    """Hand over the lists, link, choose whom, plan, start; compare with the networks at the end."""
    before = demo.follows(me)
    hand.hand_over(tab.locator("#file"), archive)
    hand.press(tab.get_by_role("button", name="Read my archive"))
    if script:
        hand_over = tab.get_by_role("button", name="Hand over these lists")
        expect(hand_over).to_be_visible()
        look(tab)
        hand.press(hand_over)
    expect(tab.get_by_role("heading", level=1)).to_have_text("Your archive was read")
    look(tab)
    hand.press(tab.get_by_role("link", name="Link your other accounts"))
    tab.wait_for_url("**/accounts#link")
    for network, typed in zip(DESTINATIONS, ("instance", "handle"), strict=True):
        look(tab)
        hand.write(tab.locator(f"#typed-{network}"), getattr(me[network], typed))
        _be(tab, hand, me[network], f"Sign in with {network.title()}")
        expect(tab.get_by_role("status")).to_contain_text("is now linked")
    hand.press(tab.get_by_role("link", name="See who is here"))
    tab.wait_for_url("**/matches")
    aside = _choose_whom(demo, tab, hand)
    _plan_and_start(tab, hand)
    expect(tab.get_by_text("Everything that can be done now is done.")).to_have_count(
        len(DESTINATIONS), timeout=_PATIENCE_MS
    )
    expect(tab.get_by_text("Undo everything")).to_be_visible()
    expect(tab.get_by_text("Stop", exact=True)).to_have_count(0)
    look(tab)
    taken_back = _take_one_back(demo, tab, hand, me)
    _check(
        demo,
        tab,
        me,
        before,
        left_alone=[taken_back, *(one for home in aside for one in home.values())],
    )


def _choose_whom(demo: Demo, tab: Page, hand: Hand) -> list[Home]:
    """Search, set people aside, take one back; return who stays aside.

    Whose server is away every other minute is set aside too, for nobody has time to wait for it.
    """
    look(tab)
    rows = tab.locator(".person")
    everyone = rows.count()
    hand.write(tab.get_by_label("Search by name or username"), "flaky.example")
    hand.press(tab.get_by_role("button", name="Search"))
    tab.wait_for_url("**/matches?**q=flaky**")
    look(tab)
    away = _old_handles(tab)
    assert len(away) < everyone
    if away:
        for at in range(len(away)):
            hand.choose(rows.nth(at).get_by_role("checkbox"))
        hand.press(tab.get_by_role("button", name="Set the ticked ones aside"))
        expect(tab.get_by_role("status")).to_contain_text(f"{len(away)} match")
    hand.press(tab.get_by_role("link", name=re.compile("^New ")))
    tab.wait_for_url("**/matches?show=new")
    one, other = _old_handles(tab)[:2]
    for at in (0, 1):
        hand.choose(rows.nth(at).get_by_role("checkbox"))
    hand.press(tab.get_by_role("button", name="Set the ticked ones aside"))
    expect(tab.get_by_role("status")).to_have_text("2 matches were set aside.")
    hand.press(tab.get_by_role("link", name=f"Set aside {2 + len(away)}"))
    tab.wait_for_url("**/matches?show=dismissed")
    look(tab)
    hand.choose(rows.filter(has_text=other).get_by_role("checkbox"))
    hand.press(tab.get_by_role("button", name="Take back the ticked ones"))
    expect(tab.get_by_role("status")).to_have_text("1 match is back.")
    # Whom one set aside is not planned from here.
    hand.press(tab.get_by_role("link", name=re.compile("^New ")))
    tab.wait_for_url("**/matches?show=new")
    return [demo.home_of(handle) for handle in (one, *away)]


def _old_handles(tab: Page) -> list[str]:
    """Return the handle on the old network of each person on the page: it comes first."""
    rows = tab.locator(".person")
    return [rows.nth(at).locator(".network__name").first.inner_text() for at in range(rows.count())]


def _plan_and_start(tab: Page, hand: Hand) -> None:
    hand.press(tab.get_by_role("button", name="Plan to follow everyone"))
    expect(tab.get_by_role("heading", level=1)).to_have_text("Your plan")
    look(tab)
    for network in DESTINATIONS:
        hand.press(tab.get_by_role("button", name=f"Allow it on {network.title()}"))
        expect(tab.locator("li", has_text="follow people for you")).to_be_visible()
        hand.press(tab.get_by_role("button", name="Allow", exact=True))
        # Back at the same plan, not at the beginning.
        expect(tab.get_by_role("heading", level=1)).to_have_text("Your plan")
    expect(tab.get_by_role("button", name=re.compile("^Allow it"))).to_have_count(0)
    hand.press(tab.get_by_role("button", name="Start"))
    expect(tab.get_by_role("status")).to_be_visible()
    if "/plans/" in tab.url:
        # Somebody was found in the meantime: it is a new plan, to be looked at again.
        hand.press(tab.get_by_role("button", name="Start"))
    tab.wait_for_url("**/reconnect")
    expect(tab.get_by_role("status")).to_contain_text(re.compile("is on its way|are on their way"))
    look(tab)


def _take_one_back(demo: Demo, tab: Page, hand: Hand, me: Home) -> Resident:
    """Undo one follow in the ledger; return whose it was."""
    hand.press(tab.get_by_role("link", name="See each person").first)
    tab.wait_for_url("**/reconnect/ledger")
    look(tab)
    hand.press(tab.get_by_role("link", name="Done", exact=True))
    tab.wait_for_url("**/reconnect/ledger?group=done")
    row = tab.locator(".person").filter(has=tab.get_by_role("button")).first
    handle = row.locator(".person__why").inner_text()
    whom = next(
        one
        for network in DESTINATIONS
        for one in stage.residents(demo.site, network)
        if one.handle == handle
    )
    assert demo.follows(me)[whom.network][whom.id] == 1
    hand.press(row.get_by_role("button"))
    expect(tab.get_by_role("status")).to_have_text(re.compile(".+: we take it back."))
    tab.goto(f"{demo.url}/reconnect/ledger?group=undone")
    _reload_until(tab, tab.get_by_text(handle))
    return whom


def _visit_the_rest(demo: Demo, tab: Page) -> None:
    """See every page that the way did not lead to, and that what was chosen is kept."""
    paths = ("/", "/matches?show=all", "/accounts", "/archive", "/reconnect", "/settings/tokens")
    for path in (*paths, "/about", "/privacy", "/settings"):
        tab.goto(f"{demo.url}{path}")
        look(tab)
    expect(tab.get_by_label("Anyone who followed me")).to_be_checked()
    expect(tab.get_by_label("Follow them for me")).to_be_checked()


def _check(
    demo: Demo, tab: Page, me: Home, before: Follows, *, left_alone: Sequence[Resident]
) -> None:
    """Compare what the networks hold with the ledger: none missing, none double, none extra."""
    ledger = _ledger(demo, tab)
    now = demo.follows(me)
    moved = {
        one.id: one.moved_to
        for network in DESTINATIONS
        for one in stage.residents(demo.site, network)
        if one.moved_to
    }
    some: set[str] = set()
    for network in DESTINATIONS:
        told = {
            state: {
                moved.get(whom, whom)
                for at, whom, found in ledger
                if (at, found) == (network, state)
            }
            for state in ("followed", "requested", "already")
        }
        assert set(now[network].values()) <= {1}, "somebody is followed twice"
        made = set(now[network]) - set(before[network])
        assert told["followed"] <= made
        # Who was asked may have approved in the meantime.
        assert made <= told["followed"] | told["requested"]
        assert told["already"] <= set(before[network])
        some |= made
        assert not made & {one.id for one in left_alone if one.network == network}
    assert some, "nobody was followed"


def _see_somebody_arrive(demo: Demo, tab: Page, me: Home) -> None:
    """Keep the page open while someone arrives: it shows their follow by itself."""
    known = stage.following(demo.site, me[SOURCE])
    friend = next(home for home in demo.others if home[SOURCE].id in known)
    tab.goto(f"{demo.url}/reconnect")
    bars = tab.locator("#progress progress")
    wanted = [bars.nth(at).get_attribute("max") for at in range(len(DESTINATIONS))]
    tab.evaluate("window.neverReloaded = true")
    tab.get_by_text("Undo everything").click()
    stage.join(demo.site, friend, Random(0))
    for at, had in enumerate(wanted):
        expect(bars.nth(at)).to_have_attribute("max", str(int(had or 0) + 1), timeout=_PATIENCE_MS)
    assert tab.evaluate("window.neverReloaded")
    # What the person has opened stays open while the rest goes on.
    expect(tab.get_by_role("button", name="Yes, take everything back")).to_be_visible()


# --- how ------------------------------------------------------------------------------------------


def _be(tab: Page, hand: Hand, resident: Resident, button: str) -> None:
    """Press a button that leads to a simulated network, and be somebody there."""
    hand.press(tab.get_by_role("button", name=button))
    expect(tab.get_by_role("heading", level=1)).to_contain_text("Who are you?")
    look(tab)
    hand.write(tab.get_by_label("Somebody else"), resident.handle)
    hand.press(tab.get_by_role("button", name="Allow", exact=True))


def _archive_of(demo: Demo, me: Home, folder: Path) -> Path:
    """Keep what the old network would send to somebody who asks for their archive."""
    file = folder / "archive.zip"
    file.write_bytes(stage.archive(demo.site, me[SOURCE]))
    return file


def _reload_until(tab: Page, what: Locator) -> None:
    for _ in range(40):
        if what.count():
            return
        tab.wait_for_timeout(250)
        tab.reload()
    raise AssertionError(f"{tab.url} never showed {what}")


def _ledger(demo: Demo, tab: Page) -> list[tuple[str, str, str]]:
    """Return each row as network, account, state."""
    rows: list[tuple[str, str, str]] = []
    cursor = ""
    while True:
        address = f"{demo.url}/api/v1/reconnection/ledger?cursor={cursor}"
        page = tab.context.request.get(address).json()
        rows += [(row["network"], row["actor_id"], row["state"]) for row in page["items"]]
        cursor = page["next_cursor"] or ""
        if not cursor:
            return rows
