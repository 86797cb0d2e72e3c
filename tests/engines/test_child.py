"""Child: one supervised process, whatever it does."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from innkeeper.runtime.engines.child import Child, child_environment
from innkeeper.runtime.engines.log_ring import LINE_BYTES, LogRing
from tests.engines.fixtures import is_alive, open_descriptors, until_gone

LIMIT_S = 20.0


@asynccontextmanager
async def python(program: str, *, stop_limit_s: float = 5.0, says: str | None = "up") -> AsyncIterator[Child]:
    """A child that runs these lines, from the moment it wrote `says`; stopped afterwards."""
    child = Child("test", LogRing(), stop_limit_s)
    child.spawn([sys.executable, "-I", "-S", "-u", "-c", program])
    try:
        async with asyncio.timeout(LIMIT_S):
            while says is not None and says not in child.log.tail():
                await child.log.grew()
        yield child
    finally:
        child.kill()
        await child.gone()


WAITS = "import time; print('up'); time.sleep(600)"
IGNORES_SIGTERM = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WAITS}"
HAS_A_GRANDCHILD = f"""
import subprocess, sys
held = subprocess.Popen([sys.executable, '-I', '-S', '-c', '''
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("grandchild", flush=True)
time.sleep(600)
'''])
print(held.pid)
{WAITS}
"""


class TestStopping:
    async def test_a_child_that_listens_leaves_at_once(self) -> None:
        async with python(WAITS) as child:
            await child.stop()

            assert await child.gone() == "stopped"
            assert not is_alive(child.pid or 0)

    async def test_a_child_that_does_not_listen_is_killed_within_the_limit(self) -> None:
        """C10, C54, C59"""
        async with python(IGNORES_SIGTERM, stop_limit_s=0.05) as child:
            async with asyncio.timeout(LIMIT_S):
                await child.stop()

            assert await child.gone() == "stopped by force"

    async def test_a_stopped_process_is_killed_all_the_same(self) -> None:
        """C59: a process that the system holds still cannot hear SIGTERM."""
        async with python(WAITS, stop_limit_s=0.05) as child:
            os.kill(child.pid or 0, signal.SIGSTOP)

            async with asyncio.timeout(LIMIT_S):
                await child.stop()

            assert not is_alive(child.pid or 0)

    async def test_a_grandchild_that_holds_the_pipes_neither_hangs_us_nor_stays(self) -> None:
        """C54"""
        async with python(HAS_A_GRANDCHILD, says="grandchild") as child:
            while "up" not in child.log.tail():
                await child.log.grew()
            grandchild = next(int(line) for line in child.log.tail() if line.isdigit())

            async with asyncio.timeout(LIMIT_S):
                await child.stop()

            await until_gone(grandchild)

    async def test_a_grandchild_goes_also_when_the_child_dies_by_itself(self) -> None:
        async with python(HAS_A_GRANDCHILD, says="grandchild") as child:
            while "up" not in child.log.tail():
                await child.log.grew()
            grandchild = next(int(line) for line in child.log.tail() if line.isdigit())

            os.kill(child.pid or 0, signal.SIGKILL)

            async with asyncio.timeout(LIMIT_S):
                await child.gone()
            await until_gone(grandchild)

    async def test_many_stops_at_once_end_together(self) -> None:
        """C56"""
        async with python(WAITS) as child, asyncio.timeout(LIMIT_S):
            await asyncio.gather(*(child.stop() for _ in range(10)))

    async def test_who_gives_up_on_a_stop_ends_the_grace(self) -> None:
        async with python(IGNORES_SIGTERM, stop_limit_s=600) as child:
            stopping = asyncio.create_task(child.stop(), name="stop")
            await asyncio.sleep(0)
            stopping.cancel()

            async with asyncio.timeout(LIMIT_S):
                assert await child.gone() == "stopped by force"

    async def test_a_child_that_was_never_started_is_gone_when_stopped(self) -> None:
        child = Child("test", LogRing())

        await child.stop()

        assert await child.gone() == "stopped before it was started"


class TestLeaving:
    @pytest.mark.parametrize(
        ("program", "reason"),
        [
            ("raise SystemExit(0)", "exited by itself with code 0"),
            ("raise SystemExit(3)", "exited by itself with code 3"),
            ("import os; os.kill(os.getpid(), 9)", "killed by SIGKILL; the system may have been out of memory"),
            ("import os; os.abort()", "killed by SIGABRT"),
        ],
    )
    async def test_the_reason_is_told_in_words(self, program: str, reason: str) -> None:
        async with python(program, says=None) as child, asyncio.timeout(LIMIT_S):
            assert await child.gone() == reason

    async def test_only_a_kill_that_we_did_not_send_looks_like_lack_of_memory(self) -> None:
        async with python(IGNORES_SIGTERM, stop_limit_s=0.01) as ours, python(WAITS) as theirs:
            await ours.stop()
            os.kill(theirs.pid or 0, signal.SIGKILL)
            await theirs.gone()

            assert (ours.was_killed, theirs.was_killed) == (False, True)

    async def test_a_child_that_cannot_be_watched_does_not_live(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pids: list[int] = []

        def refuse(pid: int) -> int:
            pids.append(pid)
            raise OSError(errno.EMFILE, "Too many open files")

        monkeypatch.setattr(os, "pidfd_open", refuse)
        before = open_descriptors()
        child = Child("test", LogRing())
        with pytest.raises(OSError, match="Too many"):
            child.spawn([sys.executable, "-I", "-S", "-c", WAITS])

        assert (is_alive(pids[0]), child.is_running, open_descriptors()) == (False, False, before)

    async def test_no_descriptor_is_left(self) -> None:
        before = open_descriptors()

        for _ in range(3):
            async with python("print('bye')", says=None) as child:
                await child.gone()

        assert open_descriptors() == before


class TestOutput:
    async def test_the_last_words_are_kept_even_without_a_line_end(self) -> None:
        async with python("import sys; sys.stdout.write('one\\ntwo'); sys.exit(1)", says=None) as child:
            await child.gone()

            assert child.log.tail() == ("one", "two")

    async def test_a_flood_neither_blocks_the_child_nor_fills_our_memory(self) -> None:
        async with python("for i in range(50_000): print('x' * 100, i)", says=None) as child:
            async with asyncio.timeout(LIMIT_S):
                await child.gone()

            assert len(child.log.tail()) == 400
            assert child.log.tail(1) == ("x" * 100 + " 49999",)


class TestLogRing:
    def test_lines_are_whole_however_they_were_cut(self) -> None:
        ring = LogRing()

        for part in (b"one\ntw", b"o", b"\nthree\n"):
            ring.feed(part)

        assert ring.tail() == ("one", "two", "three")

    def test_a_line_without_end_is_shortened_and_says_so(self) -> None:
        ring = LogRing(lines=3)

        for _ in range(100):
            ring.feed(b"x" * 10_000)

        assert [len(line) for line in ring.tail()] == [LINE_BYTES + 2] * 3
        assert ring.tail(1)[0].endswith(" …")

    def test_what_came_since_a_moment_is_known(self) -> None:
        ring = LogRing(lines=3)
        ring.feed(b"before\n")
        moment = ring.written
        ring.feed(b"after\n")

        assert ring.since(moment) == ("after",)
        assert ring.since(ring.written) == ()

    def test_bytes_that_are_no_text_do_no_harm(self) -> None:
        ring = LogRing()

        ring.feed(b"\xff\xfe\n")

        assert ring.tail() == ("\ufffd\ufffd",)


class TestEnvironment:
    def test_secrets_and_what_steers_llama_cpp_stay_with_us(self) -> None:
        environment = {
            "PATH": "/bin",
            "OPENROUTER_API_KEY": "x",
            "HF_TOKEN": "x",
            "LLAMA_ARG_CTX_SIZE": "1",
            "INNKEEPER_HOME": "/",
            "CUDA_VISIBLE_DEVICES": "0",
        }

        assert child_environment(environment).keys() == {"PATH", "CUDA_VISIBLE_DEVICES", "OMP_WAIT_POLICY"}

    def test_threads_that_wait_sleep_unless_the_operator_says_otherwise(self) -> None:
        assert child_environment({})["OMP_WAIT_POLICY"] == "PASSIVE"
        assert child_environment({"OMP_WAIT_POLICY": "ACTIVE"})["OMP_WAIT_POLICY"] == "ACTIVE"
