"""The pages of a simulated network: who are you, may they, a profile, an archive to download."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlencode

from openportability.clock import Clock
from openportability.domain import Deed, Purpose
from openportability.errors import Refused
from openportability.network import Asked, Document, Served
from openportability.networks.fake.archive import make_archive
from openportability.networks.fake.people import NEWCOMER
from openportability.networks.fake.residents import Role
from openportability.networks.fake.way import Line

HERE = Path(__file__).parent
SUGGESTED = 8
#: What the address of a sign-in carries from page to page.
CARRIED = ("redirect_uri", "state", "challenge", "purpose", "hint", "host")

_SOMEBODY_ELSE = """<label class="above" for="handle">Somebody else</label>
<input type="text" id="handle" name="handle" autocapitalize="none" autocomplete="off"
 placeholder="their handle">"""


class Pages:
    """What one simulated network publishes on our site, all below `/_simulated/<name>/`."""

    def __init__(
        self, line: Line, *, name: str, title: str, role: Role, base_url: str, clock: Clock
    ) -> None:
        self._line = line
        self._title = title
        self._role = role
        self._base_url = base_url
        self._clock = clock
        self.root = f"/_simulated/{name}"

    def documents(self) -> tuple[Document, ...]:
        """Return all of them."""
        pages: dict[str, Callable[[Asked], Served]] = {
            "authorize": self._authorize,
            "style.css": self._style,
            "profile": self._profile,
            "compose": self._compose,
            "people": self._people,
        }
        if self._role is Role.SOURCE:
            pages["archive"] = self._archive
        else:
            pages["follows"] = self._follows
        return tuple(Document(path=f"{self.root}/{path}", serve=do) for path, do in pages.items())

    # --- signing in ---------------------------------------------------------------------------

    def _authorize(self, asked: Asked) -> Served:
        if not asked.query.get("redirect_uri", "").startswith(f"{self._base_url}/"):
            text = "The site that sent you here is not the one this network belongs to."
            return self._page("This cannot be", f"<p>{text} Go back and start again.</p>", 400)
        if asked.method != "POST":
            return self._ask_who(asked)
        if asked.form.get("answer") != "allow":
            return self._back(asked.query, error="access_denied")
        who = asked.form.get("handle", "").strip() or asked.form.get("who", "")
        person = self._resident(who)
        if person is None or person["gone"]:
            problem = (
                f"Nobody here is called “{who}”. Choose someone below."
                if who
                else ("Choose someone, or write a handle.")
            )
            return self._ask_who(asked, problem=problem)
        told = self._line.ask(
            "grant_code",
            who=person["id"],
            redirect_uri=asked.query["redirect_uri"],
            challenge=asked.query.get("challenge", ""),
            deeds=sorted(_deeds(asked.query.get("purpose", ""))),
        )
        return self._back(asked.query, code=told["code"])

    def _back(self, query: Mapping[str, str], **answer: str) -> Served:
        answer["state"] = query.get("state", "")
        if query.get("host"):
            answer["iss"] = query["host"]
        return Served(status=303, location=f"{query['redirect_uri']}?{urlencode(answer)}")

    def _ask_who(self, asked: Asked, *, problem: str = "") -> Served:
        searched = asked.query.get("q", "")
        carried = {name: asked.query[name] for name in CARRIED if name in asked.query}
        people = self._suggested(searched, asked.query.get("hint", ""))
        action = escape(f"{self._base_url}{self.root}/authorize?{urlencode(carried)}")
        hidden = "".join(
            f'<input type="hidden" name="{name}" value="{escape(value)}">'
            for name, value in carried.items()
        )
        content = f"""
