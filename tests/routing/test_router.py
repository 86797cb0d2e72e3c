"""The router: who may answer, in which order, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.runtime.catalog import Catalog
from innkeeper.runtime.errors import InnkeeperError, LoadFailed
from innkeeper.runtime.messages import Kind, Request
from innkeeper.runtime.routing.choice import because_after
from innkeeper.runtime.routing.router import route
from innkeeper.runtime.routing.vocabulary import Vocabulary
from innkeeper.settings.words import read_vocabulary
from tests.routing.labelled import Case, cases, catalogs, model

CATALOGS = catalogs()
VOCABULARY = read_vocabulary()


def decided(case: Case, vocabulary: Vocabulary) -> tuple[tuple[str, ...], str] | str:
    """The candidates and the reason, or the code of the error."""
    try:
        chosen = route(case.request(), CATALOGS[case.policy], vocabulary, case.last)
    except InnkeeperError as error:
        return error.code
    return chosen.candidates, chosen.because


def chat(text: str, **more: str | None) -> Request:
    return replace(Request("r-1", Kind.CHAT, {"messages": [{"role": "user", "content": text}]}), **more)  # type: ignore[arg-type]  # fields that are texts


class TestTheTable:
    """C69, C70, C73: policy and request lead to the decision and its reason; the first rule that matches wins."""

    @pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.policy}: {case.text}")
    def test_is_followed(self, vocabulary: Vocabulary, case: Case) -> None:
        expected = case.error or (tuple(case.candidates), case.because)

        assert decided(case, vocabulary) == expected

    def test_has_cases_enough(self) -> None:
        assert len(cases()) >= 100
        assert {case.policy for case in cases()} == CATALOGS.keys()


class TestWithoutDeclarations:
    def test_nothing_but_the_name_and_the_default_counts(self, vocabulary: Vocabulary) -> None:
        for case in cases():
            case_of_nothing = replace(case, policy="nothing declared", kind="chat", may_use=None)
            if case.model is None:
                assert decided(case_of_nothing, vocabulary) == (("primary",), "the default model")


class TestDoubt:
    """C69, C71: whatever the text is, the default answers."""

    @given(st.text(max_size=300))
    def test_any_text_ends_with_the_default(self, text: str) -> None:
        candidates = route(chat(text), CATALOGS["campaign"], VOCABULARY).candidates

        assert candidates[-1] == "primary"
        assert len(set(candidates)) == len(candidates)

    @given(st.recursive(st.none() | st.integers() | st.text(max_size=9), st.lists, max_leaves=6))
    def test_content_of_any_shape_is_no_obstacle(self, content: object) -> None:
        request = Request("r-1", Kind.CHAT, {"messages": [{"role": "user", "content": content}]})

        assert route(request, CATALOGS["campaign"], VOCABULARY).candidates[-1] == "primary"

    def test_an_empty_vocabulary_still_tells_scripts(self) -> None:
        campaign = CATALOGS["campaign"]

        assert route(chat("Roll 2d6"), campaign, Vocabulary()).candidates == ("dice", "primary")
        assert route(chat("Καλημέρα"), campaign, Vocabulary()).candidates == ("meltemi", "primary")
        assert route(chat("tell me a story"), campaign, Vocabulary()).candidates == ("primary",)


class TestManySuited:
    def test_all_of_them_are_candidates_before_the_default(self, vocabulary: Vocabulary) -> None:
        two = Catalog((model("d"), model("a", tasks=("story",)), model("b", tasks=("story",))), "d")

        assert route(chat("tell me a story"), two, vocabulary).candidates == ("a", "b", "d")
        assert route(chat("tell me a story"), two, vocabulary, last="b").candidates == ("b", "a", "d")

    def test_a_default_that_suits_is_named_once(self, vocabulary: Vocabulary) -> None:
        suited = Catalog((model("d", tasks=("story",)), model("a")), "d")

        assert route(chat("tell me a story"), suited, vocabulary).candidates == ("d",)


class TestAReason:
    def test_tells_who_failed_before(self) -> None:
        because = "the text is Greek by its letters; meltemi speaks it"

        assert because_after(because, []) == because
        assert because_after(because, [("meltemi", LoadFailed("no"))]) == (
            "the text is Greek by its letters; meltemi speaks it; meltemi could not (load_failed)"
        )
