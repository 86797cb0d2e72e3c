"""Our values as JSON: what an operator's page is sent."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pytest

from innkeeper.api.as_json import to_json
from innkeeper.runtime.messages import Kind


@dataclass(frozen=True, slots=True)
class Room:
    """Something to show."""

    name: str
    size_bytes: object


class TestAValue:
    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            (Room("σκηνή", MappingProxyType({"ram": 7})), {"name": "σκηνή", "size_bytes": {"ram": 7}}),
            ((Room("a", None), Room("b", 1.5)), [{"name": "a", "size_bytes": None}, {"name": "b", "size_bytes": 1.5}]),
            (frozenset({"b", "a"}), ["a", "b"]),
            (Kind.CHAT, "chat"),
            (Path("models/a.gguf"), "models/a.gguf"),
            ({"rate": math.inf, "share": math.nan, "is_ready": True}, {"rate": None, "share": None, "is_ready": True}),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_is_shown_under_the_names_of_its_fields(self, value: object, shown: object) -> None:
        assert json.loads(to_json(value)) == shown

    def test_that_is_not_data_is_a_mistake_of_ours(self) -> None:
        with pytest.raises(TypeError, match="no JSON for object"):
            to_json(object())
