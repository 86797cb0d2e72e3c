"""The body of a request, counted while it arrives, so that no more than the limit is ever held."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.types import Receive

from innkeeper.api.connection import Direct
from innkeeper.runtime.errors import BodyTooLarge, InvalidRequest


class CallerLeft(Exception):
    """The connection closed before the request was whole. There is nobody to answer."""


async def read_body(
    receive: Receive,
    headers: Mapping[bytes, bytes],
    *,
    limit_bytes: int,
    within_s: float,
    direct: Direct | None = None,
) -> bytes:
    """The whole body; from `direct` at once where it has come with its headers.

    Raises:
        BodyTooLarge: Its declared length is over the limit, or that much has arrived; the rest is not read.
        InvalidRequest: It did not arrive in time.
        CallerLeft: The caller hung up.
    """
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared[:20]) > limit_bytes:
        raise _too_large(limit_bytes, int(declared[:20]))
    here = direct.whole_body() if direct is not None else None
    if here is not None:
        if len(here) > limit_bytes:
            raise _too_large(limit_bytes, len(here))
        return here
    try:
        async with asyncio.timeout(within_s):
            return await _collect(receive, limit_bytes)
    except TimeoutError:
        raise InvalidRequest(f"The body did not arrive within {within_s:g} s.") from None


async def _collect(receive: Receive, limit_bytes: int) -> bytes:
    parts: list[bytes] = []
    size_bytes = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CallerLeft
        part: bytes = message.get("body", b"")
        size_bytes += len(part)
        if size_bytes > limit_bytes:
            raise _too_large(limit_bytes, size_bytes)
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(limit_bytes: int, size_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"The body has at least {size_bytes} bytes; the limit is {limit_bytes}. Send less, or raise api.body_limit.",
        size_bytes=size_bytes,
        limit_bytes=limit_bytes,
    )
