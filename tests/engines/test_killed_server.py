"""A server that is killed without a word: its children go with it, and the next start is clean."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.engines.fixtures import children, entries, is_alive, opened_adapter
from tests.engines.llama_server_double import install

LIMIT_S = 1.0
"""What we promise: seconds after which no child of a killed server is left."""

SERVER = """
import asyncio, os, sys
from pathlib import Path
from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engines.llama_cpp import LlamaCpp
from innkeeper.runtime.engines.llama_server import LlamaServer
from innkeeper.runtime.messages import Kind

async def main(model, sockets, program):
    kinds = frozenset({Kind.CHAT})
    ours = LlamaCpp(sockets=sockets, threads=1)
    theirs = LlamaCpp(sockets=sockets, threads=1, server=LlamaServer.probe(program, dict(os.environ)))
    for adapter in (ours, theirs):
        await adapter.open()
        engine = adapter.engine(Model("tiny", "llama_cpp", kinds, file=model, context=256))
        await engine.start()
        globals().setdefault("kept", []).append(engine)
    await ours.spare_ready()
    print("up", flush=True)
    await asyncio.Event().wait()

asyncio.run(main(*map(Path, sys.argv[1:])))
"""


class TestAKilledServer:
    def test_its_children_are_gone_within_a_second_and_the_next_start_is_clean(
        self, tiny: Path, tmp_path: Path, short_path: Path
    ) -> None:
        """A worker, a llama-server and a spare."""
        command = [sys.executable, "-c", SERVER, str(tiny), str(short_path), str(install(tmp_path))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            assert server.stdout.readline() == "up\n"
            orphans = children(server.pid)
            assert len(orphans) == 3
            assert len(entries(short_path)) == 2

            os.kill(server.pid, signal.SIGKILL)
            server.wait()
            deadline = time.monotonic() + LIMIT_S
            while any(map(is_alive, orphans)) and time.monotonic() < deadline:
                time.sleep(0.005)

        assert [pid for pid in orphans if is_alive(pid)] == []
        asyncio.run(_open_and_close(short_path))
        assert entries(short_path) == set()


async def _open_and_close(sockets: Path) -> None:
    async with opened_adapter(sockets=sockets):
        pass
