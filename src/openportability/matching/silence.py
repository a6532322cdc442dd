"""Claims to be somebody who asked never to be listed: they tell their maker what any claim does, and lead nobody."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from openportability.accounts import unlisting_store
from openportability.db.engine import Tx
from openportability.domain import AccountId
from openportability.vault import Vault


def silent(
    tx: Tx, vault: Vault, accounts: NDArray[np.uint64], proved: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Say which of these accounts are such claims."""
    claims = [AccountId(one) for one in accounts[~proved].tolist()]
    those = unlisting_store.silent(tx, vault, claims)
    told: NDArray[np.bool_] = np.isin(accounts, np.array(sorted(those), np.uint64))
    return told
