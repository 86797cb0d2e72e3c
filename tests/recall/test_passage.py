"""A passage: what makes it the same, and what it refuses to be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from innkeeper.recall.passage import Passage, storable
from innkeeper.runtime.errors import InvalidRequest

SAID = Passage("Good morning.", "episode 1", "feed", start_s=1, end_s=2.5, speaker="Ada")


class TestItsKey:
    @pytest.mark.parametrize(
        "fields", [{"audience": frozenset({"x"})}, {"importance": 1.0}, {"at": 5.0}, {"start_s": 1.0}]
    )
    def test_what_may_change_does_not_change_it(self, fields: dict[str, object]) -> None:
        assert replace(SAID, **fields).key == SAID.key  # type: ignore[arg-type]  # the fields of Passage by name

    @pytest.mark.parametrize(
        "fields",
        [
            {"text": "Good evening."},
            {"source": "episode 2"},
            {"collection": ""},
            {"page": 1},
            {"speaker": None},
            {"end_s": 3.0},
        ],
    )
    def test_what_it_says_and_where_changes_it(self, fields: dict[str, object]) -> None:
        assert replace(SAID, **fields).key != SAID.key  # type: ignore[arg-type]  # the fields of Passage by name

    def test_it_is_the_same_for_ever(self) -> None:
        assert SAID.key == "447fe328d0eda7922b328dc829bee7bb"


class TestAPassage:
    @pytest.mark.parametrize(
        ("fields", "param"),
        [
            ({"text": " \n"}, "text"),
            ({"text": "a\x00b"}, "text"),
            ({"text": "a\ud800b"}, "text"),
            ({"audience": frozenset({"\x00"})}, "audience"),
            ({"importance": 1.1}, "importance"),
            ({"at": float("inf")}, "at"),
            ({"start_s": 3.0}, "end_s"),
        ],
    )
    def test_what_no_store_could_keep_is_refused(self, fields: dict[str, object], param: str) -> None:
        with pytest.raises(InvalidRequest) as refused:
            replace(SAID, **fields)  # type: ignore[arg-type]  # the fields of Passage by name
        assert refused.value.param == param

    def test_text_from_anywhere_can_be_made_storable(self) -> None:
        assert replace(SAID, text=storable("a\x00b\ud800 ok 😀")).text == "a\ufffdb\ufffd ok 😀"
