"""Tokens that nobody has counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from innkeeper.runtime.spending.tokens import (
    TOKENS_OF_A_PICTURE,
    likely_prompt_tokens,
    likely_tokens,
    most_answer_tokens,
    most_prompt_tokens,
)


def chat(content: object) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": content}]}


class TestAtMost:
    @given(st.text())
    def test_a_prompt_has_no_more_tokens_than_bytes(self, text: str) -> None:
        assert most_prompt_tokens(chat(text)) >= len(text.encode("utf-8", "replace"))

    def test_a_picture_is_counted_by_itself_and_not_by_its_bytes(self) -> None:
        picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1_000_000}}

        assert TOKENS_OF_A_PICTURE <= most_prompt_tokens(chat([picture])) < TOKENS_OF_A_PICTURE + 200

    def test_an_answer_is_as_long_as_its_limit_and_as_often_as_is_asked(self) -> None:
        assert most_answer_tokens({"max_tokens": 10}, 500) == 10
        assert most_answer_tokens({"max_tokens": 10, "max_completion_tokens": 20, "n": 3}, 500) == 60
        assert most_answer_tokens({"max_tokens": None}, 500) == 500


class TestAboutSo:
    def test_four_latin_letters_are_a_token_and_one_or_two_others(self) -> None:
        assert likely_tokens("four letters") == 3
        assert likely_tokens("Καλημέρα") == 6
        assert likely_tokens("") == 0

    def test_all_texts_of_a_prompt_count_and_tokens_given_as_numbers_too(self) -> None:
        assert likely_prompt_tokens(chat([{"type": "text", "text": "word" * 100}])) >= 100
        assert likely_prompt_tokens({"input": [1, 2, 3, 4]}) >= 4
