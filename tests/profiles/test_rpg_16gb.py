"""The profile of the role-playing table with 16 GB, through the real settings, estimates, residency and router."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from innkeeper.discovery.found import Found
from innkeeper.runtime.catalog import Catalog
from innkeeper.runtime.engine import Footprint
from innkeeper.runtime.errors import AllPinned, DoesNotFit
from innkeeper.runtime.memory.estimate import estimate
from innkeeper.runtime.memory.header import Header
from innkeeper.runtime.memory.options import EngineOptions
from innkeeper.runtime.messages import Kind, Request
from innkeeper.runtime.reception import Reception
from innkeeper.runtime.residency.callers import Rules
from innkeeper.runtime.residency.machine import Residency
from innkeeper.runtime.residency.signals import CatalogSet, Load, Loaded, PreloadWanted, Terms
from innkeeper.runtime.routing.choice import Choice
from innkeeper.runtime.routing.vocabulary import Vocabulary
from innkeeper.settings.catalog import catalog_of
from innkeeper.settings.load import Sources, load
from innkeeper.settings.routing import targets_of
from innkeeper.settings.shipped import profile_names, profile_text
from innkeeper.settings.values import Settings
from innkeeper.settings.words import read_vocabulary
from tests.cli.command import CommandLine
from tests.profiles.headers import DEEP, GREEK, MECHANICS, PRIMARY

GIB = 2**30
HEADERS: Mapping[str, Header] = {"primary": PRIMARY, "mechanics": MECHANICS, "greek": GREEK, "deep": DEEP}


@pytest.fixture(scope="module")
def words() -> Vocabulary:
    return read_vocabulary()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "innkeeper.toml").write_text(profile_text("rpg-16gb"), encoding="utf-8")
    return load(Sources(tmp_path, {"HOME": str(tmp_path)})).settings


def footprints(catalog: Catalog, *, context: int | None = None, cache_type: str | None = None) -> dict[str, Footprint]:
    return {
        model.id: estimate(
            HEADERS[model.id],
            context=context or model.context or 0,
            slots=model.slots,
            cache_type=cache_type or model.cache_type,
            options=EngineOptions.chosen(model.options),
        )
        for model in catalog
    }


class Table:
    """The house of the profile: the pinned ones are ready, the others not."""

    def __init__(self, settings: Settings, words: Vocabulary, sizes: Mapping[str, Footprint] | None = None) -> None:
        self.catalog = catalog_of(settings, Found())
        sizes = sizes or footprints(self.catalog)
        budget = {pool: int(size) for pool, size in settings.budget.items()}  # type: ignore[union-attr]  # a table
        self.residency = Residency(budget, note=lambda _: None, rules=Rules())
        terms = {
            model.id: Terms(sizes[model.id], load_s=sizes[model.id].bytes["gpu0"] / 3e9 + 0.8, pinned=model.pinned)
            for model in self.catalog
        }
        self.residency.hear(CatalogSet(terms), 0.0)
        pinned = tuple(model.id for model in self.catalog if model.pinned)
        for effect in self.residency.hear(PreloadWanted(pinned, "pinned"), 0.0):
            assert isinstance(effect, Load)
            self.residency.hear(Loaded(effect.model, effect.generation, 1.0), 0.0)
        self.reception = Reception(
            self.residency,
            vocabulary=words,
            seconds=lambda: 0.0,
            trouble=lambda _: None,
            targets=targets_of(settings.targets),
            worth=settings.routing.worth(),
        )

    def asked(self, text: str) -> Choice:
        body = {"messages": [{"role": "user", "content": text}]}
        return self.reception.choice(Request("r-1", Kind.CHAT, body, streams=True), self.catalog)


class TestTheProfile:
    def test_is_a_settings_file_with_the_four_models(self, settings: Settings) -> None:
        assert list(settings.models) == ["primary", "mechanics", "greek", "deep"]
        assert settings.default_model == "primary"

    def test_fits_but_for_the_one_that_never_does(self, settings: Settings) -> None:
        sizes = {name: size.bytes["gpu0"] / GIB for name, size in footprints(catalog_of(settings, Found())).items()}

        assert sizes["primary"] + sizes["mechanics"] + sizes["greek"] == pytest.approx(14.8, abs=0.1)
        assert {name: round(size, 1) for name, size in sizes.items()} == {
            "primary": 8.3,
            "mechanics": 2.2,
            "greek": 4.4,
            "deep": 18.5,
        }

    @pytest.mark.parametrize(("cache_type", "needed_gib"), [("q8_0", 15.7), ("f16", 17.6)])
    def test_would_not_fit_with_the_context_that_weights_alone_suggest(
        self, settings: Settings, words: Vocabulary, cache_type: str, needed_gib: float
    ) -> None:
        sizes = footprints(catalog_of(settings, Found()), context=4096, cache_type=cache_type)
        table = Table(settings, words, sizes)

        three = (sizes[name].bytes["gpu0"] for name in ("primary", "mechanics", "greek"))
        assert sum(three) / GIB == pytest.approx(needed_gib, abs=0.1)
        assert isinstance(table.residency.standing("greek", 0.0).refusal, AllPinned)

    @pytest.mark.parametrize(
        ("text", "model"),
        [
            ("Good evening, who are you?", "primary"),
            ("I roll 2d6+3 for damage", "mechanics"),
            ("I attack the goblin with my sword", "mechanics"),
            ("Πού είναι το χωριό του βασιλιά;", "greek"),
        ],
    )
    def test_sends_each_text_to_its_model_in_time(
        self, settings: Settings, words: Vocabulary, text: str, model: str
    ) -> None:
        choice = Table(settings, words).asked(text)
        expected = choice.expected_of(model)

        assert (choice.right, choice.candidates[0]) == (model, model)
        assert expected is None or expected.first_words_s <= choice.due.within_s

    def test_has_primary_stand_in_for_the_deep_one_and_says_so(self, settings: Settings, words: Vocabulary) -> None:
        table = Table(settings, words)
        choice = table.asked("Tell me a story about the old king")

        assert isinstance(table.residency.standing("deep", 0.0).refusal, DoesNotFit)
        assert (choice.right, choice.candidates[0], choice.loads_next) == ("deep", "primary", None)
        assert choice.because.endswith(
            "deep cannot answer (budget_too_small): primary answers in its place with quality 0.8"
        )


class TestTheCommand:
    def test_prints_it_as_it_is(self, innkeeper: CommandLine) -> None:
        assert innkeeper("profile", "rpg-16gb").out == profile_text("rpg-16gb")

    def test_lists_them(self, innkeeper: CommandLine) -> None:
        assert innkeeper("profile").out.split() == list(profile_names())
        assert "rpg-16gb" in profile_names()

    def test_knows_no_other(self, innkeeper: CommandLine) -> None:
        refused = innkeeper("profile", "../../etc/passwd")
        assert refused.code == 4
        assert "There are: " in refused.err
        assert "rpg-16gb" in refused.err
