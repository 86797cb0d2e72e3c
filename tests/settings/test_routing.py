"""The settings of who answers, as the router is told them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from innkeeper.runtime.routing.choice import Worth
from innkeeper.runtime.routing.deadlines import Targets
from innkeeper.runtime.routing.names import Language, Task
from innkeeper.settings.routing import RoutingSettings, targets_of
from innkeeper.settings.values import ModelSettings, Settings


def refusal(**values: Any) -> str:  # what a settings file can hold
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(values)
    return str(caught.value)


class TestTargets:
    def test_are_the_usual_where_nothing_is_said(self) -> None:
        assert targets_of(Settings().targets) == Targets()

    def test_replace_what_they_name_and_nothing_else(self) -> None:
        said = Settings.model_validate({"targets": {"mechanics": "0.5", "Greek": 20, "default_model": 4, "other": 9}})
        targets = targets_of(said.targets)

        assert (targets.by_task[Task.MECHANICS], targets.by_task[Task.COMBAT]) == (0.5, 1.0)
        assert targets.by_language == {Language.EL: 20.0}
        assert (targets.default_model_s, targets.other_s) == (4.0, 9.0)

    @pytest.mark.parametrize(
        ("targets", "told"),
        [
            ({"mechanic": 1}, 'did you mean "mechanics"?'),
            ({"story": -1}, "(story)"),
            ({"story": "soon"}, "must be a number of seconds"),
            (5, "must be a table of seconds"),
        ],
    )
    def test_that_make_no_sense_are_refused(self, targets: Any, told: str) -> None:
        assert told in refusal(targets=targets)


class TestRouting:
    def test_is_the_usual_where_nothing_is_said(self) -> None:
        assert RoutingSettings().worth() == Worth()

    def test_is_told_to_the_router_as_it_is_said(self) -> None:
        said = RoutingSettings.model_validate(
            {
                "substitutes": False,
                "overflow": "no",
                "exact": ["story", "Greek"],
                "lowest_quality": 0.9,
                "quality_worth_s": 1,
                "lateness_worth_s": 2,
                "hosted_worth_s": 3,
                "switch_worth_s": 4,
            }
        )

        assert said.worth() == Worth(
            may_substitute=False,
            may_overflow=False,
            exact=frozenset({Task.STORY, Language.EL}),
            lowest_quality=0.9,
            quality_s=1,
            lateness_s=2,
            hosted_s=3,
            switch_s=4,
        )

    @pytest.mark.parametrize(
        ("routing", "told"),
        [
            ({"exact": ["storey"]}, 'did you mean "story"?'),
            ({"exact": 7}, "must be a list of tasks and languages"),
            ({"lowest_quality": 2}, "must be a number from 0 to 1"),
        ],
    )
    def test_that_makes_no_sense_is_refused(self, routing: Any, told: str) -> None:
        assert told in refusal(routing=routing)


class TestQuality:
    def test_may_be_one_number_for_everything(self) -> None:
        assert ModelSettings.model_validate({"quality": "0.7"}).quality == {"": 0.7}

    def test_may_be_told_by_task_and_language(self) -> None:
        assert ModelSettings.model_validate({"quality": {"story": 0.7, "greek": 1}}).quality == {"story": 0.7, "el": 1}

    def test_that_makes_no_sense_is_refused(self) -> None:
        assert "must be a number from 0 to 1" in refusal(models={"a": {"quality": 1.5}})
        assert "no task and no language" in refusal(models={"a": {"quality": {"klingon": 0.5}}})
