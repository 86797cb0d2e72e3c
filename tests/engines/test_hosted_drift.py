"""Drift: what a model does not take is sent otherwise, once it said so."""

from __future__ import annotations

import pytest

from innkeeper.runtime.engines.hosted_drift import Change, Drift, refused_parameter
from innkeeper.runtime.messages import Kind, Request


def sent(drift: Drift, *, streams: bool = False, kind: Kind = Kind.CHAT, **fields: object) -> dict[str, object]:
    return drift.body(Request("r-1", kind, {"messages": [], **fields}, streams=streams), "vendor/large", 500)


class TestTheBody:
    def test_is_the_callers_under_the_models_name_there(self) -> None:
        body = sent(Drift(), model="cloud", temperature=0.5, seed=None, top_k=40, max_tokens=7)

        assert body == {"model": "vendor/large", "messages": [], "temperature": 0.5, "top_k": 40, "max_tokens": 7}

    def test_has_a_limit_where_the_caller_sets_none(self) -> None:
        assert sent(Drift())["max_tokens"] == 500
        assert "max_tokens" not in sent(Drift(), max_completion_tokens=9)
        assert "max_tokens" not in sent(Drift(), kind=Kind.EMBEDDING)

    def test_asks_for_figures_when_it_streams(self) -> None:
        body = sent(Drift(), streams=True, stream_options={"other": 1})

        assert (body["stream"], body["stream_options"]) == (True, {"other": 1, "include_usage": True})

    def test_keeps_what_is_said_to_us_alone(self) -> None:
        body = sent(Drift(), priority=3, metadata={"task": "story", "conversation": "c", "theirs": "x"})

        assert "priority" not in body
        assert body["metadata"] == {"theirs": "x"}
        assert "metadata" not in sent(Drift(), metadata={"task": "story"})


class TestARefusedParameter:
    def test_is_sent_under_its_other_name(self) -> None:
        drift = Drift()
        change = drift.change_for("max_tokens", sent(drift))
        assert change == Change("max_tokens", "max_completion_tokens")
        drift.remember(change)

        assert sent(drift, max_tokens=7)["max_completion_tokens"] == 7
        assert "max_tokens" not in sent(drift, max_tokens=7)

    def test_is_left_out_when_its_other_name_is_refused_as_well(self) -> None:
        drift = Drift()
        for name in ("max_tokens", "max_completion_tokens"):
            change = drift.change_for(name, sent(drift))
            assert change is not None
            drift.remember(change)

        body = sent(drift)
        assert not {"max_tokens", "max_completion_tokens"} & body.keys()
        assert drift.change_for("max_tokens", body) is None

    def test_without_another_name_is_left_out(self) -> None:
        drift = Drift()
        drift.remember(Change("temperature", None))

        assert "temperature" not in sent(drift, temperature=0.1)

    @pytest.mark.parametrize("name", ["messages", "tools", "response_format", "n", "stop", "model"])
    def test_that_is_the_question_itself_is_not_left_out(self, name: str) -> None:
        assert Drift().change_for(name, {**sent(Drift()), name: ["x"]}) is None

    def test_that_was_never_sent_is_no_reason_to_try_again(self) -> None:
        assert Drift().change_for("temperature", sent(Drift())) is None


@pytest.mark.parametrize(
    ("message", "parameter"),
    [
        ("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'x' instead.", "max_tokens"),
        ("Unsupported value: 'temperature' does not support 0.2 with this model.", "temperature"),
        ("Unrecognized request argument supplied: top_k", "top_k"),
        ("Unknown parameter: 'stream_options.include_usage'.", "stream_options"),
        ("`logprobs` is not supported by this model", "logprobs"),
        ("body.seed: Extra inputs are not permitted", "body"),
        ("seed: Extra inputs are not permitted", "seed"),
        ("property 'cache_prompt' is unsupported", "cache_prompt"),
        ("This model does not support the parameter 'top_p'", "top_p"),
        ("The prompt is too long", None),
        ("Invalid type for 'prompt': expected a string.", None),
    ],
)
def test_the_parameter_is_read_out_of_the_words(message: str, parameter: str | None) -> None:
    assert refused_parameter({"message": message}) == parameter


def test_a_code_says_which_parameter_where_the_words_do_not() -> None:
    assert refused_parameter({"message": "No.", "code": "unsupported_parameter", "param": "seed"}) == "seed"
