"""One mail to the operator's mail server. What went wrong is told without words: they may hold the address.

`smtps` speaks TLS from the start, `smtp` by STARTTLS, which only a server of this machine may lack.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from enum import Enum, auto
from urllib.parse import unquote, urlsplit

from openportability.settings import LOOPBACK_HOSTS, Settings

_SECONDS = 15.0
_SUBMISSION, _SMTPS = 587, 465
_FOR_GOOD = 500


class Outcome(Enum):
    """What became of a mail."""

    SENT = auto()
    #: The server is away, or says later; or it refuses us, which the operator mends.
    LATER = auto()
    #: The address is refused for good.
    NEVER = auto()


def send(settings: Settings, message: EmailMessage, to: str) -> Outcome:
    """Hand one mail over."""
    try:
        with _connected(settings) as server:
            server.sendmail(settings.mail_from, [to], message.as_bytes())
    except smtplib.SMTPRecipientsRefused as refused:
        codes = [code for code, _ in refused.recipients.values()]
        return Outcome.NEVER if min(codes) >= _FOR_GOOD else Outcome.LATER
    except (OSError, smtplib.SMTPException):
        return Outcome.LATER
    return Outcome.SENT


def trouble(settings: Settings) -> str:
    """Say what keeps the mail server from taking mail of ours, as the name of an error; empty: nothing."""
    try:
        with _connected(settings) as server:
            server.noop()
    except (OSError, smtplib.SMTPException) as error:
        return type(error).__name__
    return ""


@contextmanager
def _connected(settings: Settings) -> Iterator[smtplib.SMTP]:
    parts = urlsplit(settings.smtp_url)
    host = parts.hostname or ""
    us = urlsplit(settings.base_url).hostname or ""
    tls = ssl.create_default_context()
    if settings.extra_ca_file is not None:
        tls.load_verify_locations(settings.extra_ca_file)
    if parts.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            host, parts.port or _SMTPS, us, timeout=_SECONDS, context=tls
        )
    else:
        server = smtplib.SMTP(host, parts.port or _SUBMISSION, us, timeout=_SECONDS)
    with server:
        server.ehlo_or_helo_if_needed()
        if parts.scheme == "smtp" and (host not in LOOPBACK_HOSTS or server.has_extn("starttls")):
            server.starttls(context=tls)
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        yield server
