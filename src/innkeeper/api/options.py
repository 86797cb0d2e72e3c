"""How the HTTP door behaves. The values come from the settings; this is all the door knows of them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """Every setting of the door, with the default that suits one machine and its owner."""

    host: str = "127.0.0.1"
    """Address to listen on."""

    port: int = 8000
    """Port to listen on; 0 takes a free one."""

    allowed_hosts: tuple[str, ...] = ()
    """Names this server is called by, beside localhost and any bare address; only looked at while there are no keys."""

    heartbeat_s: float = 2.0
    """Seconds of silence in a streamed answer after which a comment line says why."""

    body_limit_bytes: int = 16 * 2**20
    """Largest body of a request."""

    audio_limit_bytes: int = 512 * 2**20
    """Largest upload of sound."""

    uploads: Path = Path(tempfile.gettempdir()) / "innkeeper-uploads"
    """Where uploads lie while they are heard."""

    body_within_s: float = 60.0
    """Seconds in which the whole body must arrive."""

    headers_within_s: float = 15.0
    """Seconds in which the headers of a request must arrive once the connection is open."""

    keep_alive_s: float = 75.0
    """Seconds an idle connection is kept for the next request."""

    requests_at_once: int = 512
    """Requests to models that are in the house at once, waiting ones included."""

    shutdown_within_s: float = 10.0
    """Seconds that answers under way may take to end when the server closes."""
