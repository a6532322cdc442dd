"""Lists from a linked account: read page by page through its grant, or from files that it exported.

Both end where an archive's lists do. A reading is a row: killed at any point, it goes on after the
last page that was kept.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

import numpy as np

from openportability.accounts import refresh
from openportability.accounts import service as accounts
from openportability.accounts import store as account_store
from openportability.archives import handles, rules, store
from openportability.archives.archive import Archive
from openportability.archives.fetch import Claimed, Fetch, FetchState, Progress
from openportability.archives.gather import Upload
from openportability.archives.handles import Written
from openportability.archives.reader import ReadFile
from openportability.archives.report import Report, Way
from openportability.archives.rules import Caps
from openportability.archives.service import (
    accounts_on,
    check_pace,
    keep_spent,
    replace_lists,
    shown_id,
)
from openportability.clock import monotonic
from openportability.db.engine import Tx
from openportability.domain import Account, AccountId, Actor, ActorId, Kind, NetworkName, UserId
from openportability.errors import NetworkError, NotFound
from openportability.graph.codec import Keys, sorted_set
from openportability.jobs.port import Wake
from openportability.network import OwnLists, Source
from openportability.site import Site

#: The job that goes on with a reading.
READ_LISTS = "read-lists"
#: How long a worker reads before it keeps what it has; well inside the lease.
_SLICE_SECONDS = 20.0
#: Readings woken by one look; the rest is found by the next.
_AT_ONCE = 1000
_OPT_IN = frozenset({Kind.BLOCKED, Kind.MUTED})


def accept_files(
    site: Site,
    user: UserId,
    network: str,
    files: Sequence[Upload],
    *,
    also: AbstractSet[Kind],
    account: AccountId | None = None,
    caps: Caps | None = None,
) -> tuple[str, Report]:
    """Read exported files and replace an account's lists by them; return the report and its id."""
    name, form = NetworkName(network), _source(site, network).files
    if form is None:
        raise NotFound
    caps = caps or Caps()
    with site.db.read() as tx:
        owner = rules.account_to_read(accounts_on(tx, user, name), account)
        check_pace(tx, site, user, caps)
    written = handles.read(form, files, owner.actor.handle, also=also, caps=caps)
    with site.db.write() as tx:
        # Asked again: it may have been unlinked while the files were read.
        owner = rules.account_to_read(accounts_on(tx, user, name), owner.id)
        number, made = replace_lists(tx, site, owner, _named(tx, site, name, written), Way.FILES)
    return shown_id(site, number), made


def begin(
    site: Site,
    user: UserId,
    network: str,
    *,
    also: AbstractSet[Kind],
    account: AccountId | None = None,
) -> Fetch:
    """Have an account's lists read, from the beginning unless that is under way."""
    name, reader, now = NetworkName(network), _reader(site, network), site.clock.now()
    with site.db.write() as tx:
        owner = rules.account_to_read(accounts_on(tx, user, name), account)
        before = store.fetches_of(tx, user).get(owner.id)
        if before is not None and before.state is FetchState.READING:
            return before
        check_pace(tx, site, user, Caps())
        kinds = [kind for kind in reader.kinds if kind not in _OPT_IN or kind in also]
        key = account_store.personal_key(tx, site.vault, user)
        store.begin_fetch(tx, key, owner, Progress(left=kinds), now)
        tx.after(lambda: site.engine.wake(Wake(job=READ_LISTS, key=str(owner.id))))
        return store.fetches_of(tx, user)[owner.id]


def due(site: Site) -> list[AccountId]:
    """Return the readings to go on with now, of networks that are still switched on."""
    networks = [
        name for name, network in site.networks.items() if network.source and network.source.lists
    ]
    with site.db.read() as tx:
        return store.due_fetches(tx, networks, site.clock.now(), _AT_ONCE)


