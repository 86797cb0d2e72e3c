"""A client that adds as little as Python can: one blocking socket, one prepared request, times in seconds."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

Address = Path | tuple[str, int]


@dataclass(frozen=True, slots=True)
class Target:
    """Somebody who answers /v1/chat/completions."""

    name: str
    address: Address
    """A Unix socket, or host and port."""

    model: str = "m"


def request_bytes(target: Target, *, close: bool = False, **fields: object) -> bytes:
    """A small chat request, ready to be sent."""
    body = json.dumps(
        {"model": target.model, "messages": [{"role": "user", "content": "Say one word."}], **fields}
    ).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"{'Connection: close' if close else 'Connection: keep-alive'}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class RawClient:
    """One kept connection."""

    def __init__(self, target: Target) -> None:
        self._target = target
        if isinstance(target.address, Path):
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.connect(str(target.address))
        else:
            self._socket = socket.create_connection(target.address)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(30)
        self._whole = request_bytes(target, max_tokens=1)
        self._stream = request_bytes(target, max_tokens=4, stream=True)

    def whole_s(self) -> float:
        """Seconds from sending a request to the last byte of its answer."""
        began_s = time.perf_counter()
        self._socket.sendall(self._whole)
        held = b""
        while b"\r\n\r\n" not in held:
            held += self._more()
        self._check(held)
        head, _, body = held.partition(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        while len(body) < length:
            body += self._more()
        return time.perf_counter() - began_s

    def first_piece_s(self) -> float:
        """Seconds from sending a streamed request to its first piece. The rest is read before this returns."""
        began_s = time.perf_counter()
        self._socket.sendall(self._stream)
        held = b""
        while b"data: {" not in held:
            held += self._more()
        took_s = time.perf_counter() - began_s
        self._check(held)
        while not held.endswith(b"0\r\n\r\n"):
            held += self._more()
        return took_s

    def close(self) -> None:
        self._socket.close()

    def _more(self) -> bytes:
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionError(f"{self._target.name} closed the connection")
        return data

    def _check(self, head: bytes) -> None:
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise ConnectionError(f"{self._target.name} refused: {head[:1000]!r}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
