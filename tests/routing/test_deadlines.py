"""When the first words are due."""

from __future__ import annotations

import pytest

from innkeeper.runtime.routing.deadlines import Targets
from innkeeper.runtime.routing.names import Language, Task


class TestATarget:
    @pytest.mark.parametrize(
        ("task", "within_s"),
        [(Task.MECHANICS, 1.0), (Task.COMBAT, 1.0), (Task.ROLEPLAY, 2.0), (Task.STORY, 5.0), (Task.SUMMARY, 3.0)],
    )
    def test_is_that_of_the_task(self, task: Task, within_s: float) -> None:
        assert Targets().due(task, None).within_s == within_s

    def test_is_that_of_the_language_where_the_language_decided(self) -> None:
        assert Targets().due(Task.COMBAT, Language.EL, goes_by_language=True).within_s == 8.0
        assert Targets().due(Task.COMBAT, Language.EL).within_s == 1.0
        assert Targets().due(None, Language.DE, goes_by_language=True).within_s == 3.0

    def test_is_shorter_for_what_goes_to_the_default_model(self) -> None:
        assert Targets().due(None, Language.EN, is_for_default=True).within_s == 2.0
        assert Targets().due(None, None).within_s == 3.0

    def test_yields_to_the_callers_own_deadline(self) -> None:
        due = Targets().due(Task.COMBAT, None, asked_s=0.2)

        assert (due.within_s, due.because) == (0.2, "the caller's deadline")

    def test_says_whose_it_is(self) -> None:
        assert Targets().due(Task.STORY, None).because == "the target for story"
        assert Targets().due(None, Language.EL, goes_by_language=True).because == "the target for Greek"
