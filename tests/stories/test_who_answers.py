"""A settings file that says what each model is for, and requests that name no model."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stories.inn import Inn, an_inn

SETTINGS = """
default_model = "primary"

[models.primary]
engine = "echo"

[models.dice]
engine = "echo"
tasks = ["mechanics", "combat"]

[models.greek]
engine = "echo"
languages = ["el"]

[models.broken]
engine = "echo"
tasks = ["summary"]
options = { fails_loads = 1000 }
"""


@pytest.fixture(scope="module")
def inn() -> Iterator[Inn]:
    with an_inn() as inn:
        inn.settings(SETTINGS)
        inn.start()
        yield inn


def who(inn: Inn, text: str, **headers: str) -> tuple[str, str]:
    """The model that answered, and why."""
    body = {"messages": [{"role": "user", "content": text}]}
    named = {f"x-innkeeper-{name}": value for name, value in headers.items()}
    answer = inn.post("/v1/chat/completions", body, named)
    assert answer.status == 200, answer.body
    return answer.headers["x-innkeeper-model"], answer.headers["x-innkeeper-route"]


class TestARequestThatNamesNoModel:
    """C69, C70."""

    def test_goes_by_its_language(self, inn: Inn) -> None:
        assert who(inn, "Πού πάμε απόψε;") == ("greek", "the text is Greek by its letters; greek speaks it")

    def test_goes_by_its_words(self, inn: Inn) -> None:
        assert who(inn, "roll 2d6+3") == ("dice", 'the words speak of mechanics ("2d6", "roll"); dice does it')

    def test_goes_by_the_task_it_names(self, inn: Inn) -> None:
        assert who(inn, "hello", task="combat") == ("dice", "the task is combat; dice does it")

    def test_stays_in_its_conversation(self, inn: Inn) -> None:
        """C73."""
        who(inn, "roll 2d6+3", conversation="evening-1")

        assert who(inn, "go on", conversation="evening-1") == ("dice", "the conversation stays with dice")

    def test_goes_to_the_default_model_otherwise(self, inn: Inn) -> None:
        assert who(inn, "good evening") == ("primary", "the default model")

    def test_is_answered_by_the_default_model_when_the_best_one_fails(self, inn: Inn) -> None:
        """C74."""
        model, because = who(inn, "summarise the evening")

        assert model == "primary"
        assert because.startswith('the words speak of summary ("summarise"); broken does it; broken could not (load_')


class TestASettingsFile:
    def test_that_names_a_task_nobody_knows_is_told_the_nearest(self) -> None:
        with an_inn() as inn:
            inn.settings('[models.a]\nengine = "echo"\ntasks = ["mechanic"]')
            said = inn.command("settings")

        assert said.code == 3
        assert (
            'line 3: `models.a.tasks` is ["mechanic"]; it names "mechanic", which is no task that is known' in said.err
        )
        assert 'did you mean "mechanics"?' in " ".join(said.err.split())
