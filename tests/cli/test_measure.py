"""`measure`, and the trial behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count

import pytest

from innkeeper.runtime.catalog import Model, Option
from innkeeper.runtime.engine import Engine, Holding, Sizing
from innkeeper.runtime.engines.echo import Echo
from innkeeper.runtime.errors import EngineFailed, LoadFailed
from innkeeper.runtime.memory.trial import Trial, try_out
from innkeeper.runtime.messages import Kind
from tests.cli.command import CommandLine
from tests.ggufs import write_llama


class Learning(Echo):
    """An echo that remembers what it was told to learn."""

    def __init__(self) -> None:
        super().__init__()
        self.learned: list[Holding] = []

    def learn(self, model: Model, engine: Engine, holding: Holding) -> None:
        self.learned.append(holding)


@pytest.fixture
def adapter() -> Learning:
    return Learning()


def echo(kind: Kind = Kind.COMPLETION, **changes: Option) -> Model:
    options: dict[str, Option] = {"needs_ram": 1000, "holds_ram": 1200, **changes}
    return Model("parrot", "echo", frozenset({kind}), context=64, slots=3, options=options)


async def trial_of(adapter: Echo, model: Model, told: list[str] | None = None) -> Trial:
    clock: Iterator[int] = count()
    return await try_out(adapter, model, (told if told is not None else []).append, lambda: float(next(clock)))


class TestTrial:
    async def test_every_slot_is_filled_and_what_it_held_is_learned(self, adapter: Learning) -> None:
        trial = await trial_of(adapter, echo())
        assert 3 * 50 <= trial.prompt_tokens <= 3 * 64
        assert trial.holding == Holding({"ram": 1200}, {"ram": 1200})
        assert adapter.learned == [trial.holding]
        assert (trial.expected.bytes, trial.expected.sizing) == ({"ram": 1000}, Sizing.DECLARED)

    async def test_what_hears_is_given_something_to_hear(self, adapter: Learning) -> None:
        told: list[str] = []
        assert (await trial_of(adapter, echo(Kind.TRANSCRIPTION), told)).prompt_tokens == 0
        assert told == ["loading", "listening"]

    @pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.TRANSCRIPTION])
    async def test_models_of_every_kind_are_asked_in_their_own_way(self, adapter: Learning, kind: Kind) -> None:
        assert (await trial_of(adapter, echo(kind))).prompt_tokens >= 3 * 50

    async def test_what_goes_on_is_told(self, adapter: Learning) -> None:
        told: list[str] = []
        await trial_of(adapter, echo(), told)
        assert told[:2] == ["loading", "looking for the longest prompt"]
        assert re.fullmatch(r"filling 3 × \d+ words", told[2])

    async def test_a_model_that_does_not_load_is_stopped_and_nothing_is_learned(self, adapter: Learning) -> None:
        with pytest.raises(LoadFailed):
            await trial_of(adapter, echo(fails_loads=1))
        assert adapter.learned == []
        assert await adapter.newest["parrot"].gone()

    async def test_a_model_without_any_limit_is_given_up(self, adapter: Learning) -> None:
        endless = Model("parrot", "echo", frozenset({Kind.COMPLETION}))
        with pytest.raises(EngineFailed, match="No prompt was found"):
            await trial_of(adapter, endless)
        assert await adapter.newest["parrot"].gone() == "stopped"


class TestCommand:
    def test_a_real_model_is_measured_without_a_server(self, innkeeper: CommandLine) -> None:
        (innkeeper.folder / "models").mkdir()
        write_llama(innkeeper.folder / "models" / "tiny.gguf")
        (innkeeper.folder / "innkeeper.toml").write_text(
            "[models.tiny]\nfile = 'tiny.gguf'\ncontext = 256\nslots = 2\n[llama_cpp]\nspare_child = false\n"
        )
        told = innkeeper("measure", "tiny")
        assert told.code == 0, told.err
        assert re.search(r"estimated +\d+\.\d MiB +before", told.out)
        assert re.search(r"measured +\d+\.\d MiB +at peak; it was expected [+-]\d+\.\d% of that", told.out)
        tokens = re.search(r"prompt +(\d+) tokens +in 2 slots", told.out)
        assert tokens is not None
        assert 2 * 200 <= int(tokens[1]) <= 2 * 256

    def test_an_unknown_model_is_told(self, innkeeper: CommandLine) -> None:
        told = innkeeper("measure", "nobody")
        assert told.code == 4
        assert "There is no model 'nobody'" in told.err
