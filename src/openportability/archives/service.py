"""Takes a person's archive: reads it, sees whose it is, replaces their lists. No file is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from openportability.accounts import service as accounts
from openportability.accounts import spent_store
from openportability.accounts import store as account_store
from openportability.accounts.spent_store import Budget
from openportability.archives import archive, reader, report, store, wire
from openportability.archives.archive import Archive
from openportability.archives.gather import Upload
from openportability.archives.report import ListReport, Report, Way
from openportability.archives.rules import Caps, Owner, check_owner
from openportability.clock import moment
from openportability.db.engine import Tx
from openportability.domain import Account, Actor, Kind, NetworkName, UserId
from openportability.errors import Busy, Invalid, NotFound
from openportability.graph import store as graph
from openportability.graph import store as lists
from openportability.network import ArchiveFormat, Network
from openportability.site import Site
from openportability.vault import PersonalKey, Unreadable

#: The job of a later stage: lists have arrived, see who of these people is here.
_DAY = timedelta(days=1)
#: Sees the owner, and refuses by raising.
Check = Callable[[Owner | None], object]
_OPT_IN = frozenset({Kind.BLOCKED, Kind.MUTED})


def sources(site: Site) -> list[Network]:
    """Return the networks whose archives can be read."""
    networks = site.networks.values()
    return [each for each in networks if each.source is not None and each.source.archive]


def accept(
    site: Site,
    user: UserId,
    files: Sequence[Upload],
    *,
    also: AbstractSet[Kind],
    network: str | None = None,
    caps: Caps | None = None,
) -> tuple[str, Report]:
    """Read an archive and replace the user's lists by those in it; return the report and its id.

    Without `network` it is the first that archives come from. Raise `Invalid` for an archive that
    cannot be read or is not the user's: then nothing was changed.
    """

    def read(form: ArchiveFormat, caps: Caps, check: Check) -> Archive:
        return archive.read(form, files, also=also, caps=caps, check=check)

    return _accept(site, user, read, network, caps)


def accept_lists(
    site: Site,
    user: UserId,
    body: BinaryIO,
    *,
    network: str | None = None,
    caps: Caps | None = None,
) -> tuple[str, Report]:
    """Do the same with the lists that a browser has read; see `wire`."""

    def read(form: ArchiveFormat, caps: Caps, check: Check) -> Archive:
        found = wire.decode(form, body, caps)
        check(found.owner)
        return found

    return _accept(site, user, read, network, caps)


def _accept(
    site: Site,
    user: UserId,
    read_by: Callable[[ArchiveFormat, Caps, Check], Archive],
    network: str | None,
    caps: Caps | None,
) -> tuple[str, Report]:
    source, form = _format(site, network)
    caps = caps or Caps()
    now = site.clock.now()
    with site.db.read() as tx:
        mine = accounts_on(tx, user, source.name)
        check_pace(tx, site, user, caps)
    read = read_by(form, caps, lambda owner: check_owner(owner, mine))
    with site.db.write() as tx:
        # Asked again: what was linked may have changed while the archive was read.
        account = check_owner(read.owner, accounts_on(tx, user, source.name))
        if account is None:
            assert read.owner is not None  # or check_owner refuses
            account = accounts.claim(tx, site, user, _claimed(source.name, read.owner, now))
        number, made = replace_lists(tx, site, account, read, Way.ARCHIVE)
    return shown_id(site, number), made


def replace_lists(
    tx: Tx, site: Site, account: Account, read: Archive, way: Way
) -> tuple[int, Report]:
    """Put lists that were read in place of an account's, and have them met; return the report."""
    user, now = account.user, site.clock.now()
    key = account_store.personal_key(tx, site.vault, user)
    made = _replaced(tx, key, account, read, way, now)
    kept = report.to_bytes(made)
    number = store.add_report(tx, key, user, account.actor.network, kept, now)
    tx.after(lambda: site.engine.wake(lists.ARRIVED))
    return number, made


def shown_id(site: Site, number: int) -> str:
    """Return the id of a report as it is shown."""
    return site.vault.show_id("archive", number)


def report_of(site: Site, user: UserId, shown_id: str) -> Report:
    """Return one of the user's reports."""
    try:
        number = site.vault.read_id("archive", shown_id)
    except Unreadable:
        raise NotFound from None
    with site.db.read() as tx:
        return _report(tx, site, user, number)


def newest_report(tx: Tx, site: Site, user: UserId) -> Report | None:
    """Return the report of the user's last archive."""
    number = store.newest(tx, user)
    return None if number is None else _report(tx, site, user, number)


def inspect(form: ArchiveFormat, paths: Sequence[Path]) -> Archive:
    """Read an archive from files of this machine. Nothing is stored."""
    with ExitStack() as stack:
        files = [
            Upload(name=path.name, file=stack.enter_context(path.open("rb"))) for path in paths
        ]
        return archive.read(form, files, also=_OPT_IN, caps=Caps())


