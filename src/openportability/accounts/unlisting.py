"""Never list me: people who are no members prove an account once, and nobody is ever led to it.

They do not become members by it, and what their network granted for the proof is ended at once.
"""

from __future__ import annotations

from collections.abc import Mapping

from openportability.accounts import (
    service,
    session_store,
    store,
    twin_store,
    unlisting_store,
)
from openportability.db.engine import Tx
from openportability.domain import Actor, NetworkName
from openportability.errors import Conflict, Invalid
from openportability.site import Site
from openportability.web.i18n import to_translate as _

#: Where a sign-in goes back to that is a proof for this, and no joining.
NEVER = "/never-list-me"
LIFT = "/never-list-me/lift"
#: What is said afterwards.
SAID = {
    NEVER: _("Done. Nobody will ever be led to this account here."),
    LIFT: _("Done. You may be listed again, if you join and say so."),
}


def finish(site: Site, network: NetworkName, answer: Mapping[str, str], *, browser: str) -> str:
    """Finish such a proof and let it count at once; return which of the two it was."""
    flow, proved = service.prove(site, network, answer, browser=browser)
    if proved.grant is not None:
        with site.db.write() as tx:
            service.end_grant(tx, site, proved.grant)
    if flow.next not in (NEVER, LIFT):
        raise Invalid("auth.mixed_up")
    actor, now = proved.actor, site.clock.now()
    with site.db.write() as tx:
        if flow.next == LIFT:
            unlisting_store.lift(tx, site.vault, actor)
            _meet_claims_again(tx, actor)
            return flow.next
        holder = service.holder_of(tx, site, actor)
        if holder is not None:
            raise Conflict("auth.member_here")
        unlisting_store.never_list(tx, site.vault, actor, now)
        twin_store.drop_as(tx, actor)
        _meet_claims_again(tx, actor)
    return flow.next


def _meet_claims_again(tx: Tx, actor: Actor) -> None:
    """Let all see anew who only claims to be an actor. The claim stays as it is: to lose it would tell who asked."""
    for claim in store.claims_of(tx, actor.network, actor.id):
        store.meet_again(tx, claim.user)


def is_meant(site: Site, state: str) -> bool:
    """Say whether the sign-in of a state is such a proof, without taking it."""
    with site.db.read(single=True) as tx:
        goes_back = session_store.next_of(tx, site.vault, site.vault.token_hash(state))
    return goes_back in (NEVER, LIFT)
