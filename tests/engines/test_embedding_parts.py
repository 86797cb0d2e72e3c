"""Embedding requests put together and taken apart."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.runtime.engines.embedding_parts import answer_of, inputs_of, options_of, rows_of, shared_out, weight
from innkeeper.runtime.errors import EngineFailed

ANSWER = (
    b'{"model":"m","object":"list","usage":{"prompt_tokens":5,"total_tokens":5},"data":['
    b'{"embedding":[0.1,-2e-05],"index":1,"object":"embedding"},'
    b'{"embedding":[3.5,4],"index":0,"object":"embedding"}]}'
)
BASE64 = b'{"data":[{"object":"embedding","index": 0,"encoding_format":"base64","embedding":"AACA\\/w=="}],"usage":{}}'


class TestInputs:
    @pytest.mark.parametrize(
        ("said", "inputs"),
        [
            ("one", ["one"]),
            (["one", "two"], ["one", "two"]),
            ([1, 2, 3], [[1, 2, 3]]),
            ([[1, 2], [3]], [[1, 2], [3]]),
            (["one", 2], [["one", 2]]),  # llama.cpp reads texts between token numbers as one input
        ],
    )
    def test_a_request_has_one_input_or_many(self, said: object, inputs: list[object]) -> None:
        assert inputs_of({"input": said}) == inputs

    def test_requests_that_differ_in_who_asks_or_what_belong_together(self) -> None:
        first = options_of({"input": "a", "user": "x", "dimensions": 8, "encoding_format": "float"})
        assert first == options_of({"encoding_format": "float", "dimensions": 8, "input": ["b", "c"], "model": "m"})

    @pytest.mark.parametrize("field", [{"encoding_format": "base64"}, {"dimensions": 8}, {"embd_normalize": -1}])
    def test_requests_that_want_other_vectors_do_not(self, field: dict[str, object]) -> None:
        assert options_of({"input": "a"}) != options_of({"input": "a", **field})

    def test_a_text_weighs_about_its_tokens_and_a_list_of_tokens_its_length(self) -> None:
        assert [weight("word"), weight("Αθήνα"), weight([5] * 9), weight("")] == [2, 3, 9, 1]


class TestRows:
    def test_they_come_in_the_order_of_the_inputs_as_the_engine_wrote_them(self) -> None:
        assert rows_of("m", ANSWER, 2) == [
            b'{"embedding":[3.5,4],"index":0,"object":"embedding"}',
            b'{"embedding":[0.1,-2e-05],"index":1,"object":"embedding"}',
        ]

    def test_vectors_in_base64_are_rows_too(self) -> None:
        (row,) = rows_of("m", BASE64, 1)
        assert json.loads(row)["embedding"] == "AACA/w=="

    @pytest.mark.parametrize("count", [1, 3])
    def test_an_answer_with_too_few_or_too_many_is_the_engines_failure(self, count: int) -> None:
        with pytest.raises(EngineFailed, match=f"given {count} inputs and its answer has 2 vectors"):
            rows_of("m", ANSWER, count)

    def test_an_answer_numbers_its_rows_anew(self) -> None:
        rows = rows_of("m", ANSWER, 2)
        answer = json.loads(answer_of('a "model"', [rows[1], rows[0], rows[1]], 7))
        assert [row["index"] for row in answer["data"]] == [0, 1, 2]
        assert [row["embedding"] for row in answer["data"]] == [[0.1, -2e-05], [3.5, 4], [0.1, -2e-05]]
        assert answer["usage"] == {"prompt_tokens": 7, "total_tokens": 7}
        assert (answer["object"], answer["model"]) == ("list", 'a "model"')


class TestUsage:
    @given(total=st.integers(0, 10_000), weights=st.lists(st.integers(1, 500), min_size=1, max_size=40))
    def test_shares_add_up_and_each_is_within_one_of_what_is_fair(self, total: int, weights: list[int]) -> None:
        shares = shared_out(total, weights)
        assert sum(shares) == total
        for share, one in zip(shares, weights, strict=True):
            assert abs(share - total * one / sum(weights)) <= 1
