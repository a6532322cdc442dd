"""What a plan was made for, as the plan keeps it: to be made again when the world changed."""

from __future__ import annotations

import json

from openportability.domain import NetworkName
from openportability.matching.seen import Filter
from openportability.matching.service import Selection


def packed(selection: Selection, networks: frozenset[NetworkName] | None) -> str:
    """Return it as text; None for networks means all."""
    by = selection.filter
    return json.dumps(
        {
            "users": None if selection.users is None else sorted(selection.users),
            "filter": None if by is None else [by.text, by.network, by.mutual_only, by.dismissed],
            "networks": None if networks is None else sorted(networks),
        }
    )


def unpacked(text: str) -> tuple[Selection, frozenset[NetworkName] | None]:
    """Read what `packed` returned."""
    form = json.loads(text)
    by = form["filter"]
    selection = Selection(
        users=None if form["users"] is None else frozenset(form["users"]),
        filter=None
        if by is None
        else Filter(text=by[0], network=by[1], mutual_only=by[2], dismissed=by[3]),
    )
    networks = form["networks"]
    return selection, None if networks is None else frozenset(networks)
