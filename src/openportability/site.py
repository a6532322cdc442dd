"""What every verb may need, joined once by `app` and passed on as a value that never changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import TypeVar, cast

from openportability.clock import Clock
from openportability.db.engine import Database, Tx
from openportability.domain import Account, NetworkName, Standing, UserId
from openportability.files import Files
from openportability.jobs.port import Engine
from openportability.network import Network
from openportability.settings import Settings
from openportability.vault import Vault

Held = TypeVar("Held")


class Memory:
    """What this process holds of what rows say, one thing of a kind; lost with it, and then made again."""

    def __init__(self) -> None:
        self._held: dict[type, object] = {}
        self._lock = Lock()

    def of(self, kind: type[Held]) -> Held:
        """Return the one of this kind, which is safe to share between threads."""
        with self._lock:
            return cast(Held, self._held.setdefault(kind, kind()))


@dataclass(frozen=True, kw_only=True)
class Site:
    """One running OpenPortability."""

    settings: Settings
    clock: Clock
    vault: Vault
    db: Database
    files: Files
    networks: Mapping[NetworkName, Network]
    engine: Engine
    #: What later stages do before an account is unlinked, last stage first, in its transaction:
    #: earlier stages never know later ones.
    before_unlink: Sequence[Callable[[Tx, Account], None]]
    #: Waits until nothing is asked of an account's network for it any more; before that transaction.
    cease: Callable[[Account], None] = lambda _: None
    #: What later stages do once a person has chosen what happens when someone arrives, in its transaction.
    after_standing: Sequence[Callable[[Tx, UserId, Standing], None]] = ()
    memory: Memory = field(default_factory=Memory)
