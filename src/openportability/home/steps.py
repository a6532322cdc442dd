"""The journey, and where a person is on it. Pure but for the language of its words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from openportability.domain import Standing
from openportability.web import i18n

#: Within so many days a day of the week says which one is meant.
_WEEK_DAYS = 7


@dataclass(frozen=True, kw_only=True)
class State:
    """What a person has done so far."""

    accounts: int
    can_follow: bool
    #: Some network was told that we may follow people for them.
    may_follow: bool
    lists: int
    matches: int
    done: int
    waiting: int
    #: They undid what was followed for them, and nothing of it is left.
    taken_back: bool
    #: People who wait for their word, each once, on however many networks.
    proposed: int
    #: Who came since they last looked at their matches, and when that was; None: never.
    arrived: int
    looked_at: datetime | None
    now: datetime
    #: A network wants them to sign in again; another only misses a permission.
    signed_out: bool
    to_allow: bool
    #: A choice they made is asked in other words now.
    reworded: bool
    standing: Standing
    #: They said what is to happen when somebody arrives later, be it nothing.
    chosen: bool


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step; `state` is done, current or next."""

    title: str
    text: str
    href: str
    state: str


@dataclass(frozen=True, kw_only=True)
class News:
    """Something that wants to be known, with a way on."""

    text: str
    href: str
    action: str


def journey(state: State) -> list[Step]:
    """Return the five steps; the first that is not done is the current one."""
    _ = i18n.gettext
    began = bool(state.done or state.waiting or state.taken_back)
    wished = state.standing is not Standing.OFF
    linked = state.accounts > 1 and state.can_follow
    steps = [
        (
            # Who sees this has proved one account at least.
            _("Prove who you are") if linked else _("Link your other accounts"),
            _("Sign in on the network you left, and on those where you live now."),
            "/accounts#link",
            linked,
        ),
        (
            _("Bring your lists"),
            _("The two lists of your archive: whom you follow, and who follows you."),
            "/archive",
            state.lists > 0,
        ),
        (
            _("See who is here"),
            _("Of the people you followed, and where they live now."),
            "/matches",
            state.matches > 0 and began,
        ),
        (
            _("Reconnect"),
            _("You took everything back. You can make a new plan whenever you like.")
            if state.taken_back
            else _("With all of them, or with those you pick."),
            "/reconnect",
            not state.taken_back and (bool(state.done) or (began and state.may_follow)),
        ),
        (
            _("Stay reconnected"),
            _("It needs your permission to follow people for you.")
            if wished and not state.may_follow
            else _("Choose what happens when someone arrives later."),
            "/reconnect" if wished else "/settings",
            state.chosen and (state.may_follow or not wished),
        ),
    ]
    current = next((at for at, (*_rest, done) in enumerate(steps) if not done), len(steps))
    return [
        Step(
            title=title,
            text=text,
            href=href,
            state="done" if done else ("current" if at == current else "next"),
        )
        for at, (title, text, href, done) in enumerate(steps)
    ]


def news(state: State) -> list[News]:
    """Return what a person should know now."""
    _ = i18n.gettext
    found = []
    if state.signed_out:
        found.append(
            News(
                text=_("A network wants you to sign in again before we can go on."),
                href="/reconnect",
                action=_("See which one"),
            )
        )
    if state.to_allow:
        found.append(
            News(
                text=_("A network waits for your permission before we can go on."),
                href="/reconnect",
                action=_("See which one"),
            )
        )
    if state.reworded:
        found.append(
            News(
                text=_("The words of a choice you made have changed. Please answer again."),
                href="/settings",
                action=_("See your choices"),
            )
        )
    if state.arrived:
        since = int(state.looked_at.timestamp()) if state.looked_at else 0
        address = f"/matches?show=all&since={since}&order=newest"
        found.append(News(text=_arrived(state), href=address, action=_("See who")))
    if state.proposed:
        text = i18n.ngettext(
            "%(count)s person who arrived waits for your word.",
            "%(count)s people who arrived wait for your word.",
            state.proposed,
        )
        found.append(News(text=text, href="/reconnect", action=_("Decide")))
    return found


def _arrived(state: State) -> str:
    """Say how many came since the day of the last look; on the same day it need not be said since when."""
    last = state.looked_at
    ago = (state.now.date() - last.date()).days if last else 0
    if last is None or ago == 0:
        return i18n.ngettext(
            "%(count)s person you followed has arrived.",
            "%(count)s people you followed have arrived.",
            state.arrived,
        )
    if ago < _WEEK_DAYS:
        return i18n.ngettext(
            "%(count)s person you followed has arrived since %(weekday)s.",
            "%(count)s people you followed have arrived since %(weekday)s.",
            state.arrived,
            weekday=i18n.weekday(last),
        )
    return i18n.ngettext(
        "%(count)s person you followed has arrived since %(date)s.",
        "%(count)s people you followed have arrived since %(date)s.",
        state.arrived,
        date=i18n.date(last),
    )
