"""States in words and colours: of a reconnection, a match, a lane, an account's proof."""

from __future__ import annotations

from collections.abc import Mapping

from openportability.web.i18n import to_translate as _

#: State → tone of its badge, and its word for the catalogues.
STATES: Mapping[str, tuple[str, str]] = {
    "proposed": ("ask", _("you are asked")),
    "handed": ("wait", _("in your file")),
    "ready": ("wait", _("waiting")),
    "requested": ("wait", _("pending approval")),
    "followed": ("good", _("followed")),
    "already": ("good", _("already following")),
    "refused": ("bad", _("not possible")),
    "gone": ("off", _("no longer there")),
    "undoing": ("wait", _("being taken back")),
    "undone": ("off", _("taken back")),
    "cancelled": ("off", _("not sent")),
    "blocked": ("good", _("blocked")),
    "muted": ("good", _("muted")),
    "new": ("ask", _("new")),
    "done": ("good", _("done")),
    "pending": ("wait", _("pending")),
    "dismissed": ("off", _("set aside")),
    "open": ("good", _("at work")),
    "paused": ("off", _("paused")),
    "signed_out": ("bad", _("waits for you")),
    "halted": ("bad", _("stopped")),
    "proved": ("good", _("proved")),
    "claimed": ("ask", _("not proved")),
    "mutual": ("good", _("mutual")),
}
