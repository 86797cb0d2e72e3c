"""What tests of real children share: an adapter in a short folder, and who is still alive."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

from innkeeper.runtime.engine import ForeignAdapter
from innkeeper.runtime.engines.llama_cpp import LlamaCpp
from innkeeper.runtime.engines.llama_server import LlamaServer
from innkeeper.runtime.memory.learned import Learned

Foreign = TypeVar("Foreign", bound=ForeignAdapter)


@asynccontextmanager
async def opened_adapter(
    *,
    has_spare: bool = False,
    server: LlamaServer | None = None,
    sockets: Path | None = None,
    learned: Learned | None = None,
) -> AsyncIterator[LlamaCpp]:
    """An adapter whose sockets lie in a folder of its own; afterwards no child, socket or folder may be left."""
    own = Path(tempfile.mkdtemp(prefix="t-"))
    sockets = sockets or own
    adapter = LlamaCpp(has_spare=has_spare, server=server, sockets=sockets, threads=1, learned=learned)
    before = children()
    try:
        await adapter.open()
        yield adapter
        await adapter.close()
        assert children() == before, "a child process was left behind"
        assert not entries(sockets), "a socket or folder was left behind"
    finally:
        await adapter.close()
        shutil.rmtree(own)


@asynccontextmanager
async def foreign_adapter(adapter: Foreign) -> AsyncIterator[Foreign]:
    """An adapter whose server is looked at all the time, as the house does every poll."""

    async def look() -> None:
        while True:
            await adapter.look()
            await asyncio.sleep(0.01)

    looking = asyncio.create_task(look(), name="look")
    try:
        yield adapter
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        await adapter.close()


def entries(folder: Path) -> set[str]:
    """The names in a folder."""
    return {entry.name for entry in folder.iterdir()}


def open_descriptors() -> int:
    """How many descriptors we hold."""
    return len(entries(Path("/proc/self/fd")))


def children(of_pid: int | None = None) -> set[int]:
    """The process ids of all children of a process, ours by default; zombies included."""
    pid = os.getpid() if of_pid is None else of_pid
    found = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that ended since the folder was listed
            found |= {int(child) for child in (task / "children").read_text().split()}
    return found


async def until_gone(pid: int, limit_s: float = 20.0) -> None:
    """Wait for a process that is not ours to wait for. It is reaped a moment after it was killed."""
    deadline = time.monotonic() + limit_s
    while is_alive(pid) or pid in children():
        assert time.monotonic() < deadline, f"{pid} lives on"
        await asyncio.sleep(0.005)


def is_alive(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")
