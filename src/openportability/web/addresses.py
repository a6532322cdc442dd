"""Where a request comes from. A header about it is believed only from a proxy that the operator named."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.requests import HTTPConnection

from openportability.settings import AddressRange

Address = IPv4Address | IPv6Address

#: One household or server has a whole network of this size, and may change address within it.
_HOUSEHOLD_BITS = 64


def visitor_address(connection: HTTPConnection, proxies: Sequence[AddressRange]) -> str | None:
    """Return what stands for the address of who asks, the same for one IPv6 household.

    None for this machine itself: who asks from here is the operator, or comes through a proxy that
    `TRUSTED_PROXIES` does not name, and then all visitors would share one count.
    """
    address = _parsed(connection.client.host if connection.client else "")
    if address is None:
        return None
    for hop in reversed(_forwarded(connection)):
        if not any(address in proxy for proxy in proxies):
            break
        address = _parsed(hop) or address
    if address.is_loopback:
        return None
    if isinstance(address, IPv6Address):
        network = ip_network((address, _HOUSEHOLD_BITS), strict=False)
        assert isinstance(network, IPv6Network)
        return str(network)
    return str(address)


def _forwarded(connection: HTTPConnection) -> list[str]:
    """Return the hops a request came by, as its headers say, the nearest one last."""
    lines = connection.headers.getlist("x-forwarded-for")
    return [hop.strip() for hop in ",".join(lines).split(",") if hop.strip()]


def _parsed(text: str) -> Address | None:
    try:
        address = ip_address(text.strip("[]"))
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
