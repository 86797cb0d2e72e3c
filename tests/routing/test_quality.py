"""How well one model stands in for another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.routing.names import Language, Task
from innkeeper.runtime.routing.quality import quality_of
from tests.routing.labelled import model

PLAIN, DICE = model("plain"), model("dice", tasks=("mechanics",))
GREEK = model("greek", languages=("el",))


class TestQuality:
    @pytest.mark.parametrize(
        ("one", "task", "language", "quality"),
        [
            (DICE, Task.MECHANICS, None, 1.0),
            (PLAIN, Task.MECHANICS, None, 0.8),
            (PLAIN, None, Language.EN, 0.8),
            (DICE, Task.STORY, None, 0.5),
            (GREEK, None, Language.EL, 0.8),
            (GREEK, None, Language.EN, 0.35),
            (model("both", tasks=("story",), languages=("el",)), Task.STORY, Language.EL, 1.0),
            (model("both", tasks=("story",), languages=("el",)), Task.STORY, Language.DE, 0.35),
        ],
    )
    def test_goes_by_what_a_model_declares(
        self, one: Model, task: Task | None, language: Language | None, quality: float
    ) -> None:
        assert quality_of(one, task, language) == quality

    def test_of_a_language_is_low_where_another_model_is_for_it(self) -> None:
        assert quality_of(PLAIN, None, Language.EL) == 0.8
        assert quality_of(PLAIN, None, Language.EL, (PLAIN, GREEK)) == 0.35
        assert quality_of(PLAIN, None, Language.EN, (PLAIN, model("english", languages=("en",)))) == 0.8

    def test_is_what_the_owner_says(self) -> None:
        said = replace(PLAIN, quality={"": 0.9, "el": 0.3, "story": 0.7})

        assert quality_of(said, Task.COMBAT, None) == 0.9
        assert quality_of(said, Task.STORY, None) == 0.7
        assert quality_of(said, Task.STORY, Language.EL) == 0.3

    def test_goes_by_the_declaration_where_the_owner_says_nothing_of_it(self) -> None:
        assert quality_of(replace(DICE, quality={"el": 0.3}), Task.MECHANICS, Language.EN) == 1.0
