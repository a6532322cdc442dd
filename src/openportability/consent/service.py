"""Say what one agrees to; it holds everywhere from the same transaction on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from openportability.accounts import store as accounts
from openportability.accounts import twins
from openportability.consent import store
from openportability.consent.rules import (
    BESIDE,
    ELSEWHERE,
    MOST_ELSEWHERE,
    OFFERS,
    ON,
    Choice,
    Offer,
    check,
    more_private,
)
from openportability.consent.store import Consent
from openportability.db.engine import Tx
from openportability.domain import Standing, UserId
from openportability.site import Site


def choose(
    tx: Tx, site: Site, user: UserId, choice: Choice, value: str, *, locale: str, how: str
) -> None:
    """Note a choice and let it hold. Who may now be found is met again by everyone's lists."""
    check(choice, value)
    said = Consent(
        choice=choice,
        value=value,
        wording=OFFERS[choice].wording,
        locale=locale,
        how=how,
        at=site.clock.now(),
    )
    # Two answers at once must end the same way in the ledger and in what holds.
    accounts.hold(tx, user, said.at)
    before = current(tx, user).get(choice)
    if before is not None and (before.value, before.wording) == (said.value, said.wording):
        return
    store.add(tx, user, said)
    _let_hold(tx, site, user, choice, value)
    if choice is Choice.FOUND:
        accounts.meet_again(tx, user)


def joined(tx: Tx, user: UserId, other: UserId) -> dict[Choice, Consent]:
    """Return what will hold for two users who become one: of what both said, the more private."""
    said = [current(tx, user), current(tx, other)]
    holds: dict[Choice, Consent] = {}
    for choice in OFFERS:
        answers = {one[choice].value: one[choice] for one in said if choice in one}
        if answers:
            holds[choice] = answers[more_private(choice, answers)]
    return holds


def join(tx: Tx, site: Site, user: UserId, other: UserId) -> None:
    """Let what two users said be the history of one, with a new line for what holds from now on."""
    holds = joined(tx, user, other)
    store.move_history(tx, other, user)
    for choice, consent in holds.items():
        store.add(tx, user, replace(consent, how="merge", at=site.clock.now()))
        _let_hold(tx, site, user, choice, consent.value)


def remember(tx: Tx, user: UserId, said: Iterable[Consent]) -> int:
    """Keep on record what somebody said to another site, as it was said there; return how much was new.

    It is history and holds for nothing: what is to hold here is chosen here.
    """
    kept = store.history(tx, user)
    known = {replace(consent, how=ELSEWHERE) for consent in kept}
    left = MOST_ELSEWHERE - sum(consent.how == ELSEWHERE for consent in kept)
    told = dict.fromkeys(replace(one, how=ELSEWHERE) for one in said)
    new = [one for one in told if one not in known]
    newest = new[-left:] if left > 0 else []
    for one in newest:
        store.add(tx, user, one)
    return len(newest)


def current(tx: Tx, user: UserId) -> dict[Choice, Consent]:
    """Return what holds now; purposes never spoken of here are missing."""
    said = store.history(tx, user)
    return {consent.choice: consent for consent in said if consent.how != ELSEWHERE}


def wording(choice: Choice) -> str:
    """Return the version of the words that a purpose is asked in today."""
    return OFFERS[choice].wording


def reworded(tx: Tx, user: UserId, offers: Mapping[Choice, Offer] = OFFERS) -> list[Choice]:
    """Return purposes that this person answered, but in other words than today's."""
    holds = current(tx, user)
    return [choice for choice in _unasked(holds, offers) if choice in holds]


def unasked(tx: Tx, user: UserId, offers: Mapping[Choice, Offer] = OFFERS) -> list[Choice]:
    """Return purposes nobody asked this person about, or only in other words than today's."""
    return _unasked(current(tx, user), offers)


def _let_hold(tx: Tx, site: Site, user: UserId, choice: Choice, value: str) -> None:
    if choice in BESIDE:
        accounts.choose(tx, user, **{choice.value: value})
    if choice is Choice.STANDING:
        for heed in site.after_standing:
            heed(tx, user, Standing(value))
    if choice is Choice.BRIDGED:
        twins.obey(tx, site, user, wished=value == ON)


def _unasked(holds: Mapping[Choice, Consent], offers: Mapping[Choice, Offer]) -> list[Choice]:
    return [
        choice
        for choice, offer in offers.items()
        if choice not in holds or holds[choice].wording != offer.wording
    ]
