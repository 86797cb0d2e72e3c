"""Documents of the web, from a real server on a real socket."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from innkeeper.podcast.feed.addresses import is_public
from innkeeper.podcast.feed.fetching import Fetched, Fetcher, Version
from innkeeper.runtime.errors import AddressRefused, FetchFailed

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(**handlers: Handler) -> AsyncIterator[str]:
    """The address of a server with these pages."""
    app = web.Application()
    app.add_routes([web.get(f"/{name}", handler) for name, handler in handlers.items()])
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def fetched(url: str, known: Version | None = None, most_bytes: int = 1000, within_s: float = 20) -> Fetched:
    async with Fetcher.opened(agent="test/1", most_bytes=most_bytes, within_s=within_s, allows_private=True) as fetcher:
        return await fetcher.fetch(url, known)


async def feed(request: web.Request) -> web.Response:
    if request.headers.get("If-None-Match") == '"1"' or request.headers.get("If-Modified-Since") == "then":
        return web.Response(status=304)
    agent = request.headers["User-Agent"]
    return web.Response(text=f"for {agent}", headers={"ETag": '"1"', "Last-Modified": "then"}, content_type="text/xml")


class TestFetching:
    async def test_gives_the_document_and_its_version(self) -> None:
        async with serving(feed=feed) as url:
            told = await fetched(f"{url}/feed")
        assert told == Fetched(
            b"for test/1",
            f"{url}/feed",
            moved_for_good=False,
            version=Version('"1"', "then"),
            media_type="text/xml; charset=utf-8",
        )  # a table

    @pytest.mark.parametrize("known", [Version('"1"'), Version(None, "then")])
    async def test_a_document_that_did_not_change_is_not_sent_again(self, known: Version) -> None:
        async with serving(feed=feed) as url:
            told = await fetched(f"{url}/feed", known)
        assert (told.body, told.version) == (None, known)

    @pytest.mark.parametrize(("status", "for_good"), [(301, True), (308, True), (302, False), (307, False)])
    async def test_only_a_permanent_redirect_is_a_move(self, status: int, for_good: bool) -> None:
        async def moved(_: web.Request) -> web.Response:
            return web.Response(status=status, headers={"Location": "/feed"})

        async with serving(feed=feed, moved=moved) as url:
            told = await fetched(f"{url}/moved")
        assert (told.url, told.moved_for_good) == (f"{url}/feed", for_good)

    async def test_redirects_in_a_circle_end(self) -> None:
        async def circle(_: web.Request) -> web.Response:
            return web.Response(status=302, headers={"Location": "/circle"})

        async with serving(circle=circle) as url:
            with pytest.raises(FetchFailed):
                await fetched(f"{url}/circle")

    async def test_a_refusal_says_when_to_come_again(self) -> None:
        async def busy(_: web.Request) -> web.Response:
            return web.Response(status=429, headers={"Retry-After": "120"})

        async with serving(busy=busy) as url:
            with pytest.raises(FetchFailed, match="answered 429") as caught:
                await fetched(f"{url}/busy")
        assert caught.value.retry_after_s == 120.0

    async def test_a_packed_document_is_unpacked_but_a_bomb_is_not(self) -> None:
        async def packed(request: web.Request) -> web.Response:
            body = b"x" * (900 if "small" in request.query else 50_000_000)
            return web.Response(body=gzip.compress(body), headers={"Content-Encoding": "gzip"})

        async with serving(packed=packed) as url:
            assert (await fetched(f"{url}/packed?small")).body == b"x" * 900
            with pytest.raises(FetchFailed, match="larger than 1000 bytes"):
                await fetched(f"{url}/packed")

    async def test_a_document_that_is_too_large_or_too_slow_is_left(self) -> None:
        async def large(_: web.Request) -> web.Response:
            return web.Response(body=b"x" * 1001)

        async def slow(_: web.Request) -> web.Response:
            await asyncio.Event().wait()
            raise AssertionError

        async with serving(large=large, slow=slow) as url:
            with pytest.raises(FetchFailed, match="larger than 1000 bytes"):
                await fetched(f"{url}/large")
            with pytest.raises(FetchFailed, match=r"after 0\.2 s"):
                await fetched(f"{url}/slow", within_s=0.2)

    async def test_a_server_that_is_not_there_is_told(self) -> None:
        async with serving() as url:
            pass
        with pytest.raises(FetchFailed, match="cannot be fetched"):
            await fetched(f"{url}/feed")


class TestPrivateAddresses:
    @pytest.mark.parametrize(
        "host", ["127.0.0.1", "localhost", "2130706433", "0177.0.0.1", "0x7f.1", "127.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"]  # noqa: E501  # a table
    )  # fmt: skip
    async def test_are_refused_however_they_are_written(self, host: str) -> None:
        asked = []

        async def page(request: web.Request) -> web.Response:
            asked.append(request)
            return web.Response()

        async with serving(feed=page) as url, Fetcher.opened(agent="test/1") as fetcher:
            with pytest.raises((AddressRefused, FetchFailed)):
                await fetcher.fetch(f"http://{host}:{url.rpartition(':')[2]}/feed")
        assert asked == []

    async def test_the_refusal_names_the_address_and_the_fix(self) -> None:
        async with Fetcher.opened(agent="test/1") as fetcher:
            with pytest.raises(AddressRefused, match=r"127\.0\.0\.1 is not an address of the public internet"):
                await fetcher.fetch("http://127.0.0.1:9/feed")

    @pytest.mark.parametrize(
        ("address", "public"),
        [
            ("93.184.216.34", True), ("2606:2800:220:1::1", True), ("::ffff:93.184.216.34", True), ("10.0.0.1", False),
            ("169.254.169.254", False), ("100.64.0.1", False), ("192.168.1.1", False), ("224.0.0.1", False), ("::", False),  # noqa: E501  # a table
            ("fe80::1%eth0", False), ("fc00::1", False), ("::ffff:10.0.0.1", False), ("64:ff9b::a00:1", False),
            ("64:ff9b::5db8:d822", True), ("2002:a00:1::", False), ("240.0.0.1", False), ("nonsense", False),
        ],
    )  # fmt: skip
    def test_are_told_from_public_ones(self, address: str, public: bool) -> None:
        assert is_public(address) is public
