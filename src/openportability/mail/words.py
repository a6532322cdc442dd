"""What mails say, in the language being spoken: one set of words for the plain text and for the HTML.

No name, handle or network stands in a mail: it is read by servers that are not ours.
"""

from __future__ import annotations

from dataclasses import dataclass

from openportability.mail.rules import Mail
from openportability.web import i18n, render


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A mail before it is put into an envelope."""

    subject: str
    text: str
    html: str
    #: Where one click ends all mail; empty for the one that asks.
    stop: str


def letter(kind: Mail, n: int, *, home: str, confirm: str, stop: str) -> Letter:
    """Write a mail. Addresses are whole: of the site, of the link to confirm, and of the one that ends it."""
    subject, lines, href, action = _said(kind, n, home, confirm)
    asked = kind is Mail.CONFIRM
    foot = (
        i18n.gettext("If that was not you, do nothing: no mail will follow.")
        if asked
        else i18n.gettext("You get this because you asked for it. To end all mail from us:")
    )
    end = "" if asked else stop
    text = "\n\n".join([*lines, f"{action}:\n{href}", f"-- \n{foot}\n{end}".rstrip()]) + "\n"
    html = render.letter(
        "mail/letter.html",
        subject=subject,
        lines=lines,
        href=href,
        action=action,
        foot=foot,
        stop=end,
        home=home,
    )
    return Letter(subject=subject, text=text, html=html, stop=end)


def _said(kind: Mail, n: int, home: str, confirm: str) -> tuple[str, list[str], str, str]:
    _ = i18n.gettext
    if kind is Mail.CONFIRM:
        lines = [
            _("Somebody gave this address to OpenPortability, to be written to now and then."),
            _("If that was you, say so within three days."),
        ]
        return _("May we write to you?"), lines, confirm, _("Confirm my address")
    if kind is Mail.ARRIVALS:
        subject = i18n.ngettext(
            "%(count)s person you followed has arrived.",
            "%(count)s people you followed have arrived.",
            n,
        )
        lines = [subject, _("We name nobody in a mail. You see who it is when you sign in.")]
        return subject, lines, f"{home}/matches", _("See who is here")
    subject = _("A network wants you to sign in again before we can go on.")
    lines = [subject, _("Until then nobody is followed for you there. We write this once.")]
    return subject, lines, f"{home}/reconnect", _("See which one")
