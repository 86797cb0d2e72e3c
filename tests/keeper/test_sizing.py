"""What a load holds: what the file needs that is there now, and what was learned of the right run."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from innkeeper.runtime.catalog import Catalog, Model
from innkeeper.runtime.engine import Engine, Footprint, Sizing
from innkeeper.runtime.engines.echo import Echo
from tests.keeper.conftest import OpenHouse, ask, echo_model


def grow(model: Model) -> None:
    """Put another file of 120 bytes in the place of the model's own."""
    assert model.file is not None
    model.file.write_bytes(b"x" * 120)


class TestAFileThatIsReplaced:
    """C31: what a load holds is what the file needs that will be loaded."""

    @pytest.fixture
    def alpha(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
        """A model that needs as many bytes as its file has: 50."""

        def as_large_as_its_file(_: Echo, model: Model, context: int | None = None) -> Footprint:
            return Footprint({"ram": (model.file or tmp_path).stat().st_size}, Sizing.ESTIMATED)

        monkeypatch.setattr(Echo, "footprint", as_large_as_its_file)
        file = tmp_path / "alpha.gguf"
        file.write_bytes(b"x" * 50)
        return replace(echo_model("alpha"), file=file)

    async def test_is_sized_anew_before_the_next_load(self, open_house: OpenHouse, alpha: Model) -> None:
        async with open_house(alpha) as house:
            await house.keeper.load("alpha")
            await house.keeper.unload("alpha")
            grow(alpha)

            async with house.keeper.lease("alpha"):
                assert house.residency.books.ledger.held_in("ram") == 120

    async def test_is_another_model_when_the_settings_are_read_again(self, open_house: OpenHouse, alpha: Model) -> None:
        """C79"""
        async with open_house(alpha) as house:
            await house.keeper.load("alpha")
            await house.keeper.reload(Catalog((alpha,)))
            assert house.state("alpha") == "ready"
            grow(alpha)

            await house.keeper.reload(Catalog((alpha,)))

            async with house.keeper.lease("alpha"):
                assert house.residency.books.ledger.held_in("ram") == 120
            assert house.echo.loads == {"alpha": 2}

    async def test_and_not_again_when_it_was_loaded_since(self, open_house: OpenHouse, alpha: Model) -> None:
        async with open_house(alpha) as house:
            await house.keeper.load("alpha")
            await house.keeper.unload("alpha")
            grow(alpha)
            await house.keeper.load("alpha")

            await house.keeper.reload(Catalog((alpha,)))

            assert house.state("alpha") == "ready"
            assert house.echo.loads == {"alpha": 2}


class TestLearning:
    async def test_is_of_the_run_that_ended_also_when_the_next_has_begun(
        self, open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with open_house(echo_model("alpha", prompt_s=1.0)) as house:
            learned: list[Engine] = []
            monkeypatch.setattr(house.echo, "learn", lambda model, engine, holding: learned.append(engine))
            house.gate.let_pass()
            await ask(house, "alpha")
            first = house.echo.newest["alpha"]
            leaving = asyncio.create_task(house.keeper.unload("alpha"))
            await asyncio.sleep(0)
            await ask(house, "alpha")
            await leaving
            await house.until(lambda: bool(learned))

        assert learned[0] is first

    async def test_there_is_nothing_to_learn_of_a_model_that_was_loaded_and_not_asked(
        self, open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with open_house(echo_model("alpha")) as house:
            learned: list[Engine] = []
            monkeypatch.setattr(house.echo, "learn", lambda model, engine, holding: learned.append(engine))
            await house.keeper.load("alpha")
            await house.keeper.unload("alpha")

        assert learned == []

    async def test_a_changed_model_does_not_go_by_what_was_learned_of_the_one_before(
        self, open_house: OpenHouse
    ) -> None:
        """C31: its next load would hold too few bytes."""
        async with open_house(echo_model("alpha", 100)) as house:
            await ask(house, "alpha")
            await house.keeper.reload(Catalog((echo_model("alpha", 120),)))
            await house.until(lambda: house.residency.books.residents["alpha"].state.value == "cold")
            await house.until(lambda: not any(task.get_name() == "stop alpha" for task in asyncio.all_tasks()))
            async with house.keeper.lease("alpha"):
                assert house.residency.books.ledger.held_in("ram") == 120
