"""What llama.cpp says, and what we make of it."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.runtime.engines.llama_answer import Events, engine_body, has_figures, is_error, refusal, together, usage
from innkeeper.runtime.errors import EngineFailed, InnkeeperError, InvalidRequest, NotSupported, PromptTooLong
from innkeeper.runtime.messages import Kind, Request, Usage

LAST = (
    b'{"choices":[],"usage":{"completion_tokens":4,"prompt_tokens":42,"total_tokens":46,'
    b'"prompt_tokens_details":{"cached_tokens":7}},'
    b'"timings":{"cache_n":7,"prompt_n":35,"prompt_ms":2.5,"predicted_n":4,"predicted_ms":800.0}}'
)


class TestEvents:
    @given(
        data=st.lists(st.binary(min_size=1).filter(lambda d: not set(b"\r\n") & set(d) and d[0] != 32), max_size=6),
        cuts=st.lists(st.integers(min_value=0, max_value=400), max_size=8),
    )
    def test_they_are_whole_however_they_were_cut(self, data: list[bytes], cuts: list[int]) -> None:
        stream = b"".join(b"data: " + each + b"\n\n" for each in data)
        places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
        events = Events()

        heard = [event for start, end in pairwise(places) if start < end for event in events.feed(stream[start:end])]

        assert heard == data

    def test_comments_and_empty_events_are_dropped(self) -> None:
        assert Events().feed(b": still here\n\n\n\ndata: one\n\n:\n\n") == [b"one"]

    def test_other_line_ends_and_several_lines_are_understood(self) -> None:
        assert Events().feed(b"event: x\r\ndata: one\r\ndata:two\r\n\r\n") == [b"one\ntwo"]

    def test_an_error_in_a_field_of_its_own_is_heard(self) -> None:
        (data,) = Events().feed(b'error: {"code":500,"message":"no"}\n\n')

        assert is_error(data)


class TestTheShortcut:
    WORD = b'{"choices":[{"delta":{"content":"one"}}]}'

    def test_takes_an_event_of_words(self) -> None:
        sent = list[bytes]()

        def shortcut(data: bytes) -> bool:
            sent.append(data)
            return True

        assert Events(shortcut).take(b"data: " + self.WORD + b"\n\n")
        assert sent == [self.WORD]

    @pytest.mark.parametrize(
        "part",
        [
            b"data: " + WORD,
            b"data: " + WORD + b"\n\ndata: " + WORD + b"\n\n",
            b"data: " + WORD + b"\r\n\r\n",
            b'data: {"choices":\ndata: []}\n\n',
            b": still here\n\n",
            b"data: [DONE]\n\n",
            b'data: {"error":{"message":"no"}}\n\n',
            b"data: " + LAST + b"\n\n",
        ],
        ids=["cut", "two events", "other line ends", "two lines", "a comment", "the end", "an error", "figures"],
    )
    def test_leaves_everything_else_to_be_looked_at(self, part: bytes) -> None:
        assert not Events(lambda _: True).take(part)

    def test_leaves_the_rest_of_an_event_that_was_cut(self) -> None:
        events = Events(lambda _: True)
        events.feed(b'data: {"choices":"')

        assert not events.take(b'data: {"quoted":1}\n\n')

    def test_that_is_closed_or_not_there_takes_nothing(self) -> None:
        assert not Events(lambda _: False).take(b"data: " + self.WORD + b"\n\n")
        assert not Events().take(b"data: " + self.WORD + b"\n\n")


class TestFigures:
    def test_tokens_and_times_are_read_without_the_rest(self) -> None:
        assert usage(LAST) == Usage(42, 4, 7, 0.0025, 0.8)

    def test_times_alone_tell_the_tokens_too(self) -> None:
        timings = b'{"choices":[],"timings":{"cache_n":7,"prompt_n":35,"prompt_ms":1,"predicted_n":4,"predicted_ms":2}}'

        assert usage(timings) == Usage(42, 4, 7, 0.001, 0.002)

    def test_two_documents_make_one(self) -> None:
        times, tokens = (
            usage(b'{"timings":{"prompt_ms":1000,"predicted_ms":2000}}'),
            usage(b'{"usage":{"prompt_tokens":3}}'),
        )

        assert together(times, tokens) == Usage(3, 0, 0, 1.0, 2.0)

    def test_a_text_that_speaks_of_usage_is_only_a_text(self) -> None:
        piece = json.dumps({"choices": [{"delta": {"content": '"usage":{"prompt_tokens":9}, "timings":{}'}}]}).encode()

        assert not has_figures(piece)

    def test_an_embedding_answer_has_no_answer_tokens(self) -> None:
        answer = b'{"data":[{"embedding":[0.1]}],"usage":{"prompt_tokens":5,"total_tokens":5}}'

        assert usage(answer) == Usage(prompt_tokens=5)


class TestBodies:
    def test_the_callers_fields_pass_and_only_name_and_stream_are_ours(self) -> None:
        body = {"model": "other", "stream": True, "prompt": "Καλημέρα", "min_p": 0.1, "made_up": [1]}

        sent = engine_body("tiny", Request("r", Kind.COMPLETION, body, streams=False))

        assert json.loads(sent) == {**body, "model": "tiny", "stream": False}
        assert "Καλημέρα".encode() in sent


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "error", "kind"),
        [
            (400, {"message": "bad grammar", "type": "invalid_request_error"}, InvalidRequest),
            (404, {"message": "File Not Found", "type": "not_found_error"}, InvalidRequest),
            (501, {"message": "no embeddings here", "type": "not_supported_error"}, NotSupported),
            (500, {"message": "boom", "type": "server_error"}, EngineFailed),
            (503, {"message": "Loading model", "type": "unavailable_error"}, EngineFailed),
        ],
    )
    def test_the_status_says_who_can_act(
        self, status: int, error: dict[str, object], kind: type[InnkeeperError]
    ) -> None:
        refused = refusal("tiny", status, json.dumps({"error": error}).encode())

        assert type(refused) is kind
        assert str(error["message"]) in refused.message

    @pytest.mark.parametrize(
        "error",
        [
            {"type": "exceed_context_size_error", "message": "…", "n_prompt_tokens": 9120, "n_ctx": 8192},
            {
                "type": "server_error",
                "message": "input (9120 tokens) is too large to process. increase the physical batch size "
                "(current batch size: 8192)",
            },
            {
                "type": "server_error",
                "message": "input (9120 tokens) is larger than the max context size (8192 tokens).",
            },
        ],
    )
    def test_the_engines_own_refusal_of_a_long_prompt_keeps_both_numbers(self, error: dict[str, object]) -> None:
        refused = refusal("tiny", 400, json.dumps({"error": error}).encode())

        assert isinstance(refused, PromptTooLong)
        assert refused.numbers == {"needed_tokens": 9120, "limit_tokens": 8192}

    @pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": 3}', b'{"error": {}}', b"\xff"])
    def test_an_answer_that_nobody_expected_is_still_told(self, body: bytes) -> None:
        assert isinstance(refusal("tiny", 500, body), EngineFailed)