def inspection(site: Site, network: str | None, paths: Sequence[Path], *, as_json: bool) -> str:
    """Say what is in an archive, for people or for programs. Nothing is stored."""
    _, form = _format(site, network)
    missing = next((path for path in paths if not path.is_file()), None)
    if missing is not None:
        raise Invalid("archive.corrupt_file", file=str(missing))
    found = inspect(form, paths)
    return json.dumps(_as_tree(found), indent=2) if as_json else _as_text(found)


def _format(site: Site, network: str | None) -> tuple[Network, ArchiveFormat]:
    for source in sources(site):
        form = source.source.archive if source.source else None
        if form is not None and network in {None, source.name}:
            return source, form
    raise NotFound


def accounts_on(tx: Tx, user: UserId, network: NetworkName) -> list[Account]:
    """Return a user's accounts on one network."""
    linked = account_store.accounts_of(tx, user)
    return [account for account in linked if account.actor.network == network]


def check_pace(tx: Tx, site: Site, user: UserId, caps: Caps) -> None:
    """Raise `Busy` for who has brought as much as one may in a day, here or before they came again."""
    now = site.clock.now()
    moments = store.moments_since(tx, user, now - _DAY)
    left = caps.uploads_a_day - _brought_before(tx, site, user)
    if left <= 0:
        raise Busy(now + _DAY)
    if len(moments) >= left:
        raise Busy(moment(moments[-left]) + _DAY)


def keep_spent(tx: Tx, site: Site, account: Account) -> None:
    """Keep how much was brought within a day, beyond an account that goes."""
    now = site.clock.now()
    brought = len(store.moments_since(tx, account.user, now - _DAY))
    spent = brought + _brought_before(tx, site, account.user)
    spent_store.keep(tx, site.vault, Budget.UPLOADS, account, spent, now + _DAY)


def _brought_before(tx: Tx, site: Site, user: UserId) -> int:
    kept = spent_store.kept(tx, site.vault, Budget.UPLOADS, [user], site.clock.now())
    return kept.get(user, 0)


def _claimed(network: NetworkName, owner: Owner, now: datetime) -> Actor:
    handle = owner.handle or owner.id
    # On which server it lives is learned when it is proved.
    return Actor(network=network, instance="", id=owner.id, handle=handle, name=handle, seen_at=now)


def _replaced(
    tx: Tx, key: PersonalKey, account: Account, read: Archive, way: Way, now: datetime
) -> Report:
    user, network = account.user, account.actor.network
    lists, brought = [], []
    for kind, keys in read.lists.items():
        before = graph.open_list(tx, key, user, account.id, kind)
        changed = asdict(reader.changes(before, keys))
        of = graph.ListOf(user=user, network=network, kind=kind, account=account.id)
        brought.append((of, keys))
        lists.append(ListReport(kind=kind, count=int(keys.size), first=before is None, **changed))
    graph.put_lists(tx, key, brought, taken_at=read.generated_at, imported_at=now)
    return Report(
        network=network,
        way=way,
        actor_id=account.actor.id,
        handle=account.actor.handle,
        proof=account.proof,
        generated_at=read.generated_at,
        at=now,
        read=read.files,
        lists=lists,
        warnings=read.warnings,
        ignored=read.ignored,
    )


def _report(tx: Tx, site: Site, user: UserId, number: int) -> Report:
    key = account_store.personal_key(tx, site.vault, user)
    kept = store.report(tx, key, user, number)
    if kept is None:
        raise NotFound
    return report.from_bytes(kept)


def _as_tree(found: Archive) -> dict[str, object]:
    return {
        "owner": asdict(found.owner) if found.owner else None,
        "generated_at": found.generated_at.isoformat() if found.generated_at else None,
        "lists": {
            kind.value: {"count": int(keys.size), "sha256": reader.checksum(keys)}
            for kind, keys in found.lists.items()
        },
        "read": [asdict(file) for file in found.files],
        "warnings": [asdict(notice) for notice in found.warnings],
        "ignored": found.ignored,
    }


def _as_text(found: Archive) -> str:
    owner = f"{found.owner.handle or '?'} ({found.owner.id})" if found.owner else "not said"
    made = f"{found.generated_at:%Y-%m-%d %H:%M} UTC" if found.generated_at else "not said"
    lines = [f"owner: {owner}", f"made: {made}"]
    lines += [
        f"{kind.value}: {keys.size}, sha256 {reader.checksum(keys)}"
        for kind, keys in found.lists.items()
    ]
    lines += [
        f"read {file.file}: {file.count} rows, {file.duplicates} repeated, {file.skipped} skipped"
        for file in found.files
    ]
    lines.append(f"left alone: {found.ignored} files")
    lines += [f"notice {notice.code}: {dict(notice.detail)}" for notice in found.warnings]
    return "\n".join(lines)
