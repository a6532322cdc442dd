"""Who are you, and where: begin and finish a sign-in, link, unlink, keep grants alive."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

from openportability.accounts import (
    grant_store,
    rules,
    session_store,
    store,
    twins,
    unlisting_store,
)
from openportability.accounts.rules import Meaning
from openportability.accounts.session_store import Flow, SessionKind
from openportability.db.engine import Tx
from openportability.domain import (
    Account,
    AccountId,
    Actor,
    ActorId,
    Grant,
    Key,
    NetworkName,
    Proof,
    Purpose,
    UserId,
)
from openportability.errors import Conflict, Invalid, NotFound
from openportability.jobs.port import Wake
from openportability.network import Network, Proved, SignIn
from openportability.site import Site
from openportability.vault import Unreadable


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A sign-in that succeeded."""

    meaning: Meaning
    user: UserId
    account: Account
    next: str


def network_of(site: Site, name: str) -> Network:
    """Return a loaded network by its name."""
    network = site.networks.get(NetworkName(name))
    if network is None:
        raise NotFound
    return network


def key_of(site: Site, network: NetworkName, actor_id: ActorId) -> Key:
    """Return the 64 bits by which lists know an actor: the id itself where ids are numbers."""
    if site.networks[network].numeric_ids:
        return Key(int(actor_id))
    return Key(site.vault.actor_key(network, actor_id))


def begin(
    site: Site,
    network: NetworkName,
    *,
    typed: str,
    purpose: Purpose,
    browser: str,
    user: UserId | None,
    expected: Account | None,
    next_path: str,
    language: str,
) -> str:
    """Start a sign-in and return where the browser goes. `browser` is a secret only it knows."""
    state = secrets.token_urlsafe(32)
    begun = _sign_in(site, network).begin(
        typed=typed,
        purpose=purpose,
        redirect_uri=f"{site.settings.base_url}/auth/{network}/callback",
        state=state,
        language=language,
    )
    flow = Flow(
        network=network,
        purpose=purpose,
        browser=site.vault.token_hash(browser).hex(),
        user=user,
        expected=expected.actor.id if expected else None,
        next=next_path,
        secret=begun.secret,
    )
    with site.db.write(single=True) as tx:
        state_hash = site.vault.token_hash(state)
        session_store.open_flow(tx, site.vault, state_hash, flow, site.clock.now())
    return begun.url


def finish(
    site: Site,
    network: NetworkName,
    answer: Mapping[str, str],
    *,
    browser: str,
    user: UserId | None,
    locale: str,
    session: int | None = None,
) -> Finished:
    """Finish the sign-in that `answer` belongs to, and give the proved actor its place.

    The state must be one of ours, unused, not older than ten minutes, for this network, and from
    the browser that began. A `session` that was ended while the network was asked signs nobody in any more.
    """
    flow, proved = prove(site, network, answer, browser=browser)
    if flow.expected is not None and proved.actor.id != flow.expected:
        _discard(site, proved)
        raise Invalid("auth.wrong_account")
    while True:
        try:
            return _settled(site, flow, proved, user=user, session=session, locale=locale)
        except store.HeldMeanwhile:
            continue  # proved twice in the same moment: now it has a holder
        except Conflict:
            _discard(site, proved)
            raise


def prove(
    site: Site, network: NetworkName, answer: Mapping[str, str], *, browser: str
) -> tuple[Flow, Proved]:
    """Take the sign-in that `answer` belongs to, and return it with who was proved."""
    flow = _taken(site, network, answer.get("state", ""), browser)
    return flow, _sign_in(site, network).finish(secret=flow.secret, answer=answer)


def is_kept(site: Site, grant: Grant) -> bool:
    """Say whether this very grant is one that we live by."""
    with site.db.read() as tx:
        holder = store.account_of_actor(tx, grant.network, grant.actor_id)
        if holder is None:
            return False
        key = store.personal_key(tx, site.vault, holder.user)
        kept = grant_store.live_grant(tx, key, holder.id)
    return kept is not None and kept.secret == grant.secret


