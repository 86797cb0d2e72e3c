"""Real arrivals as a table, and models drawn by lot."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from innkeeper.runtime.errors import InvalidRequest
from innkeeper.simulation.told_arrivals import Told, arrivals, read
from tests.simulation.small import model

HEAD = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
AZURE = Path(__file__).parents[2] / ".." / "shared" / "data" / "traces" / "azure-llm-2023-conv.csv"


def lines(*rows: str) -> list[str]:
    return [HEAD, *(f"{row}\n" for row in rows)]


class TestReading:
    def test_times_count_from_the_first_request(self) -> None:
        rows = lines("2023-11-16 18:15:46.6805900,374,44", "2023-11-16 18:15:50.9951690,396,109")
        assert read(rows, at_most=9) == [Told(0, 374, 44), Told(4.314579, 396, 109)]

    def test_no_more_is_read_than_was_asked_for(self) -> None:
        rows = lines(*(f"2023-11-16 18:15:{second},1,1" for second in range(10, 30)), "broken")
        assert len(read(rows, at_most=5)) == 5

    @pytest.mark.parametrize(
        ("rows", "told"),
        [
            (["when,how much\n", "1,2\n"], "no column TIMESTAMP or ContextTokens or GeneratedTokens"),
            (lines("2023-11-16 18:15:46,many,44"), "Line 2 of the trace cannot be read"),
            (lines("2023-11-16 18:15:46,1"), "Line 2 of the trace cannot be read"),
            (lines(), "no line after its heading"),
        ],
    )
    def test_what_is_wrong_is_told_with_its_line(self, rows: list[str], told: str) -> None:
        with pytest.raises(InvalidRequest, match=told):
            read(rows, at_most=9)

    @pytest.mark.needs_shared_data
    @pytest.mark.skipif(not AZURE.is_file(), reason="the real trace is not beside the checkout")
    def test_a_real_trace_can_be_read(self) -> None:
        with AZURE.open(encoding="utf-8", newline="") as trace:
            told = read(trace, at_most=500)
        assert len(told) == 500
        assert 60 < told[-1].at_s < 600


class TestTheLot:
    models = tuple(model(name, tasks=frozenset({"story"}) if name == "a" else frozenset()) for name in "abc")
    told = tuple(Told(float(second), 10, 5) for second in range(3000))

    def test_the_first_model_is_the_most_popular(self) -> None:
        drawn = Counter(one.model for one in arrivals(self.told, self.models, Random(1)))
        assert drawn["a"] > drawn["b"] > drawn["c"] > 100

    def test_each_model_is_asked_for_what_it_is_for(self) -> None:
        tasks = {one.model: one.task for one in arrivals(self.told, self.models, Random(1))}
        assert tasks == {"a": "story", "b": None, "c": None}

    def test_times_are_stretched_and_tokens_are_not(self) -> None:
        one = list(arrivals(self.told[:3], self.models, Random(1), stretched=20.0))[2]
        assert (one.at_s, one.prompt_tokens, one.answer_tokens) == (40.0, 10, 5)
