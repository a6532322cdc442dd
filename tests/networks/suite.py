"""The contract suite: what every network promises, gathered from `promises/`."""

from __future__ import annotations

from tests.networks.promises import avoid, follow, lists, promise, sign_in, trouble, value

Promise = promise.Promise
#: Each module adds its own when it is imported.
PROMISES = tuple(promise.PROMISES)

__all__ = ["PROMISES", "Promise", "avoid", "follow", "lists", "sign_in", "trouble", "value"]
