"""What a plan was made for, as the plan keeps it: to be made again when the world changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from openportability.clock import micros, moment
from openportability.domain import NetworkName, Proof
from openportability.matching.seen import Filter
from openportability.matching.service import Selection


def packed(selection: Selection, networks: frozenset[NetworkName] | None) -> str:
    """Return it as text; None for networks means all."""
    by = selection.filter
    return json.dumps(
        {
            "users": None if selection.users is None else sorted(selection.users),
            "filter": None if by is None else _form(by),
            "networks": None if networks is None else sorted(networks),
        }
    )


def unpacked(text: str) -> tuple[Selection, frozenset[NetworkName] | None]:
    """Read what `packed` returned."""
    form = json.loads(text)
    by = form["filter"]
    selection = Selection(
        users=None if form["users"] is None else frozenset(form["users"]),
        filter=None if by is None else _filter(by),
    )
    networks = form["networks"]
    return selection, None if networks is None else frozenset(networks)


def _form(by: Filter) -> dict[str, Any]:
    return {**asdict(by), "since": None if by.since is None else micros(by.since)}


def _filter(form: Mapping[str, Any]) -> Filter:
    proof, since = form["proof"], form["since"]
    return Filter(
        **{
            **form,
            "proof": None if proof is None else Proof(proof),
            "since": None if since is None else moment(since),
        }
    )