def forget_grant(site: Site, account: Account) -> None:
    """Note that the network no longer accepts the grant: only signing in again brings one."""
    with site.db.write() as tx:
        grant_store.kill_grant(tx, account.id)


def account_id(site: Site, shown: str) -> AccountId:
    """Return the number behind an account's id as shown; an invented one is nobody's."""
    return AccountId(_number(site, "account", shown))


def session_id(site: Site, shown: str) -> int:
    """Return the number behind a session's id as shown; an invented one is nobody's."""
    return _number(site, "session", shown)


def own_account(tx: Tx, user: UserId, account_id: AccountId) -> Account:
    """Return an account of this user; anybody else's is not found."""
    account = store.account(tx, account_id)
    if account is None or account.user != user:
        raise NotFound
    return account


def claim(tx: Tx, site: Site, user: UserId, actor: Actor) -> Account:
    """Link an actor that only an archive speaks for, whoever else is that actor: nobody is told.

    Nor whether that actor asked never to be listed: then it leads nobody anywhere (`matching.silence`). It stands
    behind a proof wherever the proof is shown (`matching.through`).
    """
    # Two archives at once would both find nothing of it.
    store.hold(tx, user, site.clock.now())
    for mine in store.accounts_of(tx, user):
        if (mine.actor.network, mine.actor.id) == (actor.network, actor.id):
            return mine
    key = key_of(site, actor.network, actor.id)
    return store.add_account(tx, user, actor, key, Proof.CLAIMED)


def part_with(site: Site, user: UserId, account_id: AccountId) -> Account:
    """Unlink an account of a user, once nothing is asked of its network for it any more; return which it was."""
    with site.db.read() as tx:
        account = own_account(tx, user, account_id)
        _refuse_the_last(tx, account)
    site.cease(account)
    with site.db.write() as tx:
        # Asked again: it may have gone meanwhile, or be the last one by now.
        unlink(tx, site, own_account(tx, user, account_id))
    return account


def unlink(tx: Tx, site: Site, account: Account) -> None:
    """Forget an account with its lists, and end its grant at the network."""
    # Two at once would each take the other one for the last.
    store.hold(tx, account.user, site.clock.now())
    _refuse_the_last(tx, account)
    _end_grant_of(tx, site, account)
    drop(tx, site, account)


def _refuse_the_last(tx: Tx, account: Account) -> None:
    if rules.is_last_proof(account, store.accounts_of(tx, account.user)):
        raise Conflict("auth.last_account")


def holder_of(tx: Tx, site: Site, actor: Actor, *, user: UserId | None = None) -> Account | None:
    """Return who proved to be an actor that has just been proved, else the claim of this one user.

    Where the server says that it is another person by now, the account of whom it was ends here:
    what they brought is not handed on. Only their own session goes on with it.
    """
    holder = store.account_of_actor(tx, actor.network, actor.id, or_claimed_by=user)
    if holder is None or not rules.is_somebody_else(holder.actor, actor):
        return holder
    store.hold(tx, holder.user, site.clock.now())
    _end_grant_of(tx, site, holder)
    if holder.user == user:
        return holder
    drop(tx, site, holder)
    return store.account_of_actor(tx, actor.network, actor.id, or_claimed_by=user)


def _end_grant_of(tx: Tx, site: Site, account: Account) -> None:
    key = store.personal_key(tx, site.vault, account.user)
    grant = grant_store.live_grant(tx, key, account.id)
    if grant is not None:
        end_grant(tx, site, grant)
        grant_store.kill_grant(tx, account.id)


def end_grant(tx: Tx, site: Site, grant: Grant) -> None:
    """Have a grant ended at its network, at once if it answers, else later."""
    number = grant_store.queue_revocation(tx, site.vault, grant, site.clock.now())
    tx.after(lambda: site.engine.wake(Wake(job="revoke", key=str(number))))


