"""The settings as a value: documented, frozen, closed."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import pytest
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from innkeeper.settings.section import Section
from innkeeper.settings.values import (
    CONSENT,
    ApiSettings,
    Finding,
    MemorySettings,
    ModelSettings,
    Settings,
)


def sections(kind: type[Section] = Section) -> Iterator[type[Section]]:
    for section in kind.__subclasses__():
        yield section
        yield from sections(section)


def fields() -> list[tuple[str, FieldInfo]]:
    return [
        (f"{section.__name__}.{name}", info) for section in sections() for name, info in section.model_fields.items()
    ]


class TestDocumentation:
    @pytest.mark.parametrize(("name", "info"), fields(), ids=lambda value: value if isinstance(value, str) else "")
    def test_every_setting_says_why_it_is_there(self, name: str, info: FieldInfo) -> None:
        assert info.description, f"{name} needs a docstring under it"
        assert info.description.rstrip().endswith((".", ':\n`"')) or info.description.rstrip()[-1] in ".`"

    @pytest.mark.parametrize(("name", "info"), fields(), ids=lambda value: value if isinstance(value, str) else "")
    def test_every_setting_has_a_default(self, name: str, info: FieldInfo) -> None:
        assert not info.is_required(), name

    @pytest.mark.parametrize("section", list(sections()), ids=lambda section: section.__name__)
    def test_every_table_says_what_it_is_about(self, section: type[Section]) -> None:
        assert section.__doc__


class TestValues:
    def test_a_value_cannot_be_changed(self) -> None:
        with pytest.raises(ValidationError):
            Settings().port = 1

    def test_an_idle_model_may_stay_until_its_memory_is_needed(self) -> None:
        assert ModelSettings.model_validate({"keep_for_s": "until needed"}).keep_for_s is None
        assert ModelSettings.model_validate({"keep_for_s": "12"}).keep_for_s == 12.0

    def test_memory_in_one_number_is_main_memory(self) -> None:
        assert ModelSettings.model_validate({"memory": "1 GiB"}).memory == {"ram": 1024**3}
        assert ModelSettings.model_validate({"memory": {"gpu0": "1 GiB"}}).memory == {"gpu0": 1024**3}

    def test_the_reserve_is_a_tenth_but_not_over_a_gibibyte_unless_it_is_said(self) -> None:
        assert MemorySettings().reserve_of(2 * 1024**3) == 2 * 1024**3 // 10
        assert MemorySettings().reserve_of(64 * 1024**3) == 1024**3
        assert MemorySettings(reserve=Fraction(1, 4)).reserve_of(1000) == 250
        assert MemorySettings(alarm=Fraction(1, 20)).alarm_of(1000) == 50

    def test_the_door_is_opened_by_the_whole_sentence_only(self) -> None:
        assert not ApiSettings().consents_to_open_network
        assert ApiSettings.model_validate({"open_to_network_without_keys": CONSENT}).consents_to_open_network

    @pytest.mark.parametrize(
        ("models", "finding", "looks"),
        [
            ({}, Finding.AUTOMATIC, True),
            ({"found": {"slots": 4}}, Finding.AUTOMATIC, True),
            ({"mine": {"file": "a.gguf"}}, Finding.AUTOMATIC, False),
            ({"echo": {"engine": "echo"}}, Finding.AUTOMATIC, False),
            ({"mine": {"file": "a.gguf"}}, Finding.ALWAYS, True),
            ({}, Finding.NEVER, False),
        ],
    )
    def test_models_are_looked_for_when_the_settings_bring_none(
        self, models: dict[str, dict[str, object]], finding: Finding, looks: bool
    ) -> None:
        assert Settings.model_validate({"models": models, "find_models": finding}).looks_for_models is looks
