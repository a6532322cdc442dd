"""Print docs/reference/states.md, from the tables of `reconnection/rules.py`."""

from __future__ import annotations

import sys

from openportability.reconnection.rules import MEANS, NEXT

HEAD = """# States of a wanted follow, block or mute

Printed from the code by `scripts/print_states.py`; change it there.

A row of the ledger is one wanted follow, block or mute: our user's account, and whom it is to follow, block or mute. It
is always in one of these states, and goes from one to another only as the table says: anything else is refused as a
mistake of ours.

| state | means | may become |
|---|---|---|
"""


def states_page() -> str:
    """Return the whole page."""
    return HEAD + "".join(
        f"| {state} | {meaning} | {', '.join(sorted(NEXT[state])) or 'nothing else'} |\n"
        for state, meaning in MEANS.items()
    )


if __name__ == "__main__":
    sys.stdout.write(states_page())