<p>This is the simulated network {escape(self._title)}. It lives in the memory of this server:
nobody here is real, and no password is needed.</p>
{f'<p class="note problem" role="alert">{escape(problem)}</p>' if problem else ""}
<form method="get" action="{escape(self._base_url + self.root)}/authorize" role="search">
{hidden}<label class="above" for="q">Search the people who live here</label>
<input type="search" id="q" name="q" value="{escape(searched)}">
<button>Search</button>
</form>
<form method="post" action="{action}">
<fieldset><legend>I am</legend>
{_choices(people) or "<p>Nobody here has such a name.</p>"}
{_SOMEBODY_ELSE}
</fieldset>
{_rights(asked.query.get("purpose", ""))}
<p><button class="first" name="answer" value="allow">Allow</button>
<button name="answer" value="deny">Do not allow</button></p>
</form>"""
        return self._page("Who are you?", content, 400 if problem else 200)

    def _suggested(self, searched: str, hint: str) -> Sequence[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = self._line.ask("people", query=searched, limit=SUGGESTED)[
            "people"
        ]
        first = None if searched else self._resident(hint or NEWCOMER)
        if first is None or first["gone"]:
            return found
        return [first, *(one for one in found if one["id"] != first["id"])]

    # --- the rest -----------------------------------------------------------------------------

    def _style(self, asked: Asked) -> Served:
        return Served(body=(HERE / "style.css").read_bytes(), media_type="text/css; charset=utf-8")

    def _profile(self, asked: Asked) -> Served:
        person = self._resident(asked.query.get("person", ""))
        if person is None or person["gone"]:
            return self._page("Nobody here", "<p>This account does not exist.</p>", 404)
        content = f"<p>{escape(person['handle'])} · {escape(self._title)}</p>"
        if person["moved_to"]:
            link = f"{self.root}/profile?{urlencode({'person': person['moved_to']})}"
            content += f'<p class="note">They moved to <a href="{escape(link)}">here</a>.</p>'
        return self._page(person["name"], content)

    def _compose(self, asked: Asked) -> Served:
        """Show a text that somebody may post; nothing is posted here."""
        return self._page("Your post", f"<p>{escape(asked.query.get('text', ''))}</p>")

    def _people(self, asked: Asked) -> Served:
        """List who lives here, as JSON: `?q=`, `limit`, `skip`. The demo signs them in."""
        told = self._line.ask(
            "people",
            query=asked.query.get("q", ""),
            limit=_number(asked.query.get("limit", ""), 100),
            skip=_number(asked.query.get("skip", ""), 0),
        )
        return _json(told)

    def _follows(self, asked: Asked) -> Served:
        """Tell whom somebody follows here, as JSON: `?person=`. One entry a follow."""
        person = self._resident(asked.query.get("person", ""))
        if person is None:
            return self._page("Nobody here", "<p>This account does not exist.</p>", 404)
        return _json(self._line.ask("follows_of", who=person["id"]))

    def _archive(self, asked: Asked) -> Served:
        who = next(
            filter(None, (asked.query.get(name) for name in ("person", "handle", "who"))), ""
        )
        if not who:
            return self._ask_whose()
        person = self._resident(who)
        if person is None:
            return self._page("Nobody here", "<p>This account does not exist.</p>", 404)
        circle = self._line.ask("circle", who=person["id"])
        now = self._clock.now()
        return Served(
            body=make_archive(person, **circle, now=now),
            media_type="application/zip",
            download=f"archive-{person['handle']}-{now:%Y-%m-%d}.zip",
        )

    def _ask_whose(self) -> Served:
        """Ask whose archive it is to be, where a real network would have them sign in."""
        content = f"""
<p>A real network takes a day or two to make it; here it is ready at once.</p>
<form method="get" action="{escape(self._base_url + self.root)}/archive">
<fieldset><legend>I am</legend>
{_choices(self._suggested("", ""))}
{_SOMEBODY_ELSE}
</fieldset>
<p><button class="first">Download my archive</button></p>
</form>
<p><a href="{escape(self._base_url)}/archive">Back to OpenPortability</a></p>"""
        return self._page("Whose archive?", content)

    def _resident(self, who: str) -> dict[str, Any] | None:
        try:
            person: dict[str, Any] = self._line.ask("person", who=who)
        except Refused:
            return None
        return person

    def _page(self, heading: str, content: str, status: int = 200) -> Served:
        page = Template((HERE / "page.html").read_text(encoding="utf-8")).substitute(
            heading=escape(f"{heading} — {self._title}"),
            style=escape(f"{self.root}/style.css"),
            content=content,
        )
        return Served(body=page.encode(), status=status)


def _choices(people: Sequence[Mapping[str, Any]]) -> str:
    return "".join(
        f'<label class="person"><input type="radio" name="who" value="{escape(one["id"])}"'
        f"{' checked' if number == 0 else ''}>"
        f"<span>{escape(one['name'])}<br>{escape(one['handle'])}</span></label>"
        for number, one in enumerate(people)
    )


def _rights(purpose: str) -> str:
    rights = ["<li>see who you are</li>"]
    deeds = _deeds(purpose)
    if Deed.FOLLOW in deeds:
        rights.append("<li>see whom you follow</li>")
    rights += [
        f"<li>{deed} people for you, and take that back</li>" for deed in Deed if deed in deeds
    ]
    return f'<div class="note"><p>OpenPortability asks to:</p><ul>{"".join(rights)}</ul></div>'


def _deeds(purpose: str) -> frozenset[Deed]:
    return Purpose(purpose).deeds if purpose in set(Purpose) else frozenset()


def _json(told: Mapping[str, object]) -> Served:
    return Served(body=json.dumps(told).encode(), media_type="application/json")


def _number(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() else default
