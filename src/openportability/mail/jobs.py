"""Mails leave, and what they are about is looked for. No request waits for a mail server."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from openportability.domain import UserId
from openportability.jobs.port import Chore, Job, Wake
from openportability.mail import service, smtp, store
from openportability.mail.rules import CONFIRM_WITHIN, GIVE_UP_AFTER
from openportability.mail.smtp import Outcome
from openportability.site import Site

log = logging.getLogger(__name__)

_LOOK, _NOTICE = "mail-look", "mail-notice"
_MOST = 200


def work(site: Site) -> tuple[list[Job], list[Chore]]:
    """Return the jobs and chores of this folder."""

    def due() -> Iterable[Wake]:
        with site.db.read() as tx:
            waiting = store.due_mails(tx, site.clock.now(), _MOST)
        return [Wake(job=service.SEND, key=str(number)) for number in waiting]

    def looks() -> Iterable[Wake]:
        with site.db.read() as tx:
            due = store.due_looks(tx, site.clock.now(), _MOST)
            signed_out = store.to_notice(tx, _MOST)
        return [
            *(Wake(job=_LOOK, key=str(user)) for user in due),
            *(Wake(job=_NOTICE, key=str(user)) for user in signed_out),
        ]

    def look(key: str) -> None:
        with site.db.write() as tx:
            service.look(tx, site, UserId(int(key)))

    def notice(key: str) -> None:
        with site.db.write() as tx:
            service.notice(tx, site, UserId(int(key)))

    def purge() -> Iterable[Wake]:
        with site.db.write() as tx:
            store.drop_unconfirmed(tx, site.clock.now() - CONFIRM_WITHIN)
        return ()

    return (
        [
            Job(name=service.SEND, run=lambda key: _send(site, int(key))),
            Job(name=_LOOK, run=look),
            Job(name=_NOTICE, run=notice),
        ],
        [
            Chore(name="mails", seconds=30, look=due),
            Chore(name="mail-looks", seconds=600, look=looks),
            Chore(name="purge-addresses", seconds=3600, look=purge),
        ],
    )


def _send(site: Site, number: int) -> None:
    now = site.clock.now()
    with site.db.write() as tx:
        waiting = store.take(tx, number, now)
        if waiting is None:
            return
        made = service.envelope(tx, site, waiting)
        if made is None:
            store.drop_mail(tx, number)
            return
    outcome = _hand_over(site, made)
    if outcome is not Outcome.LATER or now - waiting.at >= GIVE_UP_AFTER:
        with site.db.write() as tx:
            store.drop_mail(tx, number)


def _hand_over(site: Site, made: service.Envelope) -> Outcome:
    if site.settings.smtp_url:
        return smtp.send(site.settings, made.message, made.to)
    if site.settings.production:
        return Outcome.LATER
    plain = made.message.get_body(("plain",))
    text = "" if plain is None else str(plain.get_content())
    # For who develops: the log names nobody, so the address is not in it.
    log.info("mail", extra={"subject": made.message["Subject"], "text": text})
    return Outcome.SENT
