"""Give an address and confirm it, choose what one is written about, end it; and make the mails themselves.

The row of an address and the consents say the same, and both are asked when a mail is sent: who withdraws
while one waits gets none.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache

from openportability.accounts import store as accounts
from openportability.accounts.people import User
from openportability.consent import service as consent
from openportability.consent.rules import OFF, ON
from openportability.db.engine import Tx
from openportability.domain import UserId
from openportability.errors import Conflict, NotFound
from openportability.jobs.port import Wake
from openportability.mail import links, news, rules, store, words
from openportability.mail.links import Verb
from openportability.mail.rules import (
    CONFIRM_WITHIN,
    LOOK_AGAIN,
    PURPOSES,
    SETTLED_AFTER,
    TELL_AGAIN,
    Mail,
)
from openportability.mail.store import Address, Waiting
from openportability.settings import Settings
from openportability.site import Site
from openportability.web import i18n

SEND = "mail"


@dataclass(frozen=True, kw_only=True)
class Held:
    """What the page shows of a person's mail."""

    address: str
    confirmed: bool
    wanted: frozenset[Mail]
    #: Something was tried and not taken yet.
    late: bool


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """A mail, and to whom."""

    to: str
    message: EmailMessage


def writes(settings: Settings) -> bool:
    """Say whether this site writes mails at all: where it does not, no address is asked for."""
    return bool(settings.smtp_url) or not settings.production


# --- the person's own verbs -------------------------------------------------------------------


def held(tx: Tx, site: Site, user: UserId) -> Held | None:
    """Return where a person is written to and what about."""
    key = accounts.personal_key(tx, site.vault, user)
    given = store.address_of(tx, key, user)
    if given is None:
        return None
    confirmed = given.confirmed_at is not None
    return Held(
        address=given.address,
        confirmed=confirmed,
        wanted=frozenset(_agreed(tx, user) if confirmed else given.wanted),
        late=any(tries for _, tries in store.waiting_of(tx, user)),
    )


def give(tx: Tx, site: Site, user: UserId, typed: str, wanted: Collection[Mail]) -> None:
    """Note an address and ask it whether it is right; nothing else is sent there before."""
    if not writes(site.settings):
        raise NotFound
    address = rules.address(typed)
    now = site.clock.now()
    accounts.hold(tx, user, now)
    key = accounts.personal_key(tx, site.vault, user)
    end(tx, site, user, locale=i18n.speaking().code, how="page")
    store.put_address(tx, key, user, address, sorted(wanted), now)
    _put(tx, site, user, Mail.CONFIRM, 0)


def choose(tx: Tx, site: Site, user: UserId, wanted: Collection[Mail], *, locale: str) -> None:
    """Say what one is written about from now on. Nothing: the address is erased with it."""
    if not wanted:
        end(tx, site, user, locale=locale, how="page")
    elif store.given_at(tx, user) is not None:
        _say(tx, site, user, wanted, locale=locale, how="page")
        for kind in PURPOSES.keys() - set(wanted):
            store.drop_mails(tx, user, kind)


def end(tx: Tx, site: Site, user: UserId, *, locale: str, how: str) -> None:
    """Withdraw everything about mail, and erase the address."""
    for kind in _agreed(tx, user):
        consent.choose(tx, site, user, PURPOSES[kind], OFF, locale=locale, how=how)
    store.drop_address(tx, user)


def confirm(tx: Tx, site: Site, token: str, *, locale: str) -> None:
    """Let what was ticked count, for who reads mail at the address; raise `Conflict` for an old link."""
    user = _about(tx, site, token, Verb.CONFIRM)
    now = site.clock.now()
    if user is None or not accounts.hold(tx, user, now):
        raise Conflict("mail.link")
    key = accounts.personal_key(tx, site.vault, user)
    given = store.address_of(tx, key, user)
    if given is None:
        raise Conflict("mail.link")
    if given.confirmed_at is not None:
        return
    if given.given_at < now - CONFIRM_WITHIN:
        raise Conflict("mail.link")
    store.note_confirmed(tx, user, now)
    store.drop_mails(tx, user, Mail.CONFIRM)
    _say(tx, site, user, given.wanted, locale=locale, how="mail")


def end_by_link(tx: Tx, site: Site, token: str, *, locale: str) -> None:
    """End all mail to where a link was sent. The same is told whether there was any."""
    user = _about(tx, site, token, Verb.STOP)
    if user is not None:
        end(tx, site, user, locale=locale, how="mail")


def join(tx: Tx, site: Site, user: UserId) -> None:
    """Keep the address of who is signed in when another user becomes one with them.

    Consents were joined before; where they say no, nothing is kept that nothing uses.
    """
    if not (store.given_at(tx, user) is not None and _agreed(tx, user)):
        end(tx, site, user, locale=i18n.speaking().code, how="merge")


