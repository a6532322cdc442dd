"""What a page owes to eyes that enlarge it and to hands that only tab: WCAG 1.4.4, 1.4.10, 1.4.12 and 2.4.11.

A screen of 1280 enlarged twice is one of 640, four times one of 320. All of them are seen with the space of 1.4.12
between letters, words and lines: what fits then, fits without.
"""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.visit import CUT_OFF

#: Enlarged four times, twice, and not at all.
WIDTHS = (320, 640, 1280)

#: The spacing of 1.4.12, as a person sets it in a style sheet of their own: the policy of a page does not concern it.
_SPACED = """() => {
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(`
        * { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }
        p { margin-block-end: 2em !important }`)
    document.adoptedStyleSheets = [sheet]
}"""
_AS_IT_WAS = "() => { document.adoptedStyleSheets = [] }"

#: How wide a page is, and the words that stand in boxes too small for them. What is for screen readers alone is small
#: on purpose, and a line to type in scrolls.
_MEASURE = """() => {
    const clips = style => [style.overflowX, style.overflowY].some(one => one === 'hidden' || one === 'clip')
    const cut = [...document.body.querySelectorAll('*')].filter(one => {
        if (one.closest('.unseen, svg, progress, datalist, [hidden], thead') || !one.textContent.trim()) return false
        const beyond = one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1
        return beyond && one.clientWidth > 0 && clips(getComputedStyle(one))
    })
    return [document.documentElement.scrollWidth, cut.map(one => one.outerHTML.slice(0, 120))]
}"""

#: What takes the focus and is then covered by something else, from the end of the page to its beginning: so each comes
#: in at the upper edge, where something may stay in place.
_COVERED = """() => {
    const all = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]'
    const stops = [...document.querySelectorAll(all)].filter(one => !one.disabled && one.checkVisibility())
    const covered = stops.reverse().filter(one => {
        one.focus()
        const { left, right, top, bottom } = one.getBoundingClientRect()
        const [x, tall] = [(left + right) / 2, bottom - top]
        return ![0.1, 0.5, 0.9].some(share => {
            const there = document.elementFromPoint(x, top + share * tall)
            return there && (one.contains(there) || there.contains(one) || there.closest('label')?.control === one)
        })
    })
    document.activeElement?.blur()
    scrollTo(0, 0)
    return covered.map(one => one.outerHTML.slice(0, 120))
}"""


def complaints(tab: Page) -> list[str]:
    """Return what cannot be read or reached on a page; its screen is as it was afterwards."""
    expect(tab.locator("h1")).to_have_count(1)
    size = tab.viewport_size
    assert size is not None
    found: list[str] = []
    tab.evaluate(_SPACED)
    for width in WIDTHS:
        tab.set_viewport_size({"width": width, "height": size["height"]})
        wide, cut = tab.evaluate(_MEASURE)
        if wide > width:
            found.append(f"{wide} wide on a screen of {width}")
        if tab.evaluate(CUT_OFF):
            found.append(f"a table is cut off on a screen of {width}")
        found += [f"cut off on a screen of {width}: {one}" for one in cut]
    tab.evaluate(_AS_IT_WAS)
    tab.set_viewport_size(size)
    return found + [f"takes the focus behind something: {one}" for one in tab.evaluate(_COVERED)]
