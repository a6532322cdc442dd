"""How rows, matches and reasons are shown: ids that nobody can count or guess, codes in words."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from openportability.clock import Watch
from openportability.db.engine import Tx
from openportability.domain import Account, Deed, NetworkName, UserId
from openportability.errors import NotFound, OpenPortabilityError
from openportability.network import Network
from openportability.reconnection import service, store
from openportability.reconnection.ledger import Reconnection
from openportability.reconnection.rules import LaneState, State
from openportability.reconnection.service import Line, Progress
from openportability.site import Site
from openportability.vault import PersonalKey, Unreadable
from openportability.web import i18n, problems

_MATCH = "match"


@dataclass(frozen=True, kw_only=True)
class ShownAccount:
    """An account with its network and the id that forms carry."""

    account: Account
    network: Network
    id: str


def accounts(site: Site, some: Iterable[Account]) -> list[ShownAccount]:
    """Return accounts as pages show them."""
    return [
        ShownAccount(
            account=account,
            network=site.networks[account.actor.network],
            id=site.vault.show_id("account", account.id),
        )
        for account in some
        if account.actor.network in site.networks
    ]


def titles(site: Site) -> dict[NetworkName, Network]:
    """Return the networks by name."""
    return dict(site.networks)


def match_ids(key: PersonalKey, users: Iterable[UserId]) -> list[str]:
    """Return the id of each match: another one for each who looks at the same person."""
    blocks = key.block_all(_MATCH, users)
    return [base64.b32encode(block).decode().rstrip("=").lower() for block in blocks]


def read_match(key: PersonalKey, shown: str) -> UserId:
    """Return the user behind a match's id."""
    try:
        return UserId(key.unblock(_MATCH, base64.b32decode(shown.upper() + "======")))
    except (binascii.Error, ValueError, Unreadable):
        raise NotFound from None


def row_id(site: Site, row: Reconnection) -> str:
    """Return the id of a row of the ledger."""
    return site.vault.show_id("reconnection", row.id)


def read_id(site: Site, kind: str, text: str) -> int:
    """Return the number behind an id as shown; an invented one is nobody's."""
    try:
        return site.vault.read_id(kind, text)
    except Unreadable:
        raise NotFound from None


def name(line: Line) -> str:
    """Return how a row's person is called."""
    if line.whom is None:
        return i18n.gettext("Someone who left")
    return line.whom.actor.name or line.whom.actor.handle


def ledger_at(group: str, after: str) -> str:
    """Return the address of a part of the ledger."""
    asked = {"group": group, "after": after}
    return f"/reconnect/ledger?{urlencode({k: v for k, v in asked.items() if v})}".rstrip("?")


def reason(site: Site, code: str | None, account: Account) -> tuple[str, str] | None:
    """Return in words why an account is not served: what happened, what to do."""
    if code is None:
        return None
    at = {"network": account.actor.network, "host": account.actor.instance}
    return problems.words_of(OpenPortabilityError(code, **at), site.networks)


def reason_words(site: Site, lines: Sequence[Line]) -> dict[int, tuple[str, str]]:
    """Return the reasons of these rows in words, by the number of the row."""
    return {
        line.row.id: problems.words_of(
            OpenPortabilityError(line.row.reason, network=line.row.network), site.networks
        )
        for line in lines
        if line.row.reason
    }


def progress(tx: Tx, site: Site, user: UserId) -> dict[str, Any]:
    """Return what the page of how it goes is made of."""
    lines = service.progress(tx, site, user)
    return {
        "lines": lines,
        "titles": titles(site),
        "reasons": {line.account.id: reason(site, line.reason, line.account) for line in lines},
        "running": any(line.under_way for line in lines),
        "clock_jumped": site.memory.of(Watch).look(site.clock) is not None,
        "paused": any(line.state in (LaneState.PAUSED, LaneState.HALTED) for line in lines),
        "stoppable": any(_has(line, State.READY) for line in lines),
        "undoable": any(_has(line, State.FOLLOWED, State.REQUESTED) for line in lines)
        and store.has_made(tx, user),
        "signed_out": accounts(
            site, [line.account for line in lines if line.state is LaneState.SIGNED_OUT]
        ),
    }


def started(follows: int, first: Mapping[Deed, int], already: int, *, waits: bool) -> str:
    """Say what a plan has put on its way, how many the person follows already, and whether a permission is missing."""
    blocks, mutes = first[Deed.BLOCK], first[Deed.MUTE]
    if not (follows or blocks or mutes):
        return i18n.gettext("This plan was started.")
    said = []
    if follows:
        text = i18n.ngettext(
            "%(count)s follow is on its way.", "%(count)s follows are on their way.", follows
        )
        said.append(text % {"count": i18n.number(follows)})
    if blocks:
        text = i18n.ngettext("%(count)s block goes first.", "%(count)s blocks go first.", blocks)
        said.append(text % {"count": i18n.number(blocks)})
    if mutes:
        text = i18n.ngettext("%(count)s mute goes first.", "%(count)s mutes go first.", mutes)
        said.append(text % {"count": i18n.number(mutes)})
    if follows and already:
        text = i18n.ngettext(
            "%(count)s person you follow already.", "%(count)s you follow already.", already
        )
        said.append(text % {"count": i18n.number(already)})
    if waits:
        said.append(i18n.gettext("What needs your permission waits until you give it below."))
    return " ".join(said)


def _has(line: Progress, *states: State) -> bool:
    """Say whether a follow, a block or a mute is in one of these states."""
    all_of = (line.counts, *line.avoided.values())
    return any(by.get(state) for by in all_of for state in states)
