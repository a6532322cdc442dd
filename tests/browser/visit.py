"""A person at a browser: how they press, tick and write, and what no page may do meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Protocol

from playwright.sync_api import Browser, Locator, Page, expect

#: The widest and the narrowest screen that each page must fit.
WIDTHS = (320, 1280)
#: More stops of the keyboard than any page may ask for.
_MOST_STOPS = 250

#: Whether some table does not fit, those that are folded away included.
CUT_OFF = """() => [...document.querySelectorAll('.table')].some(table => {
    const fold = table.closest('details')
    const was = fold?.open
    if (fold) fold.open = true
    const cut = table.scrollWidth > table.clientWidth
    if (fold) fold.open = was
    return cut
})"""
_IS_FOCUSED = "one => one === document.activeElement"
_FOCUS_IS_SEEN = """one => [one, one.closest('.choice')]
    .some(part => part && getComputedStyle(part).outlineStyle !== 'none')"""


@contextmanager
def visit(
    chromium: Browser,
    *,
    origin: str,
    width: int,
    colours: Literal["light", "dark"] = "light",
    script: bool = True,
) -> Iterator[Page]:
    """Open a tab that may neither complain nor ask anybody but `origin`."""
    complaints: list[str] = []
    context = chromium.new_context(
        viewport={"width": width, "height": 800},
        color_scheme=colours,
        java_script_enabled=script,
    )
    context.set_default_timeout(20_000)
    tab = context.new_page()
    tab.on("console", lambda message: complaints.append(f"{tab.url}: {message.text}"))
    tab.on("pageerror", lambda error: complaints.append(f"{tab.url}: {error}"))
    tab.on(
        "request",
        lambda asked: (
            None
            if asked.url.startswith((f"{origin}/", "data:"))
            else complaints.append(f"{tab.url} asked for {asked.url}")
        ),
    )
    # Somebody listens from the start: a keyboard is quicker than the browser that begins to.
    tab.on("filechooser", lambda _: None)
    yield tab
    context.close()
    assert complaints == []


def look(tab: Page) -> None:
    """See that a page has one heading and fits each screen."""
    expect(tab.locator("h1"), tab.url).to_have_count(1)
    size = tab.viewport_size
    assert size is not None
    for width in WIDTHS:
        tab.set_viewport_size({"width": width, "height": size["height"]})
        wide = tab.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{tab.url} is {wide} wide on a screen of {width}"
        assert not tab.evaluate(CUT_OFF), f"{tab.url} cuts a table off on a screen of {width}"
    tab.set_viewport_size(size)


class Hand(Protocol):
    """How a person does things on a page."""

    def press(self, what: Locator) -> None:
        """Press a button, or go where a link leads."""

    def choose(self, what: Locator) -> None:
        """Choose one of several, or tick a box."""

    def write(self, where: Locator, text: str) -> None:
        """Write into a field."""

    def hand_over(self, where: Locator, file: Path) -> None:
        """Choose a file."""


class Mouse:
    """Points and clicks."""

    def press(self, what: Locator) -> None:
        what.click()

    def choose(self, what: Locator) -> None:
        what.check()

    def write(self, where: Locator, text: str) -> None:
        where.fill(text)

    def hand_over(self, where: Locator, file: Path) -> None:
        with where.page.expect_file_chooser() as chooser:
            where.click()
        chooser.value.set_files(file)


class Keyboard:
    """Has no other means, and must see where they are at each stop."""

    def press(self, what: Locator) -> None:
        self._go_to(what)
        what.page.keyboard.press("Enter")

    def choose(self, what: Locator) -> None:
        # Of several that exclude each other, the keyboard stops at one and arrows lead to the others.
        group = what.evaluate("one => one.type === 'radio' ? one.name : ''")
        if group:
            self._go_to(what.page.locator(f"input[name={group}]").first)
            while not what.evaluate(_IS_FOCUSED):
                what.page.keyboard.press("ArrowDown")
        else:
            self._go_to(what)
        if not what.is_checked():
            what.page.keyboard.press("Space")
        assert what.is_checked()

    def write(self, where: Locator, text: str) -> None:
        self._go_to(where)
        where.page.keyboard.type(text)

    def hand_over(self, where: Locator, file: Path) -> None:
        self._go_to(where)
        with where.page.expect_file_chooser() as chooser:
            where.page.keyboard.press("Enter")
        chooser.value.set_files(file)

    def _go_to(self, what: Locator) -> None:
        for _ in range(_MOST_STOPS):
            if what.evaluate(_IS_FOCUSED):
                assert what.evaluate(_FOCUS_IS_SEEN), f"the focus is not seen on {what}"
                return
            what.page.keyboard.press("Tab")
        raise AssertionError(f"the keyboard does not reach {what} on {what.page.url}")
