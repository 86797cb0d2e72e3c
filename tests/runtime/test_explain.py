"""Explaining a choice without making it."""

from __future__ import annotations

import pytest

from innkeeper.runtime.errors import UnknownModel
from tests.runtime.conftest import OpenInn
from tests.runtime.test_chain import PRIMARY, dice, greek, question, who_answers
from tests.runtime.test_in_time import STORY, deep


class TestAnExplanation:
    async def test_says_what_would_happen_and_why_each_other_is_not_chosen(self, open_inn: OpenInn) -> None:
        async with open_inn(PRIMARY, deep(), dice(), default="primary") as inn:
            await inn.runtime.load("primary")
            told = inn.runtime.explain(question(STORY))

            assert (told.candidates, told.right, told.loads_next) == (("primary", "deep"), "deep", "deep")
            assert (told.task, told.due_s, told.due_because) == ("story", 5.0, "the target for story")
            assert {option.model: option.skipped for option in told.options} == {
                "deep": "deep would need 60.0 s (load 60.0 s), and the target for story is 5 s",
                "primary": "",
                "dice": "its quality of 0.5 is below 0.6",
            }
            assert {option.model: option.state for option in told.options}["primary"] == "ready"

    async def test_agrees_with_what_then_happens(self, open_inn: OpenInn) -> None:
        async with open_inn(PRIMARY, deep(), default="primary") as inn:
            await inn.runtime.load("primary")
            told = inn.runtime.explain(question(STORY))

            assert await who_answers(inn, question(STORY)) == (told.candidates[0], told.because)

    async def test_changes_nothing(self, open_inn: OpenInn) -> None:
        async with open_inn(PRIMARY, deep(), default="primary") as inn:
            before = inn.facts()
            first = inn.runtime.explain(question(STORY, conversation="c"))

            assert inn.runtime.explain(question(STORY, conversation="c")) == first
            assert inn.facts() == before
            assert not inn.echo.loads

    async def test_looks_at_every_model_even_where_the_right_one_is_in_time(self, open_inn: OpenInn) -> None:
        async with open_inn(PRIMARY, greek(), dice(), default="primary") as inn:
            await inn.runtime.load("primary")
            told = inn.runtime.explain(question("hello there"))

            assert told.candidates == ("primary",)
            assert [option.model for option in told.options] == ["primary", "meltemi", "dice"]

    async def test_says_of_a_named_model_that_nobody_stands_in(self, open_inn: OpenInn) -> None:
        async with open_inn(PRIMARY, deep(), default="primary") as inn:
            await inn.runtime.load("primary")
            told = inn.runtime.explain(question(STORY, model="deep"))

            assert told.candidates == ("deep",)
            assert told.options[1].skipped == "nobody stands in for deep here"

    async def test_of_an_unknown_model_is_its_error(self, open_inn: OpenInn) -> None:
        async with open_inn(PRIMARY, default="primary") as inn:
            with pytest.raises(UnknownModel):
                inn.runtime.explain(question(STORY, model="depe"))
