"""The server on its socket: ports that cannot be had, starting and closing."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from innkeeper.api.server import listen
from innkeeper.runtime.errors import BadSettings
from tests.api.doubles import ScriptedRuntime, open_door, wire_to


class TestListening:
    def test_on_a_port_in_use_names_the_port_and_the_fix(self) -> None:
        with listen("127.0.0.1", 0) as taken:
            port = taken.getsockname()[1]

            with pytest.raises(BadSettings, match=rf"Port {port} on 127\.0\.0\.1 is in use.*INNKEEPER_PORT"):
                listen("127.0.0.1", port)

    @pytest.mark.parametrize("host", ["192.0.2.1", "no such host.invalid", "\x00", "a" * 300])
    def test_on_an_address_that_is_not_ours_says_so(self, host: str) -> None:
        with pytest.raises(BadSettings):
            listen(host, 0)

    @pytest.mark.parametrize("port", [-1, 70_000])
    def test_on_a_port_that_cannot_be_says_so(self, port: int) -> None:
        with pytest.raises(BadSettings, match=str(port)):
            listen("127.0.0.1", port)

    def test_again_on_a_port_that_was_just_left_is_possible(self) -> None:
        with listen("127.0.0.1", 0) as first:
            port = first.getsockname()[1]
            with socket.create_connection(("127.0.0.1", port)):
                accepted, _ = first_accept(first)
                accepted.close()

        with listen("127.0.0.1", port) as second:
            assert second.getsockname()[1] == port


def first_accept(listener: socket.socket) -> tuple[socket.socket, object]:
    listener.settimeout(5)
    return listener.accept()


class TestAServer:
    async def test_closes_idle_connections_and_frees_its_port(self, runtime: ScriptedRuntime, tmp_path: Path) -> None:
        async with open_door(runtime, tmp_path) as door, wire_to(door) as wire:
            await wire.ask("GET", "/health/live")
            await wire.answer()
            door.server.close()

            assert await asyncio.wait_for(wire.reader.read(), 5) == b""
        with listen("127.0.0.1", door.port) as again:
            assert again.getsockname()[1] == door.port

    async def test_may_be_told_to_close_more_than_once(self, runtime: ScriptedRuntime, tmp_path: Path) -> None:
        async with open_door(runtime, tmp_path) as door:
            door.server.close()
            door.server.close()

        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", door.port)
