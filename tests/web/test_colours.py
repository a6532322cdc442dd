from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from openportability.web.assets import STATIC

#: Contrast that WCAG 2.2 AA asks for: text, and the edges of what one can use.
TEXT = 4.5
EDGE = 3.0
PAIRS = [
    *((ink, ground, TEXT) for ink in ("ink", "ink-soft", "link") for ground in ("paper", "raised")),
    *((ink, ground, TEXT) for ink in ("ink", "ink-soft") for ground in ("soft", "coral-soft")),
    *((ink, "mint", TEXT) for ink in ("ink", "deep", "link")),
    *((tone, f"{tone}-soft", TEXT) for tone in ("good", "warn", "bad")),
    ("coral-ink", "coral-soft", TEXT),
    ("on-deep", "deep", TEXT),
    ("deep", "raised", TEXT),
    ("bad", "raised", TEXT),
    ("line-strong", "paper", EDGE),
    ("line-strong", "raised", EDGE),
    # Where the keyboard is, on whatever ground.
    *(("coral-ink", ground, EDGE) for ground in ("paper", "raised", "soft", "mint", "coral-soft")),
    *(("coral-ink", f"{tone}-soft", EDGE) for tone in ("good", "warn", "bad")),
    ("deep", "soft", EDGE),
]


def themes() -> Mapping[str, Mapping[str, str]]:
    text = (STATIC / "css/tokens.css").read_text(encoding="utf-8")
    found = [
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", rules))
        for rules in re.findall(r":root[^{]*{([^}]*)}", text)
    ]
    light, by_system, by_choice = found
    return {"light": light, "dark by system": by_system, "dark by choice": by_choice}


@pytest.mark.parametrize("theme", themes())
@pytest.mark.parametrize(("ink", "ground", "least"), PAIRS)
def test_everything_can_be_read(theme: str, ink: str, ground: str, least: float) -> None:
    colours = themes()[theme]
    assert contrast(colours[ink], colours[ground]) >= least


def test_dark_is_the_same_whether_chosen_or_by_system() -> None:
    assert themes()["dark by system"] == themes()["dark by choice"]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