def sign_in(tx: Tx, site: Site, user: UserId, *, kind: SessionKind, name: str) -> str:
    """Open a session and return its token, which nobody but its holder will ever have."""
    token = secrets.token_urlsafe(32)
    token_hash = site.vault.token_hash(token)
    session_store.open_session(tx, token_hash, user, kind, name, site.clock.now())
    return token


def _number(site: Site, kind: str, shown: str) -> int:
    try:
        return site.vault.read_id(kind, shown)
    except Unreadable:
        raise NotFound from None


def _sign_in(site: Site, name: NetworkName) -> SignIn:
    sign_in_way = network_of(site, name).sign_in
    if sign_in_way is None:
        raise NotFound
    return sign_in_way


def _taken(site: Site, network: NetworkName, state: str, browser: str) -> Flow:
    """Take the sign-in of a state, which is found by a keyed hash: no time tells what is stored."""
    now = site.clock.now()
    try:
        with site.db.write() as tx:
            taken = session_store.take_flow(tx, site.vault, site.vault.token_hash(state))
    except Unreadable:
        taken = None  # not what we sealed for this state
    if taken is None:
        raise Invalid("auth.replayed")
    flow, ends_at = taken
    if now >= ends_at:
        raise Invalid("auth.expired")
    if flow.network != network:
        raise Invalid("auth.mixed_up")
    if not secrets.compare_digest(flow.browser, site.vault.token_hash(browser).hex()):
        raise Invalid("auth.replayed")
    return flow


def _settled(
    site: Site, flow: Flow, proved: Proved, *, user: UserId | None, session: int | None, locale: str
) -> Finished:
    actor = proved.actor
    with site.db.write() as tx:
        if user is not None and not store.hold(tx, user, site.clock.now()):
            user = None  # they left while the network was asked
        if session is not None and not session_store.is_open(tx, session):
            user = None  # they signed out meanwhile, maybe everywhere and elsewhere
        holder = holder_of(tx, site, actor, user=user)
        meaning = rules.meaning(flow.user, user, holder)
        if meaning is Meaning.TAKEN and holder is not None:
            raise rules.Taken(holder)
        if meaning in rules.REFUSED:
            raise Conflict(rules.REFUSED[meaning])
        if unlisting_store.is_never_listed(tx, site.vault, actor):
            raise Conflict("auth.never_listed")
        account = _place(tx, site, holder, actor, user, locale)
        _keep_grant(tx, site, account, proved.grant)
        if meaning is not Meaning.BACK:
            twins.arrive(tx, site, account)
    return Finished(meaning=meaning, user=account.user, account=account, next=flow.next)


def _place(
    tx: Tx, site: Site, holder: Account | None, actor: Actor, user: UserId | None, locale: str
) -> Account:
    now = site.clock.now()
    if holder is not None:
        store.hold(tx, holder.user, now)
        store.see_actor(tx, holder.id, actor)
        if holder.proof is Proof.CLAIMED:
            store.prove(tx, holder.id)
        return replace(holder, actor=actor, proof=Proof.PROVED)
    owner = user or store.create_user(tx, site.vault, locale, now)
    key = key_of(site, actor.network, actor.id)
    return store.add_account(tx, owner, actor, key, Proof.PROVED)


def drop(tx: Tx, site: Site, account: Account) -> None:
    """Forget an account, whoever holds it, with all that later stages keep of it."""
    for end in site.before_unlink:
        end(tx, account)
    store.drop_account(tx, account.id)


def _keep_grant(tx: Tx, site: Site, account: Account, grant: Grant | None) -> None:
    if grant is None:
        return
    key = store.personal_key(tx, site.vault, account.user)
    kept = rules.keep(grant_store.live_grant(tx, key, account.id), grant)
    if kept.revoke is not None:
        end_grant(tx, site, kept.revoke)
    grant_store.put_grant(tx, key, account.user, account.id, kept.grant, site.clock.now())


def _discard(site: Site, proved: Proved) -> None:
    if proved.grant is not None:
        with site.db.write() as tx:
            end_grant(tx, site, proved.grant)
