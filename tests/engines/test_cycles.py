"""Two hundred loads and unloads leave us as we were."""

from __future__ import annotations

import gc
import resource
from pathlib import Path

import pytest

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engines.llama_cpp import LlamaCpp
from innkeeper.runtime.messages import Kind
from tests.engines.asking import ask, completion, done
from tests.engines.fixtures import open_descriptors

CYCLES = 200
SETTLING = 20
GROWTH_BYTES = 3_000_000
"""The fixed distance: it does not depend on the number of cycles, and one leaked log ring per cycle would pass it."""


@pytest.mark.timeout(600)  # 15 s of processor time, more on a machine that does much else
class TestCycles:
    async def test_our_memory_and_descriptors_stay_where_they_were(self, adapter: LlamaCpp, tiny: Path) -> None:
        """C48, for the process; the device half is the keeper's, with a double."""
        model = Model("tiny", "llama_cpp", frozenset({Kind.COMPLETION}), file=tiny, context=256)
        descriptors = before_bytes = 0
        for cycle in range(CYCLES):
            if cycle == SETTLING:
                gc.collect()
                before_bytes, descriptors = _resident_bytes(), open_descriptors()
            engine = adapter.engine(model)
            await engine.start()
            answer = await ask(engine, completion("word", max_tokens=1))
            await engine.stop()
            assert done(answer).usage.answer_tokens == 1
        gc.collect()

        assert open_descriptors() == descriptors
        assert _resident_bytes() - before_bytes < GROWTH_BYTES


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
