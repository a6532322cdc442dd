"""The journey, and where a person is on it. Pure but for the language of its words."""

from __future__ import annotations

from dataclasses import dataclass

from openportability.domain import Standing
from openportability.web import i18n


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
    proposed: int
    signed_out: bool
    #: A choice they made is asked in other words now.
    reworded: bool
    standing: Standing


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
    chosen = state.standing is not Standing.OFF
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
            if chosen and not state.may_follow
            else _("Choose what happens when someone arrives later."),
            "/reconnect" if chosen else "/settings",
            chosen and state.may_follow,
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
    if state.reworded:
        found.append(
            News(
                text=_("The words of a choice you made have changed. Please answer again."),
                href="/settings",
                action=_("See your choices"),
            )
        )
    if state.proposed:
        text = i18n.ngettext(
            "%(count)s person you followed has arrived.",
            "%(count)s people you followed have arrived.",
            state.proposed,
        ) % {"count": i18n.number(state.proposed)}
        found.append(News(text=text, href="/reconnect", action=_("Decide")))
    return found
