"""Print docs/privacy.md: what is kept, whose it is, why and until when, as the schema says."""

from __future__ import annotations

import sys

from openportability.db.schema import METADATA

HEAD = """# What is kept

Printed from the schema by `scripts/print_privacy.py`; change it there. A test compares.

Nothing else is stored: archives are read and forgotten, logs name nobody. What is *sealed* opens with the person's own
key only, what is *SEALED* with the keyring of the site. A person's key is in the database, wrapped by that keyring; the
keyring is not.

Who erases: a person by leaving (all of theirs, at once), by unlinking an account or by replacing a list; chores of the
worker for all that has a time.

Beside the database a large site keeps one file, `segment-…` in the data directory, or in the folder or bucket that its
machines share: which user's lists hold which key, derived from `follow_lists`, *SEALED*. It is made anew when lists
change, and within a day; until then it may hold what a person has taken away or who has left, as numbers that lead to
nobody. Backups do not hold it.

| table | whose | why | until | bytes in it |
|---|---|---|---|---|
"""

_WORDS = {
    "wrapped": "a key, wrapped by the keyring",
    "sealed": "sealed",
    "SEALED": "SEALED",
    "block": "enciphered by the person's key",
    "hash": "keyed hash",
    "proof": "proof of the keyring",
}


def privacy_page() -> str:
    """Return the whole page."""
    rows = []
    for table in sorted(METADATA.tables.values(), key=lambda table: table.name):
        said = table.info
        kept = sorted({_WORDS[c.info["kept"]] for c in table.columns if "kept" in c.info})
        rows.append(
            f"| `{table.name}` | {said['whose']} | {said['why']} | {said['until']} "
            f"| {', '.join(kept) or 'in clear'} |\n"
        )
    return HEAD + "".join(rows)


if __name__ == "__main__":
    sys.stdout.write(privacy_page())
