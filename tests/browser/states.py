"""What no newcomer passes on their way: a house that tests move, looked at in each state that its pages have.

All is set up by browsers without a window; the eye then looks with their cookies. No word of a page is read here, so
the same way is gone in any language.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from playwright.sync_api import Page

from openportability.networks.fake.reply import Fault
from openportability.operator import desk as desks
from openportability.web import rates
from tests.archives.corpus import archive_files, zipped
from tests.browsing import Browser
from tests.house import House, full, served
from tests.journeys.neighbourhood import NEW, OLD, Neighbour, Neighbourhood
from tests.journeys.steps import hand_over, leave, read_all, submit
from tests.mail.postman import Postman

#: Where people import follows from a file, and where lists can be read.
FILES = "herd"

_SEND = """([action, fields]) => {
    const form = document.createElement('form')
    form.method = 'post'
    form.action = action
    for (const [name, value] of Object.entries(fields)) {
        const line = document.createElement('input')
        line.name = name
        line.value = value
        form.append(line)
    }
    document.body.append(form)
    form.submit()
}"""


class Eye(Protocol):
    """Looks at what a tab shows; `status` is what it should be where something went wrong."""

    @property
    def tab(self) -> Page: ...
    def take(self, name: str, *, status: int = 200) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Visit:
    """An eye in a house."""

    eye: Eye
    house: House
    place: Neighbourhood

    def be(self, who: Browser) -> None:
        """Look as somebody from now on."""
        url = self.house.base_url
        context = self.eye.tab.context
        context.clear_cookies()
        context.add_cookies(
            [{"name": name, "value": value, "url": url} for name, value in who.cookies.items()]
        )

    def see(self, name: str, path: str, *, who: Browser | None = None, status: int = 200) -> None:
        """Open a page and look."""
        if who is not None:
            self.be(who)
        self.eye.tab.goto(f"{self.house.base_url}{path}")
        self.eye.take(name, status=status)

    def send(self, name: str, path: str, /, *, status: int = 200, **fields: str) -> None:
        """Send a form of the page, and look at the answer."""
        with self.eye.tab.expect_navigation():
            self.eye.tab.evaluate(_SEND, [path, fields])
        self.eye.take(name, status=status)


def walk(eye: Eye, house: House, office: Postman) -> None:
    """See each state once; of whom it takes several, each story has its own people."""
    visit = Visit(eye=eye, house=house, place=Neighbourhood(house))
    _with_nothing(visit)
    _on_their_way(visit)
    _stopped_by_a_network(visit)
    _from_files_and_accounts(visit)
    _who_were_avoided(visit)
    _here_twice(visit)
    _with_mail(visit, office)
    _what_fails(visit)
    _at_the_desk(visit)
    _parting(visit)


def _with_nothing(visit: Visit) -> None:
    me = visit.place.somebody()
    visit.place.join(me)
    visit.see("accounts-of-one", "/accounts", who=me.browser)
    visit.see("no-rows", "/reconnect/ledger")
    visit.send("empty-plan", "/reconnect/plan", scope="all")
    visit.see("no-tokens", "/settings/tokens")
    visit.send("token-made", "/settings/tokens", name="mine")
    visit.send("no-file-chosen", "/archive", status=400)
    visit.place.bring(me, following=[])
    visit.see("brought", "/archive")


def _on_their_way(visit: Visit) -> None:
    place, house = visit.place, visit.house
    me, bob, gone, late = (place.somebody() for _ in range(4))
    for one in (bob, gone):
        place.join(one)
    place.join(me, standing="ask")
    report = hand_over(me.browser, _archive(me, [bob, gone, late])).path
    visit.see("found-nobody-yet", report, who=me.browser)
    house.turn()
    visit.see("nobody-in-this-view", "/matches?q=nobody.at.all")
    chosen = read_all(me.browser, "/matches")[0]["match_id"]
    visit.send("one-chosen", "/matches", match_ids=chosen)
    plan = place.plan(me)
    place.allow(me, plan)
    submit(me.browser, f"{plan}/start")
    visit.see("plan-started", plan, who=me.browser)
    me.browser.post("/reconnect/pause")
    visit.see("paused", "/reconnect", who=me.browser)
    house.ask_world(NEW, "vanish", who=gone.new_id)
    me.browser.post("/reconnect/resume")
    house.turn()
    place.join(late)
    visit.see("done-failed-and-asked", "/reconnect", who=me.browser)
    visit.see("home-with-news", "/")
    visit.see("failed-rows", "/reconnect/ledger?group=failed")
    me.browser.post("/reconnect/undo")
    visit.see("undo-running", "/reconnect", who=me.browser)
    visit.see("undoing-rows", "/reconnect/ledger")
    house.turn()
    visit.see("undone-rows", "/reconnect/ledger?group=undone")
    visit.see("home-all-taken-back", "/")


def _stopped_by_a_network(visit: Visit) -> None:
    """Three whose lanes stand still: signed out there, taken for a bulk follower, and the network is away."""
    place, house = visit.place, visit.house
    friend, signed_out, flagged, waiting = (place.somebody() for _ in range(4))
    place.join(friend)
    for me in (signed_out, flagged, waiting):
        place.join(me)
        place.bring(me, following=[friend])
        plan = place.plan(me)
        place.allow(me, plan)
        if me is signed_out:
            house.lives(NEW, me.new_id)
        elif me is flagged:
            house.ask_world(NEW, "flag", who=me.new_id)
        else:
            house.world.fail_next(NEW, "relationships", Fault.DOWN, 100)
        submit(me.browser, f"{plan}/start")
        house.turn()
    house.world.heal(NEW)
    visit.see("signed-out-there", "/reconnect", who=signed_out.browser)
    visit.see("accounts-signed-out-there", "/accounts")
    visit.see("home-signed-out-there", "/")
    visit.see("halted", "/reconnect", who=flagged.browser)
    visit.see("network-away", "/reconnect", who=waiting.browser)


def _from_files_and_accounts(visit: Visit) -> None:
    house = visit.house
    place = Neighbourhood(house, FILES)
    me, friend = place.somebody(), place.somebody()
    place.join(friend)
    place.join(me)
    place.bring(me, following=[friend])
    place.start(me, place.plan(me), by_file=FILES)
    visit.see("in-your-file", "/reconnect", who=me.browser)
    visit.see("rows-in-your-file", "/reconnect/ledger?group=handed")
    _ask_for_lists(me)
    visit.see("lists-are-read", "/archive", who=me.browser)
    house.turn()
    visit.see("lists-were-read", "/archive")
    visit.send("no-files-chosen", f"/archive/from/{FILES}/files", status=400)
    visit.send("no-lists-there", f"/archive/from/{OLD}", status=404)
    house.lives(FILES, me.new_id)
    _ask_for_lists(me)
    house.turn()
    visit.see("lists-not-read", "/archive", who=me.browser)


def _who_were_avoided(visit: Visit) -> None:
    place = visit.place
    me, friend, troll, noisy = (place.somebody() for _ in range(4))
    for one in (me, friend, troll, noisy):
        place.join(one)
    archive = _archive(me, [friend], blocked=[troll], muted=[noisy])
    hand_over(me.browser, archive, also="yes")
    visit.house.turn()
    plan = place.plan(me)
    visit.see("permissions-to-give", plan, who=me.browser)
    for purpose in ("block", "avoid"):
        me.browser.get(plan)
        me.browser.get(leave(me.browser, f"/auth/{NEW}/start", {}, holding={"purpose": purpose}))
        me.browser.allow(me.new_handle)
    visit.see("plan-with-blocks", plan, who=me.browser)
    submit(me.browser, f"{plan}/start", block=NEW, mute=NEW)
    visit.house.turn()
    visit.see("blocked-and-muted", "/reconnect", who=me.browser)
    visit.see("my-data-of-all-kinds", "/my-data")


def _here_twice(visit: Visit) -> None:
    me, other = visit.place.somebody(), visit.house.new_browser()
    me.browser.sign_in(OLD, me.old_handle)
    other.sign_in(NEW, me.new_handle)
    me.browser.sign_in(NEW, me.new_handle)
    visit.see("here-twice", "/merge", who=me.browser)


def _with_mail(visit: Visit, office: Postman) -> None:
    me = visit.place.somebody()
    visit.place.join(me)
    visit.see("no-mail", "/settings/mail", who=me.browser)
    office.greeting = b"421 away"
    visit.send("mail-not-sent", "/settings/mail", address="me@post.example", arrivals="true")
    visit.house.turn()
    visit.see("mail-late", "/settings/mail")
    office.greeting = b"220 here"
    visit.house.clock.forward(hours=1)
    visit.house.turn()
    link = next(word for word in office.text().split() if "/mail/confirm/" in word)
    address = urlsplit(link).path
    visit.see("mail-to-confirm", address)
    visit.send("mail-confirmed", address)
    visit.see("mail-choices", "/settings/mail")
    visit.see("mail-link-too-old", "/mail/confirm/of-long-ago")
    visit.send("mail-link-of-nobody", "/mail/confirm/of-long-ago", status=409)
    visit.see("mail-to-stop", "/mail/stop/of-long-ago")
    visit.send("mail-stopped", "/mail/stop/of-long-ago")


def _what_fails(visit: Visit) -> None:
    house, me = visit.house, visit.place.somebody()
    visit.place.join(me)

    def breaks() -> None:
        raise RuntimeError

    house.app.add_api_route("/breaks", breaks)
    visit.see("signed-out", "/my-data", who=house.new_browser(), status=401)
    visit.see("nothing-there", "/nothing-here", status=404)
    visit.see("broken", "/breaks", who=me.browser, status=500)
    visit.send("not-understood", "/settings", found="everybody", status=400)
    visit.see("no-plan-of-yours", "/reconnect/plans/made-up", status=404)
    visit.send("wrong-method", "/matches/found", status=405)
    with full(house.line, house.clock):
        visit.see("archive-before", "/archive")
        visit.send("in-the-queue", "/archive", status=503)
    for _ in range(rates.MAIL.account):
        me.browser.send("/settings/mail")
    visit.send("too-often", "/settings/mail", status=429)


def _at_the_desk(visit: Visit) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        desk = desks.make(visit.house.site, listening.getsockname()[1])
        with served(desk.app, listening):
            visit.eye.tab.goto(desk.url)
            visit.eye.take("desk")
            visit.send("desk-with-a-pause", "/pause", network=NEW, hours="5")


def _parting(visit: Visit) -> None:
    me = visit.place.somebody()
    visit.place.join(me)
    visit.see("never-list-me-as-a-member", "/never-list-me", who=me.browser)
    visit.see("leaving", "/leave")
    visit.send("left", "/leave")
    receipt = visit.eye.tab.locator("code.receipt").inner_text()
    visit.see("a-receipt", "/receipt")
    visit.send("receipt-is-ours", "/receipt", receipt=receipt)
    visit.send("receipt-is-not-ours", "/receipt", receipt="made up", status=400)
    visit.see("never-list-me-lifted", "/never-list-me/lift")


def _archive(
    me: Neighbour,
    following: Sequence[Neighbour],
    *,
    blocked: Sequence[Neighbour] = (),
    muted: Sequence[Neighbour] = (),
) -> bytes:
    files = archive_files(
        owner=me.number,
        handle=me.old_handle,
        following=[one.number for one in (*following, *blocked, *muted)],
        blocked=[one.number for one in blocked],
        muted=[one.number for one in muted],
    )
    return zipped(files)


def _ask_for_lists(me: Neighbour) -> None:
    me.browser.get("/archive")
    submit(me.browser, f"/archive/from/{me.network}")
