"""Whom I knew, where they are now: what a person is shown of their match set, decided when it is read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from openportability.accounts import store as accounts
from openportability.accounts.people import Listed
from openportability.clock import moment
from openportability.db.engine import Tx
from openportability.domain import (
    Account,
    AccountId,
    Key,
    Kind,
    Match,
    NetworkName,
    Proof,
    UserId,
)
from openportability.graph import store as lists
from openportability.jobs.port import Wake
from openportability.matching import rules, store, sweep
from openportability.matching.rules import Bit
from openportability.matching.sets import Met
from openportability.site import Site


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which matches a person means: all, these, or those a filter shows."""

    #: None: not by hand.
    users: frozenset[UserId] | None = None
    #: None: no filter, that is all that are not dismissed.
    filter: Filter | None = None


@dataclass(frozen=True, kw_only=True)
class Filter:
    """What the matches page is narrowed to."""

    text: str = ""
    network: NetworkName | None = None
    mutual_only: bool = False
    dismissed: bool = False


def matches_of(tx: Tx, site: Site, user: UserId) -> list[Match]:
    """Return everyone a user may see, in the order of the page, dismissed ones included."""
    key = accounts.personal_key(tx, site.vault, user)
    met = {row.account: row for row in store.open_set(tx, key, user)}
    people = set(accounts.owners_of(tx, list(met)).values()) - {user}
    shown = _shown(accounts.listed_of(tx, sorted(people)), met)
    theirs: dict[UserId, list[Account]] = defaultdict(list)
    for account in accounts.accounts_of_all(tx, sorted(shown)):
        theirs[account.user].append(account)
    brought = {held.of.network for held in lists.lists_of(tx, user) if _holds_follows(held)}
    matches = [
        _match(other, through, theirs[other], met, brought) for other, through in shown.items()
    ]
    return sorted(matches, key=rules.order)


def narrowed(matches: Iterable[Match], by: Filter) -> list[Match]:
    """Return the matches that a filter lets through."""
    text = by.text.strip().lstrip("@").casefold()
    return [
        match
        for match in matches
        if match.dismissed == by.dismissed
        and (not by.mutual_only or match.evidence.mutual)
        and (by.network is None or any(a.actor.network == by.network for a in match.accounts))
        and (not text or any(text in words for words in _words(match)))
    ]


def chosen(tx: Tx, site: Site, user: UserId, selection: Selection) -> list[Match]:
    """Return the matches that a selection means now.

    Who only claims to be somebody, or is not in the list that would hold them, is never part of
    *all* or of a filter: only picked by hand.
    """
    matches = matches_of(tx, site, user)
    if selection.users is not None:
        return [match for match in matches if match.user in selection.users]
    shown = narrowed(matches, selection.filter or Filter())
    return [match for match in shown if not rules.by_hand_only(match)]


def set_dismissed(
    tx: Tx, site: Site, user: UserId, others: Collection[UserId], *, dismissed: bool
) -> int:
    """Put matches aside, or take them back; return how many there were."""
    opened = store.lock_sets(tx, site.vault, [user])
    meant = [match for match in matches_of(tx, site, user) if match.user in others]
    for own in opened.values():
        own.rows.dismiss(
            [account.id for match in meant for account in match.accounts], dismissed=dismissed
        )
    store.put_sets(tx, opened)
    return len(meant)


def end_account(tx: Tx, site: Site, account: Account) -> None:
    """Forget what was known through an account, in the transaction that unlinks it."""
    sweep.forget_account(tx, site, account)
    tx.after(lambda: site.engine.wake(Wake(job="people-arrived", key="all")))


def join(tx: Tx, site: Site, user: UserId, other: UserId) -> None:
    """Let one user know whom two have met, before the accounts of the other become theirs.

    What lists say of the two together is what they say of each; the next sweep tells the others.
    """
    opened = store.lock_sets(tx, site.vault, sorted([user, other]))
    own = [account.id for account in accounts.accounts_of_all(tx, [user, other])]
    mine, theirs = opened[user], opened[other]
    mine.rows.take(theirs.rows, but=own)
    waiting = [at for at in (mine.again_at, theirs.again_at) if at is not None]
    mine.again_at = min(waiting, default=None)
    store.put_sets(tx, {user: mine})
    store.add_answers(tx, user, other)


def _holds_follows(held: lists.Held) -> bool:
    return held.of.kind is Kind.FOLLOWING


def _shown(lines: Iterable[Listed], met: Mapping[AccountId, Met]) -> dict[UserId, set[AccountId]]:
    """Return who is shown, and through which of their accounts.

    Of those who are one actor only the proof is shown, else the oldest claim. A claim beside a
    proof that I may not see is shown as if there were none: else its absence would tell of it.
    """
    through: list[Listed] = []
    avoided: set[UserId] = set()
    for line in lines:
        bits = met[line.account].bits if line.account in met else Bit.NONE
        if Bit.AVOIDED in bits:
            avoided.add(line.user)
        elif rules.may_show(bits, line.found) and (
            met[line.account].answered or not rules.costs(bits)
        ):
            through.append(line)
    foremost: dict[tuple[NetworkName, Key], Listed] = {}
    for line in sorted(through, key=lambda line: (line.proof is Proof.CLAIMED, line.account)):
        if line.user not in avoided:
            foremost.setdefault((line.network, line.key), line)
    shown: dict[UserId, set[AccountId]] = defaultdict(set)
    for line in foremost.values():
        shown[line.user].add(line.account)
    return dict(shown)


def _match(
    other: UserId,
    through: Collection[AccountId],
    theirs: Sequence[Account],
    met: Mapping[AccountId, Met],
    brought: Collection[NetworkName],
) -> Match:
    bits = Bit.NONE
    for account in through:
        bits |= met[account].bits
    sources = tuple(account for account in theirs if account.id in through)
    rows = [met[account.id] for account in theirs if account.id in met]
    proved = any(account.proof is Proof.PROVED for account in sources)
    evidence = rules.evidence(bits)
    return Match(
        user=other,
        evidence=evidence,
        proof=Proof.PROVED if proved else Proof.CLAIMED,
        since=moment(min(met[account].since_seconds for account in through) * 1_000_000),
        dismissed=any(row.dismissed for row in rows),
        arrived=any(row.arrived for row in rows),
        unlisted=not evidence.i_follow and any(one.actor.network in brought for one in sources),
        sources=sources,
        accounts=tuple(theirs),
    )


def _words(match: Match) -> Iterable[str]:
    for account in match.accounts:
        yield account.actor.handle.casefold()
        yield account.actor.name.casefold()
