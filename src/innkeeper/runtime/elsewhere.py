"""Whether what is sent to an address leaves this machine."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def elsewhere(url: str) -> str | None:
    """The host that gets what is sent to `url`; None where that is this machine itself.

    Only the names and addresses that mean the machine itself everywhere count: `localhost`, 127.0.0.0/8 and ::1. Any
    other name may lead anywhere.
    """
    host = (urlsplit(url).hostname or "").rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return None
    try:
        address = ip_address(host)
    except ValueError:
        return host
    mapped = getattr(address, "ipv4_mapped", None)
    return None if (mapped or address).is_loopback else host