# --- what is written ---------------------------------------------------------------------------


def look(tx: Tx, site: Site, user: UserId) -> None:
    """Count who arrived; write about it if it is somebody, at most once a week."""
    now = site.clock.now()
    given = _confirmed(tx, site, user)
    if given is None or given.look_at > now:
        return
    wanted = Mail.ARRIVALS in _agreed(tx, user)
    # Matches know seconds, and a sweep that is under way may still write what it saw a while ago.
    until = now.replace(microsecond=0) - SETTLED_AFTER
    count = news.arrived(tx, site, user, given.told_at, until) if wanted else 0
    if count:
        store.note_told(tx, user, until, now + TELL_AGAIN)
        _put(tx, site, user, Mail.ARRIVALS, count)
    else:
        store.look_later(tx, user, now + LOOK_AGAIN)


def notice(tx: Tx, site: Site, user: UserId) -> None:
    """Write once that a network wants the person to sign in; again only after they did."""
    given = _confirmed(tx, site, user)
    if given is None:
        return
    signed_out = store.is_signed_out(tx, user)
    if signed_out and not given.noticed and Mail.SIGN_IN in _agreed(tx, user):
        _put(tx, site, user, Mail.SIGN_IN, 0)
    store.note_noticed(tx, user, noticed=signed_out)


def envelope(tx: Tx, site: Site, waiting: Waiting) -> Envelope | None:
    """Return a mail as it is sent today; None when it is not wanted any more."""
    chosen = accounts.user(tx, waiting.user)
    if chosen is None:
        return None
    key = accounts.personal_key(tx, site.vault, waiting.user)
    given = store.address_of(tx, key, waiting.user)
    if given is None or not _is_wanted(tx, given, waiting):
        return None
    return Envelope(to=given.address, message=_message(site, chosen, given, waiting))


def _confirmed(tx: Tx, site: Site, user: UserId) -> Address | None:
    if not store.hold(tx, user):
        return None
    given = store.address_of(tx, accounts.personal_key(tx, site.vault, user), user)
    return given if given is not None and given.confirmed_at is not None else None


def _is_wanted(tx: Tx, given: Address, waiting: Waiting) -> bool:
    if waiting.kind is Mail.CONFIRM:
        return given.confirmed_at is None
    return given.confirmed_at is not None and waiting.kind in _agreed(tx, waiting.user)


def _message(site: Site, chosen: User, given: Address, waiting: Waiting) -> EmailMessage:
    languages = _languages()
    language = languages.get(chosen.locale, i18n.ENGLISH)
    home = f"{site.settings.base_url}/{language.code}"
    confirm, stop = (
        f"{home}/mail/{verb}/{links.make(site.vault, verb, waiting.user, given.given_at)}"
        for verb in Verb
    )
    with i18n.spoken(language):
        letter = words.letter(waiting.kind, waiting.n, home=home, confirm=confirm, stop=stop)
    sender = site.settings.mail_from or "openportability@localhost"
    message = EmailMessage()
    message["From"] = f"OpenPortability <{sender}>"
    message["To"] = given.address
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(waiting.at)
    # The same at each try: who gets it twice sees one.
    name = site.vault.show_id("mail", waiting.id)
    message["Message-ID"] = f"<{name}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    if letter.stop:
        # RFC 8058: the button of the mail program, without a visit.
        message["List-Unsubscribe"] = f"<{letter.stop}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    return message


def _put(tx: Tx, site: Site, user: UserId, kind: Mail, n: int) -> None:
    number = store.put_mail(tx, user, kind, n, site.clock.now())
    tx.after(lambda: site.engine.wake(Wake(job=SEND, key=str(number))))


def _agreed(tx: Tx, user: UserId) -> list[Mail]:
    """Return what a person agreed to be written about, in the words of today."""
    holds = consent.current(tx, user)
    return [
        kind
        for kind, choice in PURPOSES.items()
        if choice in holds
        and (holds[choice].value, holds[choice].wording) == (ON, consent.wording(choice))
    ]


def _say(
    tx: Tx, site: Site, user: UserId, wanted: Collection[Mail], *, locale: str, how: str
) -> None:
    for kind, choice in PURPOSES.items():
        value = ON if kind in wanted else OFF
        consent.choose(tx, site, user, choice, value, locale=locale, how=how)


def _about(tx: Tx, site: Site, token: str, verb: Verb) -> UserId | None:
    user = links.user_of(site.vault, token)
    given_at = None if user is None else store.given_at(tx, user)
    if user is None or given_at is None:
        return None
    return user if links.fits(site.vault, token, verb, user, given_at) else None


@cache
def _languages() -> dict[str, i18n.Language]:
    return dict(i18n.load_languages())
