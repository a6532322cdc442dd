"""Where a person is, as an export tells it: their accounts, and the copies that bridges keep of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from openportability.accounts import grant_store, twin_store
from openportability.db.engine import Tx
from openportability.domain import Account, UserId
from openportability.privacy.parts import AccountPart, CopyPart


def accounts(tx: Tx, user: UserId, mine: Sequence[Account]) -> Iterator[AccountPart]:
    """Yield their accounts, and what each network lets us do."""
    may_follow = grant_store.may_follow(tx, user)
    for one in mine:
        yield AccountPart(
            network=one.actor.network,
            instance=one.actor.instance,
            actor_id=one.actor.id,
            handle=one.actor.handle,
            name=one.actor.name,
            avatar=one.actor.avatar,
            seen_at=one.actor.seen_at,
            proof=one.proof,
            can_follow=one.id in may_follow,
            number=one.actor.number,
        )


def copies(tx: Tx, user: UserId, mine: Sequence[Account]) -> Iterator[CopyPart]:
    """Yield the copies that bridges keep of them."""
    originals = {account.id: account.actor for account in mine}
    for one in twin_store.of_users(tx, [user]):
        yield CopyPart(
            network=one.actor.network,
            instance=one.actor.instance,
            actor_id=one.actor.id,
            handle=one.actor.handle,
            name=one.actor.name,
            avatar=one.actor.avatar,
            seen_at=one.actor.seen_at,
            of_network=originals[one.account].network,
            of_actor_id=originals[one.account].id,
        )
