"""Connections to the public internet only: every address is checked at the moment its socket is made.

There is no other way to a socket, so a name that resolves to a private address, a redirect to one, an address written
as a number and a name that resolves otherwise the second time all end here.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

from aiohttp import AddrInfoType, TCPConnector

from innkeeper.runtime.errors import AddressRefused

_NAT64: Final = IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether an address is one of the internet's. An IPv4 address inside an IPv6 one is what counts."""
    try:
        told = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = _inside(told) if isinstance(told, IPv6Address) else told
    return inner.is_global and not inner.is_multicast and not inner.is_reserved


def public_connector(*, per_host: int, allows_private: bool) -> TCPConnector:
    """Connections for `aiohttp`, so many at once to one host. `allows_private` lets feeds of the house be read."""
    opens = _open if allows_private else _checked
    return TCPConnector(limit_per_host=per_host, use_dns_cache=False, socket_factory=opens)


def _checked(info: AddrInfoType) -> socket.socket:
    """
    Raises:
        AddressRefused: The address is not public.
    """
    host = str(info[4][0])
    if not is_public(host):
        raise AddressRefused(
            f"{host} is not an address of the public internet. If this feed is your own, allow private addresses.",
            param="url",
        )
    return _open(info)


def _open(info: AddrInfoType) -> socket.socket:
    made = socket.socket(info[0], info[1], info[2])
    made.setblocking(False)  # noqa: FBT003  # the standard library's own signature
    return made


def _inside(told: IPv6Address) -> IPv4Address | IPv6Address:
    if told.ipv4_mapped is not None:
        return told.ipv4_mapped
    if told.sixtofour is not None:
        return told.sixtofour
    if told.teredo is not None:
        return IPv4Address("0.0.0.0")  # noqa: S104  # a tunnel to anywhere is nowhere we go
    return IPv4Address(int(told) & 0xFFFFFFFF) if told in _NAT64 else told
