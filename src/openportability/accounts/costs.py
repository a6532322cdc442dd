"""What signing in costs the operator, by network and day."""

from __future__ import annotations

from openportability.accounts import cabinet_store
from openportability.site import Site


def report(site: Site) -> str:
    """Return a line for each day on which something was billed, in the operator's own price."""
    lines = []
    for network in site.networks.values():
        if network.billed is None:
            continue
        billed = network.billed
        lines.append(
            f"{network.name}: at most {billed.most} {billed.name} a day, {billed.cents:g} cents each"
        )
        with site.db.read() as tx:
            days = cabinet_store.spent(tx, network.name, billed.name)
        lines += [
            f"  {day}  {count:6} {billed.name}  {count * billed.cents / 100:10.2f}"
            for day, count in days.items()
        ]
    return "\n".join(lines) or "No network that is loaded bills for anything."
