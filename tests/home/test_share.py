from __future__ import annotations

import re
from html import unescape

from tests.house import ON_SQLITE, House

pytestmark = ON_SQLITE


def test_a_prepared_text_opens_in_the_networks_own_page_and_nothing_is_posted(house: House) -> None:
    browser = house.new_browser()
    nora = house.handles(0)
    browser.sign_in("bird", nora["bird"])
    browser.sign_in("sky", nora["sky"], next="/accounts")
    home = browser.get("/")
    ways = [unescape(way) for way in re.findall(r'href="([^"]+/compose\?[^"]+)"', home.text)]
    assert ["bird" in ways[0], "sky" in ways[1], len(ways)] == [True, True, 2]
    composer = browser.get(ways[0])
    assert house.base_url in composer.words
    assert "Come too" in composer.words


def test_a_link_to_the_site_has_a_picture(house: House) -> None:
    landing = house.new_browser().get("/")
    found = re.search(r'property="og:image" content="([^"]+)"', landing.text)
    assert found
    # Without this word some networks show the link and no picture.
    assert '<meta name="twitter:card" content="summary_large_image">' in landing.text
    assert 'property="og:description" content="Find the people you followed again' in landing.text
    picture = house.new_browser().ask("GET", found[1])
    assert picture.headers["content-type"] == "image/png"
    assert len(picture.body) < 60_000
