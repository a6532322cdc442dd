"""Which mails there are, to what addresses, and how long one is tried. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from openportability.consent.rules import Choice
from openportability.errors import Invalid


class Mail(StrEnum):
    """Why somebody is written to."""

    CONFIRM = "confirm"
    #: People they followed have arrived.
    ARRIVALS = "arrivals"
    #: A network wants them to sign in again.
    SIGN_IN = "sign_in"


#: What must have been agreed to for a mail; the one that asks for that needs nothing.
PURPOSES: Mapping[Mail, Choice] = {
    Mail.ARRIVALS: Choice.ARRIVALS_MAIL,
    Mail.SIGN_IN: Choice.SIGN_IN_MAIL,
}
#: An address that nobody confirmed is erased, and so is a mail that nobody took.
CONFIRM_WITHIN = GIVE_UP_AFTER = timedelta(days=3)
#: Between two mails about arrivals; and until the next look when there was nothing to tell.
TELL_AGAIN, LOOK_AGAIN = timedelta(days=7), timedelta(days=1)
SETTLED_AFTER = timedelta(minutes=2)

_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=6)
_MOST_CHARACTERS = 254
#: ASCII alone: other names are written to by few servers, and look like what they are not. No space, no
#: line end and no comma, so that an address cannot become a second one or a header.
_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}"
)


def address(typed: str) -> str:
    """Return an address as it is written to; raise `Invalid` for what cannot be one."""
    text = typed.strip(" ")
    if len(text) > _MOST_CHARACTERS or not _ADDRESS.fullmatch(text):
        raise Invalid(field="address")
    return text


def again_at(tries: int, now: datetime) -> datetime:
    """Return when a mail is tried again that was tried so often: later and later."""
    doubled: int = 1 << min(tries, 16)
    return now + min(_FIRST_WAIT * doubled, _LONGEST_WAIT)
