"""Whole answers as ASGI messages: JSON, an answer's headers, an error."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeAlias
from urllib.parse import quote

from starlette.types import Send

from innkeeper.runtime.errors import InnkeeperError
from innkeeper.runtime.messages import Began
from innkeeper.runtime.wire.format import ErrorDocument, error_body

Header: TypeAlias = tuple[bytes, bytes]


async def send_json(send: Send, status: int, body: bytes, headers: Iterable[Header] = ()) -> None:
    """One JSON document as the whole answer."""
    await send_whole(send, status, body, b"application/json", headers)


async def send_whole(send: Send, status: int, body: bytes, media_type: bytes, headers: Iterable[Header] = ()) -> None:
    """One body as the whole answer."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", media_type),
                (b"content-length", b"%d" % len(body)),
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def send_error(
    send: Send, error: InnkeeperError, document: ErrorDocument, headers: Iterable[Header] = ()
) -> None:
    """An error in that shape, with Retry-After where it is known."""
    await send_json(send, error.status, error_body(error, document), (*headers, *retry_headers(error)))


def retry_headers(error: InnkeeperError) -> list[Header]:
    """When to ask again: whole seconds, rounded up, as RFC 9110 §10.2.3 wants them."""
    headers: list[Header] = []
    if error.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(error.retry_after_s))))
    if error.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    return headers


def began_headers(began: Began) -> list[Header]:
    """Who answers, why, and what the caller waited for."""
    headers = [
        (b"x-innkeeper-model", header_text(began.model)),
        (b"x-innkeeper-route", header_text(began.because)),
        (b"x-innkeeper-waited-ms", b"%.1f" % (began.waited_s * 1000)),
        (b"x-innkeeper-load-ms", b"%.1f" % (began.load_s * 1000)),
    ]
    if began.requested is not None:
        headers.append((b"x-innkeeper-requested", header_text(began.requested)))
    if began.quality is not None:
        headers.append((b"x-innkeeper-quality", b"%.2f" % began.quality))
    return headers


def header_text(text: str) -> bytes:
    """Text that may stand in a header: what is not printable ASCII is percent-encoded, and so is the percent sign."""
    if text.isascii() and text.isprintable() and "%" not in text:
        return text.encode("ascii")
    return quote(text, safe=" !\"#$&'()*+,-./:;<=>?@[]^_`{|}~").encode("ascii")
