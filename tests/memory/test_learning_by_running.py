"""A real child is run; what it held is what the next load is charged."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engine import Sizing
from innkeeper.runtime.engines.llama_cpp import LlamaCpp
from innkeeper.runtime.memory.learned import Learned
from innkeeper.runtime.messages import Done, Kind, Request
from tests.engines.fixtures import opened_adapter
from tests.ggufs import write_llama

MB = 1_000_000


async def run_once(adapter: LlamaCpp, model: Model) -> int:
    """Load it, ask it something long, stop it, let it be learned; gives its peak."""
    engine = adapter.engine(model)
    try:
        await engine.start()
        request = Request("r", Kind.COMPLETION, {"prompt": "ba " * 280, "max_tokens": 4}, model=model.id)
        async with aclosing(engine.run(request)) as chunks:
            assert isinstance([chunk async for chunk in chunks][-1], Done)
        holding = engine.holding()
    finally:
        await engine.stop()
    assert holding is not None
    adapter.learn(model, engine, holding)
    return holding.peak["ram"]


class TestAModelThatRan:
    async def test_is_charged_what_it_held_and_less_margin_each_time(self, tmp_path: Path) -> None:
        model = Model(
            "small",
            "llama_cpp",
            frozenset({Kind.COMPLETION}),
            file=write_llama(tmp_path / "small.gguf", target_bytes=8 * MB),
            context=512,
        )
        async with opened_adapter(learned=Learned(tmp_path / "learned.sqlite")) as adapter:
            before, expected_s = adapter.footprint(model), adapter.load_s(model)
            assert before.sizing is Sizing.ESTIMATED

            peak_bytes = await run_once(adapter, model)
            first = adapter.footprint(model)
            assert first.sizing is Sizing.LEARNED
            assert first.bytes == {"ram": round(peak_bytes * (1 + first.margin))}
            assert abs(before.bytes["ram"] - peak_bytes) < 8 * MB, "a child of this size differs by its libraries only"
            assert adapter.load_s(model) != expected_s

            await run_once(adapter, model)
            assert adapter.footprint(model).margin < first.margin

            more_slots = Model(model.id, model.engine, model.kinds, file=model.file, context=512, slots=2)
            assert adapter.footprint(more_slots).sizing is Sizing.ESTIMATED
