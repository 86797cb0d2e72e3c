"""The options of an engine that decide memory."""

from __future__ import annotations

import pytest

from innkeeper.runtime.catalog import Option
from innkeeper.runtime.errors import BadSettings
from innkeeper.runtime.memory.options import EngineOptions


class TestChosen:
    def test_replaces_what_the_entry_names_and_keeps_the_rest(self) -> None:
        chosen = EngineOptions.chosen({"repack": True, "gpu_layers": 20})
        assert chosen == EngineOptions(repack=True, gpu_layers=20)

    def test_leaves_names_of_others_alone(self) -> None:
        assert EngineOptions.chosen({"threads": 4}) == EngineOptions()

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("repack", 1),
            ("repack", "yes"),
            ("gpu_layers", True),
            ("gpu_layers", -1),
            ("gpu_layers", 2.0),
            ("batch_tokens", 0),
            ("micro_batch_tokens", "128"),
        ],
    )
    def test_refuses_a_value_of_another_sort(self, name: str, value: Option) -> None:
        with pytest.raises(BadSettings, match=f"The option {name} is {value!r}; it must be") as refused:
            EngineOptions.chosen({name: value})
        assert refused.value.param == name


class TestWholeInputs:
    def test_are_one_micro_batch(self) -> None:
        options = EngineOptions(gpu_layers=3).for_whole_inputs(2048)
        assert (options.batch_tokens, options.micro_batch_tokens, options.embeds) == (2048, 2048, True)
        assert options.gpu_layers == 3