def read_on(site: Site, account: AccountId) -> bool:
    """Go on with a reading for a while; say whether it is to go on at once."""
    claimed = _claim(site, account)
    if claimed is None:
        return False
    failure: NetworkError | None = None
    try:
        _read(site, claimed)
    except NetworkError as error:
        failure = error
    return _release(site, claimed, failure)


def end_account(tx: Tx, site: Site, account: Account) -> None:
    """Forget a reading, in the transaction that unlinks its account; not how much was brought in a day."""
    keep_spent(tx, site, account)
    store.drop_fetch(tx, account.id)


def _claim(site: Site, account: AccountId) -> Claimed | None:
    token = secrets.token_hex(16)
    with site.db.write() as tx:
        leased = store.lease_fetch(tx, account, token, site.clock.now())
        owner = account_store.account(tx, account)
        if leased is None or owner is None:
            return None
        user, sealed, failures = leased
        key = account_store.personal_key(tx, site.vault, user)
        progress = store.open_progress(key, account, sealed)
    return Claimed(token=token, account=owner, progress=progress, failures=failures)


def _read(site: Site, claimed: Claimed) -> None:
    account, progress = claimed.account, claimed.progress
    reader = _reader(site, account.actor.network)
    until = monotonic() + _SLICE_SECONDS
    grant = refresh.usable_grant(site, account)
    while progress.left and monotonic() < until:
        page = reader.page(grant, progress.left[0], progress.cursor)
        progress.take(page, _keys(site, account.actor, page.actors))
        if progress.left:
            time.sleep(reader.gap_seconds)


def _release(site: Site, claimed: Claimed, failure: NetworkError | None) -> bool:
    account, progress, now = claimed.account, claimed.progress, site.clock.now()
    with site.db.write() as tx:
        # Not ours any more where it was unlinked, or so slow that another worker took it.
        if not store.hold_fetch(tx, account.id, claimed.token):
            return False
        key = account_store.personal_key(tx, site.vault, account.user)
        if failure is None and not progress.left:
            number, _ = replace_lists(tx, site, account, _fetched(progress), Way.ACCOUNT)
            store.end_fetch(tx, key, account.id, number, progress.count)
            return False
        again = rules.again_at(failure, claimed.failures, now) if failure else now
        store.keep_fetch(
            tx,
            key,
            account.id,
            progress,
            next_at=again,
            reason=failure.code if failure else None,
            failures=claimed.failures + 1 if failure else 0,
        )
    return failure is None


def _fetched(progress: Progress) -> Archive:
    return Archive(
        owner=None,
        generated_at=None,
        lists={kind: each.keys for kind, each in progress.lists.items()},
        files=[
            ReadFile(
                file="",
                kind=kind,
                count=each.rows,
                duplicates=each.rows - int(each.keys.size),
                skipped=0,
            )
            for kind, each in progress.lists.items()
        ],
        warnings=(),
        ignored=0,
    )


def _named(tx: Tx, site: Site, network: NetworkName, written: Written) -> Archive:
    lists: dict[Kind, Keys] = {}
    for kind, named in written.lists.items():
        here = account_store.ids_by_handle(tx, network, list(named))
        ids = (here.get(handle, usual) for handle, usual in named.items())
        keys = (accounts.key_of(site, network, one) for one in ids)
        lists[kind] = sorted_set(np.fromiter(keys, np.uint64, len(named)))
    return Archive(
        owner=None,
        generated_at=None,
        lists=lists,
        files=written.files,
        warnings=written.warnings,
        ignored=written.ignored,
    )


def _keys(site: Site, owner: Actor, actors: Iterable[ActorId]) -> Iterable[int]:
    return [accounts.key_of(site, owner.network, actor) for actor in actors]


def _source(site: Site, network: str) -> Source:
    loaded = site.networks.get(NetworkName(network))
    if loaded is None or loaded.source is None:
        raise NotFound
    return loaded.source


def _reader(site: Site, network: str) -> OwnLists:
    lists = _source(site, network).lists
    if lists is None:
        raise NotFound
    return lists
