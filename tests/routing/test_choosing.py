"""The choice between waiting, a substitute and a hosted model."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.runtime.routing.choice import Choice, Debts, Question, Worth
from innkeeper.runtime.routing.choosing import choose
from innkeeper.runtime.routing.deadlines import Due
from innkeeper.runtime.routing.names import Language, Task
from innkeeper.runtime.routing.router import Route, Rule
from innkeeper.runtime.routing.timing import Timing
from innkeeper.runtime.routing.vocabulary import Vocabulary
from innkeeper.runtime.standing import Presence, Standing
from tests.routing.standing_told import CAMPAIGN, ChoiceCase, choice_cases, chosen

STORY = Route(
    ("deep", "primary"), "the task is story; deep does it", Rule.TASK, Task.STORY, Language.EN, may_yield=True
)


class TestTheTable:
    """C69, C72, C73, C77: standing and deadline lead to the decision and its trace."""

    @pytest.mark.parametrize("case", choice_cases(), ids=lambda case: case.name)
    def test_is_followed(self, vocabulary: Vocabulary, case: ChoiceCase) -> None:
        choice = chosen(case, vocabulary)

        assert (choice.candidates, choice.because, choice.loads_next) == (case.then, case.because, case.loads)
        assert {option.model: option.skipped for option in choice.options if option.skipped} == case.skipped

    def test_has_cases_enough(self) -> None:
        assert len(choice_cases()) >= 25


presences = st.sampled_from(Presence)
moments = st.floats(0, 60, allow_nan=False)
stands = st.builds(
    lambda presence, load_s, left_s, busy, slots, displaces, swap_s: Standing(
        "any",
        presence,
        slots=slots,
        busy=min(busy, slots),
        load_s=load_s,
        left_s=left_s,
        displaces=displaces,
        swap_s=swap_s if displaces else 0.0,
    ),
    presences,
    moments,
    moments,
    st.integers(0, 4),
    st.integers(1, 4),
    st.sampled_from([(), ("meltemi",), ("primary",), ("meltemi", "dice")]),
    moments,
)
houses = st.fixed_dictionaries({model.id: stands for model in CAMPAIGN})


def choice_in(
    house: dict[str, Standing], route: Route = STORY, worth: Worth | None = None, *, waits: bool = True
) -> Choice:
    asked = Question(Due(5.0, "the target for story"), 20, waits)
    return choose(route, asked, tuple(CAMPAIGN), lambda name: replace(house[name], model=name), Timing(), {}, worth)


class TestAnyHouse:
    @given(houses)
    def test_has_the_right_model_in_its_chain_and_nobody_twice(self, house: dict[str, Standing]) -> None:
        choice = choice_in(house)

        assert "deep" in choice.candidates
        assert len(set(choice.candidates)) == len(choice.candidates)
        assert choice.options[0].model == choice.right == "deep"

    @given(houses)
    def test_substitutes_only_one_that_is_there_in_time_and_good_enough(self, house: dict[str, Standing]) -> None:
        choice = choice_in(house)
        if not choice.is_substituted:
            return
        taken = next(option for option in choice.options if option.model == choice.candidates[0])

        assert house[taken.model].presence is not Presence.COLD
        assert taken.quality >= Worth().lowest_quality
        assert taken.expected is not None
        assert taken.expected.first_words_s <= 5.0

    @given(houses)
    def test_never_leaves_a_right_model_that_is_free(self, house: dict[str, Standing]) -> None:
        house["deep"] = Standing("deep")

        assert choice_in(house).candidates[0] == "deep"

    @given(houses)
    def test_makes_nobody_wait_who_does_not_want_to(self, house: dict[str, Standing]) -> None:
        for name in choice_in(house, waits=False).candidates:
            assert house[name].is_there
            assert house[name].busy < house[name].slots

    @given(houses)
    def test_is_left_out_of_it_in_a_tool_loop(self, house: dict[str, Standing]) -> None:
        loop = Route(("deep", "primary"), "in the middle of a tool call", Rule.TOOL_LOOP)

        assert choice_in(house, loop).candidates == ("deep", "primary")


class TestASwap:
    """Ski rental: what is paid in rent before a swap is bought is at most its price and one rent."""

    @given(st.floats(0.1, 60))
    def test_is_bought_when_as_much_was_paid_in_rent(self, swap_s: float) -> None:
        house = {model.id: Standing(model.id) for model in CAMPAIGN}
        house["deep"] = Standing("deep", Presence.COLD, load_s=30.0, displaces=("meltemi",), swap_s=swap_s)
        debts, paid_s, rent_s = Debts(), 0.0, 0.0
        asked = Question(Due(5.0, "the target for story"))
        for _ in range(1_000):
            choice = choose(STORY, asked, tuple(CAMPAIGN), house.__getitem__, Timing(), debts.owed_s)
            debts.note(choice)
            rent_s = choice.rent_s
            paid_s += rent_s
            if choice.loads_next == "deep":
                break

        assert swap_s <= paid_s <= swap_s + rent_s
        assert debts.owed_s == {}

    def test_forgets_the_rent_once_the_right_model_answers(self) -> None:
        debts = Debts({"deep": 3.0})
        debts.note(choice_in({model.id: Standing(model.id) for model in CAMPAIGN}))

        assert debts.owed_s == {}


class TestTheSettings:
    LATE = {model.id: Standing(model.id) for model in CAMPAIGN} | {"deep": Standing("deep", Presence.COLD, load_s=30.0)}

    @pytest.mark.parametrize("what", [Task.STORY, Language.EL])
    def test_may_keep_a_task_or_a_language_for_the_right_model(self, what: Task | Language) -> None:
        worth = Worth(exact=frozenset({what}))
        route = replace(STORY, language=Language.EL, task=Task.STORY)

        choice = choice_in(self.LATE, route, worth)

        assert choice.candidates == ("deep", "primary")
        assert choice.options[1].skipped == f"nobody stands in for {what.value}"

    def test_may_allow_no_substitutes(self) -> None:
        assert choice_in(self.LATE, worth=Worth(may_substitute=False)).candidates[0] == "deep"

    def test_may_keep_everything_in_the_house(self) -> None:
        house = self.LATE | {"primary": Standing("primary", Presence.COLD), "cloud": Standing("cloud", Presence.HOSTED)}

        assert choice_in(house).candidates[0] == "cloud"
        assert choice_in(house, worth=Worth(may_overflow=False)).candidates[0] == "deep"

    def test_say_how_bad_a_substitute_may_be(self) -> None:
        assert choice_in(self.LATE, worth=Worth(lowest_quality=0.95)).candidates[0] == "deep"
