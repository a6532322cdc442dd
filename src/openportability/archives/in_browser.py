"""What the page tells its script, so that it reads archives by the same data as we do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from openportability.archives.rules import Caps
from openportability.domain import Account, NetworkName, Proof
from openportability.network import ArchiveFormat, Network
from openportability.web import problems
from openportability.web.words import UNSAID, WORDS

#: Beginnings of the codes that a script may have to put in words.
_CODES = ("archive.", "svc.internal")


def told(
    sources: Iterable[Network],
    networks: Mapping[NetworkName, Network],
    mine: Sequence[Account],
    caps: Caps,
    stand: str,
) -> dict[str, object]:
    """Return the formats, the caps, the accounts that archives may be of, and the words.

    `stand` says what a person has brought so far, in a way that tells nothing.
    """
    return {
        "formats": {
            source.name: format_tree(source.source.archive)
            for source in sources
            if source.source and source.source.archive
        },
        "caps": asdict(caps),
        "stand": stand,
        "mine": {
            network: [_mine(account) for account in mine if account.actor.network == network]
            for network in {account.actor.network for account in mine}
        },
        "words": {
            code: problems.words_of_code(code, networks)
            for code in WORDS
            if code.startswith(_CODES)
        },
        "unsaid": {name: problems.unsaid(name) for name in UNSAID},
    }


def format_tree(form: ArchiveFormat) -> dict[str, object]:
    """Return a format as JSON has it: sets become sorted lists."""
    tree = asdict(form)
    return {
        name: sorted(value) if isinstance(value, frozenset) else value
        for name, value in tree.items()
    }


def _mine(account: Account) -> dict[str, object]:
    actor = account.actor
    return {"id": actor.id, "handle": actor.handle, "proved": account.proof is Proof.PROVED}
