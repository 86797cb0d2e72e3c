"""One document of the web, fetched politely: only if it changed, and never more of it than was agreed."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp

from innkeeper.podcast.feed.addresses import public_connector
from innkeeper.runtime.errors import FetchFailed

MOST_REDIRECTS: Final = 8
AT_ONCE_PER_HOST: Final = 2

_PART_BYTES: Final = 64 * 1024
_FOR_GOOD: Final = frozenset({301, 308})


@dataclass(frozen=True, slots=True)
class Version:
    """What a server said of a document, to be asked again whether it is still so."""

    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document as it is now."""

    body: bytes | None
    """None where it has not changed since the version that was asked about."""

    url: str
    """Where it was found, after all redirects."""

    moved_for_good: bool
    """Whether `url` is to be asked in future: every redirect on the way was a permanent one."""

    version: Version
    media_type: str | None


class Fetcher:
    """Fetches documents. `opened` makes one."""

    def __init__(self, session: aiohttp.ClientSession, *, most_bytes: int, within_s: float) -> None:
        self._session = session
        self._most_bytes = most_bytes
        self._within_s = within_s

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, *, agent: str, most_bytes: int = 64 * 2**20, within_s: float = 60.0, allows_private: bool = False
    ) -> AsyncIterator[Fetcher]:
        """For the length of a block. `agent`: who we say we are. Proxies in the environment are not used."""
        session = aiohttp.ClientSession(
            connector=public_connector(per_host=AT_ONCE_PER_HOST, allows_private=allows_private),
            headers={"User-Agent": agent, "Accept-Encoding": "gzip"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )
        async with session:
            yield cls(session, most_bytes=most_bytes, within_s=within_s)

    async def fetch(self, url: str, known: Version | None = None) -> Fetched:
        """The document, or that it is still the known one.

        Raises:
            AddressRefused: It, or what it redirects to, is not in the public internet.
            FetchFailed: No answer, one that is not good, or one that is too large or too slow.
        """
        headers = {}
        if known is not None and known.etag is not None:
            headers["If-None-Match"] = known.etag
        if known is not None and known.last_modified is not None:
            headers["If-Modified-Since"] = known.last_modified
        try:
            async with (
                asyncio.timeout(self._within_s),
                self._session.get(url, headers=headers, max_redirects=MOST_REDIRECTS) as answer,
            ):
                return await self._taken(answer, known or Version())
        except TimeoutError as error:
            raise FetchFailed(
                f"{url} was not there whole after {self._within_s:g} s.", within_s=self._within_s
            ) from error
        except (aiohttp.ClientError, zlib.error, ValueError) as error:
            raise FetchFailed(f"{url} cannot be fetched: {str(error) or type(error).__name__}.") from error

    async def _taken(self, answer: aiohttp.ClientResponse, known: Version) -> Fetched:
        url = str(answer.url)
        for_good = bool(answer.history) and all(one.status in _FOR_GOOD for one in answer.history)
        if answer.status == 304:
            return Fetched(None, url, for_good, known, None)
        if answer.status != 200:
            pause = answer.headers.get("Retry-After", "")
            raise FetchFailed(
                f"{url} answered {answer.status}.",
                retry_after_s=float(pause) if pause.isdecimal() else None,
                answered=answer.status,
            )
        version = Version(answer.headers.get("ETag"), answer.headers.get("Last-Modified"))
        return Fetched(await self._body(answer), url, for_good, version, answer.headers.get("Content-Type"))

    async def _body(self, answer: aiohttp.ClientResponse) -> bytes:
        """The document without its packing; unpacked only as far as it may be long."""
        encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("identity", "gzip", "x-gzip", "deflate", ""):
            raise FetchFailed(f"{answer.url} came packed as {encoding[:40]!r}, which was not asked for.")
        unpacking = None if encoding in ("identity", "") else zlib.decompressobj(zlib.MAX_WBITS | 32)
        body = bytearray()
        async for part in answer.content.iter_chunked(_PART_BYTES):
            left = self._most_bytes - len(body)
            body += part if unpacking is None else unpacking.decompress(part, left + 1)
            if len(body) > self._most_bytes:
                raise FetchFailed(
                    f"{answer.url} is larger than {self._most_bytes} bytes.", limit_bytes=self._most_bytes
                )
        if unpacking is not None and not unpacking.eof:
            raise FetchFailed(f"{answer.url} ended in the middle.")
        return bytes(body)
