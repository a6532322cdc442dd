"""What every verb may need, joined once by `app` and passed on as a value that never changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from openportability.clock import Clock
from openportability.db.engine import Database, Tx
from openportability.domain import Account, NetworkName
from openportability.jobs.port import Engine
from openportability.network import Network
from openportability.settings import Settings
from openportability.vault import Vault


@dataclass(frozen=True, kw_only=True)
class Site:
    """One running OpenPortability."""

    settings: Settings
    clock: Clock
    vault: Vault
    db: Database
    networks: Mapping[NetworkName, Network]
    engine: Engine
    #: What later stages do before an account is unlinked, last stage first, in its transaction:
    #: earlier stages never know later ones.
    before_unlink: Sequence[Callable[[Tx, Account], None]]
