"""The whole journey at a real PDS and two real servers of the Mastodon API, by our pages and theirs.

It is played once; each test asks for one of its promises. What was followed is read from the
person's repository and from their server, not from us.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import servers
from tests.browsing import Browser
from tests.journeys.real.hero import Hero
from tests.journeys.real.town import Citizen, Coming, Town, archive_of, follows_of, town
from tests.journeys.steps import choose, hand_over, ledger, matched, read, until
from tests.real import pds

pytestmark = pytest.mark.slow

#: How many people of each kind live at the PDS.
AT_THE_PDS = {
    "anyone": 36,
    "by_hand": 4,  # followed by hand before; found by anyone
    "confirmed": 5,  # found by whom their own archive confirms, and it names the hero
    "unconfirmed": 3,  # the same, but they bring no archive
    "nobody": 4,
    "their_list": 2,  # not in the hero's archive, but the hero is in theirs
    "strangers": 3,  # found by anyone, and no acquaintance of the hero
    "claimed": 1,  # only an archive says who they were on X
}
#: The same at the two other servers: kind, server.
NEXT_DOOR = (
    ("anyone", 0),
    ("anyone", 1),
    ("by_hand", 1),
    ("confirmed", 1),
    ("nobody", 0),
    ("nobody", 1),
)
FOUND = {"confirmed": "confirmed", "unconfirmed": "confirmed", "nobody": "nobody"}
WITH_ARCHIVE = {"confirmed", "their_list", "claimed"}
NOT_IN_THE_ARCHIVE = {"their_list", "strangers"}
#: Whom the hero must follow in the end.
WANTED = ("anyone", "by_hand", "confirmed")
#: Whom the hero is shown, to be picked by hand only.
TO_BE_PICKED = ("their_list", "claimed")
#: Whom the hero must never hear of.
HIDDEN = ("nobody", "unconfirmed", "late_nobody")


@dataclass(frozen=True, kw_only=True)
class Story:
    """What became of it."""

    hero: Hero
    people: Mapping[str, list[Citizen]]
    #: Follows made by hand before, by record key.
    before: Mapping[str, str]
    #: The page that said what was read of the archive.
    report: str
    #: All accounts the hero was shown before anybody arrived later.
    matched: frozenset[tuple[str, str]]
    plan: str

    def at_the_pds(self, *kinds: str) -> list[str]:
        """Return the DIDs of people of some kinds."""
        people = [one for kind in kinds for one in self.people[kind]]
        return [one.bluesky.did for one in people if one.bluesky]

    def next_door(self, *kinds: str) -> list[str]:
        """Return the addresses of people of some kinds at the other servers."""
        people = [one for kind in kinds for one in self.people[kind]]
        return [one.mastodon.address for one in people if one.mastodon]

    def places(self, *kinds: str) -> set[tuple[str, str]]:
        """Return all accounts of people of some kinds, as our API names them."""
        people = [one for kind in kinds for one in self.people[kind]]
        return {("bluesky", one.bluesky.did) for one in people if one.bluesky} | {
            ("mastodon", one.mastodon.actor_id) for one in people if one.mastodon
        }


@pytest.fixture(scope="module")
def story(
    atproto: servers.Atproto,
    snacs: tuple[servers.Snac, servers.Snac],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("journey")
    with town(atproto, snacs, folder) as (place, server):
        server.start()
        try:
            yield play(place, Browser(server.url), folder)
        except AssertionError:
            print(server.said())
            raise


def play(place: Town, browser: Browser, folder: Path) -> Story:
    """Everybody comes, the hero reconnects, two more people arrive."""
    hero = Hero(place, place.person(bluesky=True, mastodon=0), browser)
    people = {kind: place.persons(count, bluesky=True) for kind, count in AT_THE_PDS.items()}
    for kind, number in NEXT_DOOR:
        people[kind].append(place.person(mastodon=number))
    late = [place.person(bluesky=True), place.person(mastodon=1), place.person(bluesky=True)]
    people |= {"late": late[:2], "late_nobody": late[2:]}

    before = {}
    for one in people["by_hand"]:
        if one.bluesky is not None:
            before[hero.repository.writes_by_hand(one.bluesky.did)] = one.bluesky.did
        if one.mastodon is not None:
            hero.neighbour.follow(one.mastodon.address)
    place.join_all(
        [coming for kind in AT_THE_PDS for coming in comers(place, kind, people, hero, folder)]
    )

    hero.sign_in()
    choose(browser, found="anyone", standing="automatic")
    report = hand_over(browser, heros_archive(place, hero, people, folder).read_bytes())
    shown = sum(len(people[kind]) for kind in (*WANTED, *TO_BE_PICKED))
    until(lambda: read(browser, "/matches")["totals"]["all"], lambda count: count >= shown)
    seen = frozenset(matched(browser))
    plan = hero.plan()
    hero.allow(plan)
    hero.start(plan)
    hero.await_done()

    place.join_all(
        [
            *(Coming(who=one, found="nobody") for one in people["late_nobody"]),
            *(Coming(who=one, found="anyone") for one in people["late"]),
        ]
    )
    return Story(
        hero=hero, people=people, before=before, report=report.words, matched=seen, plan=plan
    )


def comers(
    place: Town, kind: str, people: Mapping[str, list[Citizen]], hero: Hero, folder: Path
) -> list[Coming]:
    """Say how people of a kind come here."""
    me = hero.who.number
    return [
        Coming(
            who=one,
            found=FOUND.get(kind, "anyone"),
            archive=archive_of(one, folder, place.strangers(20), [me, *place.strangers(20)])
            if kind in WITH_ARCHIVE
            else None,
            proves_x=kind != "claimed",
        )
        for one in people[kind]
    ]


def heros_archive(
    place: Town, hero: Hero, people: Mapping[str, list[Citizen]], folder: Path
) -> Path:
    """Write an archive of 1,500 followings and 900 followers; some members are among both."""
    known = [
        one.number
        for kind, some in people.items()
        if kind not in NOT_IN_THE_ARCHIVE
        for one in some
    ]
    following = [*known, *place.strangers(1500 - len(known))]
    followers = [*known[::3], *place.strangers(900 - len(known[::3]))]
    random.Random(9).shuffle(following)
    random.Random(9).shuffle(followers)
    return archive_of(hero.who, folder, following, followers)


def test_the_archive_is_read_whole(story: Story) -> None:
    lists = {one["kind"]: one["count"] for one in read(story.hero.browser, "/me")["lists"]}
    assert lists == {"following": 1500, "followers": 900}
    assert story.hero.who.x_handle in story.report


def test_exactly_those_who_may_be_found_are_shown(story: Story) -> None:
    mine = story.places(*WANTED, *TO_BE_PICKED)
    assert {place for place in story.matched if place[0] != "x"} == mine


def test_the_repository_holds_exactly_the_wanted_follows_each_once(story: Story) -> None:
    wanted = Counter(story.at_the_pds(*WANTED, "late"))
    until(lambda: follows_of(story.hero.repository), lambda follows: follows >= wanted)
    assert follows_of(story.hero.repository) == wanted


def test_the_other_server_holds_exactly_the_wanted_follows_each_once(story: Story) -> None:
    wanted = Counter(story.next_door(*WANTED, "late"))
    until(story.hero.followed_neighbours, lambda follows: follows >= wanted)
    assert story.hero.followed_neighbours() == wanted


def test_the_ledger_says_what_the_networks_say(story: Story) -> None:
    late = story.places("late")
    browser = story.hero.browser
    until(lambda: ledger(browser), lambda rows: late <= rows.keys())
    story.hero.await_done()
    rows = ledger(browser)
    asked = {place for place, state in rows.items() if state == "requested"}
    # Next door it is a request at first; whether it was accepted is looked at after five minutes.
    assert {network for network, _ in asked} <= {"mastodon"}
    made = asked | {place for place, state in rows.items() if state == "followed"}
    assert made == story.places("anyone", "confirmed", "late")
    assert rows.keys() - made == story.places("by_hand")
    assert {rows[place] for place in story.places("by_hand")} == {"already"}


def test_follows_made_by_hand_before_are_the_same_records_still(story: Story) -> None:
    home, did = story.hero.repository.home, story.hero.repository.did
    now = {key: pds.subject_of(home, did, key) for key in story.before}
    assert now == story.before


def test_whoever_wants_to_be_found_by_nobody_is_nowhere(story: Story) -> None:
    hidden = story.places(*HIDDEN)
    browser = story.hero.browser
    until(lambda: matched(browser), lambda seen: story.places("late") <= seen)
    assert not hidden & matched(browser)
    assert not hidden & ledger(browser).keys()
    pages = "".join(browser.get(path).text for path in ("/matches", story.plan, "/reconnect"))
    hiding = [one for kind in HIDDEN for one in story.people[kind]]
    names = [one.x_handle for one in hiding]
    names += [one.bluesky.handle for one in hiding if one.bluesky]
    names += [one.mastodon.user for one in hiding if one.mastodon]
    assert not [name for name in names if name in pages]


def test_who_only_claims_to_be_somebody_is_shown_and_not_followed(story: Story) -> None:
    (claimed,) = story.people["claimed"]
    assert claimed.bluesky is not None
    assert ("bluesky", claimed.bluesky.did) in story.matched
    assert claimed.bluesky.did not in follows_of(story.hero.repository)
