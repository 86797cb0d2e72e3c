"""What engines say becomes what Ollama's clients read."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from innkeeper.runtime.errors import EngineDied
from innkeeper.runtime.messages import Began, Usage
from innkeeper.runtime.wire.ollama.answers import Clocks, EmbedAnswer, OllamaAnswer, Shape


@pytest.fixture
def now() -> list[float]:
    return [100.0]


@pytest.fixture
def clocks(now: list[float]) -> Clocks:
    return Clocks(lambda: now[0], lambda: 1_700_000_000.0)


def piece(**delta: object) -> bytes:
    return json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}).encode()


def lines(*parts: bytes) -> Iterator[dict[str, object]]:
    return (json.loads(line) for line in b"".join(parts).splitlines())


class TestAnAnswer:
    def test_tells_the_times_of_the_engine_where_it_says_them(self, now: list[float], clocks: Clocks) -> None:
        answer = OllamaAnswer(Shape.CHAT, "narrator", "narrator", clocks)
        now[0] = 107.0
        answer.began(Began("narrator", "", waited_s=5.0, load_s=4.0))
        now[0] = 110.0
        [last] = lines(answer.done(Usage(7, 3, prompt_s=1.5, answer_s=2.5)))

        assert {name: last[name] for name in last if name.endswith(("duration", "count"))} == {
            "total_duration": 10_000_000_000,
            "load_duration": 4_000_000_000,
            "prompt_eval_count": 7,
            "prompt_eval_duration": 1_500_000_000,
            "eval_count": 3,
            "eval_duration": 2_500_000_000,
        }

    def test_tells_what_was_seen_from_outside_where_the_engine_does_not(self, now: list[float], clocks: Clocks) -> None:
        """From 100 to 105 it waited, until 107 it read the prompt, until 110 it spoke."""
        answer = OllamaAnswer(Shape.CHAT, "narrator", "narrator", clocks)
        now[0] = 107.0
        answer.began(Began("narrator", "", waited_s=5.0, load_s=4.0))
        now[0] = 110.0
        [last] = lines(answer.done(Usage(7, 3)))

        assert (last["prompt_eval_duration"], last["eval_duration"]) == (2_000_000_000, 3_000_000_000)

    def test_that_does_not_stream_makes_up_no_time_for_its_prompt(self, now: list[float], clocks: Clocks) -> None:
        answer = OllamaAnswer(Shape.GENERATE, "narrator", "narrator", clocks)
        now[0] = 110.0
        answer.began(Began("narrator", "", waited_s=5.0, load_s=4.0))
        whole = json.loads(answer.whole(b'{"choices": [{"text": "Once", "finish_reason": "length"}]}', Usage(7, 3)))

        assert "prompt_eval_duration" not in whole
        assert (whole["response"], whole["done_reason"], whole["eval_duration"]) == ("Once", "length", 5_000_000_000)

    def test_tells_thoughts_apart_from_words(self, clocks: Clocks) -> None:
        answer = OllamaAnswer(Shape.CHAT, "narrator", "narrator", clocks)
        said = list(lines(answer.piece(piece(reasoning_content="Hm")), answer.piece(piece(content="Yes"))))

        assert [line["message"] for line in said] == [
            {"role": "assistant", "content": "", "thinking": "Hm"},
            {"role": "assistant", "content": "Yes"},
        ]

    def test_says_nothing_for_a_piece_without_words(self, clocks: Clocks) -> None:
        answer = OllamaAnswer(Shape.CHAT, "narrator", "narrator", clocks)
        assert answer.piece(piece(role="assistant")) == b""
        assert answer.piece(b'{"choices": [], "usage": {}}') == b""

    def test_gives_calls_whose_arguments_are_broken_as_they_are(self, clocks: Clocks) -> None:
        answer = OllamaAnswer(Shape.CHAT, "narrator", "narrator", clocks)
        answer.piece(piece(tool_calls=[{"index": 0, "id": "c", "function": {"name": "roll", "arguments": '{"si'}}]))
        called, _ = lines(answer.done(Usage()))

        assert called["message"] == {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "c", "function": {"index": 0, "name": "roll", "arguments": {"arguments": '{"si'}}}],
        }

    def test_is_signed_by_who_gave_it_under_the_name_that_was_used_for_it(self, clocks: Clocks) -> None:
        answer = OllamaAnswer(Shape.CHAT, "narrator:latest", "narrator", clocks)
        answer.began(Began("narrator", "", 0.0, 0.0))
        asked_for = answer.model
        answer.began(Began("scribe", "", 0.0, 0.0))

        assert (asked_for, answer.model) == ("narrator:latest", "scribe")

    def test_that_fails_ends_with_a_line_that_says_so(self, clocks: Clocks) -> None:
        """C81."""
        answer = OllamaAnswer(Shape.CHAT, "narrator", "narrator", clocks)
        assert list(lines(answer.failed(EngineDied("gone")))) == [{"error": "gone", "code": "engine_died"}]


class TestVectors:
    def test_come_in_the_order_of_the_texts(self, clocks: Clocks) -> None:
        answer = EmbedAnswer("scribe", "scribe", clocks, is_older=False)
        rows = [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}]
        whole = json.loads(answer.whole(json.dumps({"data": rows}).encode(), Usage(prompt_tokens=4)))

        assert (whole["embeddings"], whole["prompt_eval_count"]) == ([[1.0], [2.0]], 4)
