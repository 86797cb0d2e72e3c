"""Who can reach the server: from which addresses, and by which names."""

from __future__ import annotations

import ipaddress

from innkeeper.runtime.errors import BadSettings

_OWN_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})  # nearly every request; other addresses take a parser


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine can reach `host`."""
    if host.lower() == "localhost":
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def check_exposure(host: str, has_keys: bool, consent: bool) -> None:
    """Let a server without keys listen on this machine only, unless its operator says otherwise.

    Raises:
        BadSettings: `host` is reachable from elsewhere, there are no keys, and nobody consented.
    """
    if is_loopback(host) or has_keys or consent:
        return
    raise BadSettings(
        f"The server would listen on {host or 'every address'} without any API key: whoever reaches this machine could "
        "use the models and unload them. Make a key with `innkeeper keys add NAME`, or listen on 127.0.0.1, or set "
        '`api.open_to_network_without_keys` to "yes, anyone who can reach this port may use it".',
        param="host",
    )


def is_safe_name(host_header: str, allowed: tuple[str, ...]) -> bool:
    """Whether a request's Host header is a name that no web page of somebody else can have made up.

    A page may point its own domain at 127.0.0.1 and then talk to us as if it were ours (DNS rebinding). Its Host
    header still carries its domain; a bare address or localhost cannot be forged that way.
    """
    name = host_header.strip().lower()
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    name = name.rstrip(".")
    if name in _OWN_NAMES or name.endswith(".localhost"):
        return True
    return _address(name) is not None or name in {known.lower() for known in allowed}


def is_same_origin(origin: str, host_header: str) -> bool:
    """Whether a browser says that the page which asks came from this very server."""
    scheme, _, authority = origin.strip().lower().partition("://")
    return scheme in {"http", "https"} and authority == host_header.strip().lower()


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
