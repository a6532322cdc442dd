"""What the web shell needs of the running site. The site itself stands in a layer above."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, cast

from starlette.requests import HTTPConnection
from starlette.types import Scope

from openportability.clock import Clock
from openportability.domain import NetworkName
from openportability.network import Network
from openportability.settings import Settings
from openportability.vault import Vault


class House(Protocol):
    """The parts of `site.Site` that pages are made with; `app` puts it at `app.state.site`."""

    @property
    def settings(self) -> Settings: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def vault(self) -> Vault: ...
    @property
    def networks(self) -> Mapping[NetworkName, Network]: ...


def house_of(connection: HTTPConnection | Scope) -> House:
    """Return the site that answers this request."""
    return cast(House, connection["app"].state.site)
