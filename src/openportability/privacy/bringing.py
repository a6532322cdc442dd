"""Takes in an export of another site: lists, choices if the person says so, and what was followed before.

The file is no proof of anything. An account in it that nobody has proved here becomes a claimed one, as
with an archive; a follow that was still wanted is not wanted here until it is chosen again, so no file
can make us follow anybody; and whom the ledger names is not looked up among the members, so no file can
learn who is here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from openportability.accounts import service as accounts_service
from openportability.accounts import store as accounts
from openportability.consent import service as consent
from openportability.consent.rules import OFF, ON, Choice
from openportability.consent.store import Consent
from openportability.db.engine import Tx
from openportability.domain import Account, AccountId, Actor, ActorId, NetworkName, UserId
from openportability.errors import Invalid, NotAllowed
from openportability.graph import store as lists
from openportability.graph.codec import sorted_set
from openportability.privacy import form
from openportability.privacy.parts import ConsentPart, Document, LedgerPart, ListPart
from openportability.privacy.rules import Brought, settled
from openportability.reconnection import history_store, lane_store
from openportability.reconnection.history_store import Past
from openportability.reconnection.ledger import Kept
from openportability.site import Site

#: Rows of a ledger that are added in one transaction.
_AT_ONCE = 500
#: Account numbers of people who are known from a file alone begin here: no row ever has one.
_ELSEWHERE = 2**62
#: Accounts that one file may claim: people have a few. Others see their names.
_MOST_CLAIMED = 5
_MOST_LETTERS = 300
_DIGITS = len(str(2**64))


def bring(site: Site, user: UserId, file: bytes, *, choices: bool, locale: str) -> Brought:
    """Take over what a file holds and this site can use; say how much that was."""
    document, unknown = form.read(file)
    with _held(site, user) as tx:
        owners = _owners(tx, site, user, document)
        lists_brought = sum(_bring_list(tx, site, owners, part) for part in document.lists)
        chosen = _choose(tx, site, user, document, locale) if choices else 0
        tx.after(lambda: site.engine.wake(lists.ARRIVED))
    past = _past_of(site, owners, document)
    return Brought(
        lists=lists_brought,
        follows=sum(
            _bring_past(site, user, past[start : start + _AT_ONCE])
            for start in range(0, len(past), _AT_ONCE)
        ),
        choices=chosen,
        left=sum(
            part.keyed or (part.network, part.actor_id) not in owners for part in document.lists
        ),
        unknown=unknown,
    )


@contextmanager
def _held(site: Site, user: UserId) -> Iterator[Tx]:
    """Write for somebody who is here; who left meanwhile is signed out."""
    with site.db.write() as tx:
        if not accounts.hold(tx, user, site.clock.now()):
            raise NotAllowed("svc.signed_out")
        yield tx


def _owners(tx: Tx, site: Site, user: UserId, document: Document) -> dict[tuple[str, str], Account]:
    """Return the person's accounts by network and id: linked here, or claimed now by the file."""
    owners = {
        (str(one.actor.network), str(one.actor.id)): one for one in accounts.accounts_of(tx, user)
    }
    taken = {network for network, _ in owners}
    claimed = 0
    for part in document.accounts:
        name = NetworkName(part.network)
        wanted = (part.network, part.actor_id)
        # Who is somebody there is not somebody else as well by a file; nor is anybody a crowd.
        if name not in site.networks or wanted in owners or part.network in taken:
            continue
        if claimed == _MOST_CLAIMED:
            break
        if site.networks[name].numeric_ids and not _is_key(part.actor_id):
            continue
        actor = Actor(
            network=name,
            instance="",  # learned when it is proved
            id=ActorId(part.actor_id),
            handle=part.handle[:_MOST_LETTERS],
            name=part.name[:_MOST_LETTERS],
            seen_at=site.clock.now(),
        )
        owners[wanted] = accounts_service.claim(tx, site, user, actor)
        claimed += 1
    return owners


def _bring_list(tx: Tx, site: Site, owners: dict[tuple[str, str], Account], part: ListPart) -> bool:
    account = owners.get((part.network, part.actor_id))
    network = site.networks.get(NetworkName(part.network))
    if part.keyed or account is None or network is None or not network.numeric_ids:
        return False
    if not all(map(_is_key, part.ids)):
        raise Invalid("import.unreadable")
    keys = sorted_set(np.array([int(one) for one in part.ids], np.uint64))
    of = lists.ListOf(
        user=account.user, network=account.actor.network, kind=part.kind, account=account.id
    )
    key = accounts.personal_key(tx, site.vault, account.user)
    now = site.clock.now()
    lists.put_list(tx, key, of, keys, taken_at=part.taken_at, imported_at=now)
    return True


def _past_of(site: Site, owners: dict[tuple[str, str], Account], document: Document) -> list[Past]:
    """Return what the ledger says of the person's accounts, the oldest row first."""
    return [
        _past(site, owners[part.network, part.by_actor_id], part)
        for part in reversed(document.ledger)
        if (part.network, part.by_actor_id) in owners and part.actor_id is not None
    ]


def _bring_past(site: Site, user: UserId, rows: Sequence[Past]) -> int:
    """Add some rows, in a transaction of their own: nobody else's change waits for all of them."""
    with _held(site, user) as tx:
        linked = {account.id: account for account in accounts.accounts_of(tx, user)}
        here = [row for row in rows if row.account in linked]
        lane_store.open_lanes(tx, user, [linked[one] for one in {row.account for row in here}])
        key = accounts.personal_key(tx, site.vault, user)
        return history_store.bring(tx, key, user, here, site.clock.now())


def _past(site: Site, account: Account, part: LedgerPart) -> Past:
    network = NetworkName(part.network)
    actor_id = ActorId(part.actor_id or "")
    whom = AccountId(_ELSEWHERE | (site.vault.actor_key(network, actor_id) >> 2))
    actor = Actor(
        network=network,
        instance=part.instance or "",
        id=actor_id,
        handle=part.handle or "",
        name="",
        seen_at=part.seen_at or part.at,
    )
    return Past(
        account=account.id,
        network=network,
        whom=whom,
        deed=part.deed,
        state=settled(part.state),
        reason=part.reason if settled(part.state) is part.state else None,
        rank=part.rank,
        kept=Kept(record=part.record, actor=actor, moved=part.moved, shown=part.shown),
        asked_at=part.asked_at,
        attempts=part.attempts,
        at=part.at,
    )


def _choose(tx: Tx, site: Site, user: UserId, document: Document, locale: str) -> int:
    """Take over choices that were made to the words of today; the others are asked again.

    What was said there before comes along as history, with its time and its words.
    """
    consent.remember(tx, user, [_said(part) for part in document.consents])
    member = document.member
    values = {
        Choice.FOUND: member.found,
        Choice.STANDING: member.standing,
        Choice.BRIDGED: ON if member.bridged else OFF,
    }
    said = {part.purpose: part.wording for part in document.consents}
    taken = 0
    for choice, value in values.items():
        if said.get(choice) == consent.wording(choice):
            consent.choose(tx, site, user, choice, value, locale=locale, how="import")
            taken += 1
    accounts.choose(tx, user, pace=member.pace)
    return taken


def _said(part: ConsentPart) -> Consent:
    return Consent(
        choice=part.purpose,
        value=part.value,
        wording=part.wording,
        locale=part.locale,
        how=part.how,
        at=part.at,
    )


def _is_key(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _DIGITS and int(text) < 2**64
