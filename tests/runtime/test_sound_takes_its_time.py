"""Hearing takes as long as it takes: no limit for the first words of a text ends it."""

from __future__ import annotations

import pytest

from innkeeper.runtime.chain import HEARD_WITHIN_S, Chain, Limits
from innkeeper.runtime.messages import Kind, Request
from innkeeper.runtime.routing.choice import Choice
from innkeeper.runtime.routing.deadlines import Targets


@pytest.mark.parametrize("deadline_s", [None, 1.0])
@pytest.mark.parametrize("streams", [True, False])
def test_a_recording_of_hours_is_heard_to_its_end_although_another_model_could_answer(
    streams: bool, deadline_s: float | None
) -> None:
    """C76: a slow answer is no failure where slowness is in the nature of the work."""
    due = Targets().due(None, None, goes_by_language=False, is_for_default=False, asked_s=deadline_s)
    choice = Choice(("ear", "cloud"), "it hears", "ear", due, ())
    request = Request("r-1", Kind.TRANSCRIPTION, {"file": "talk.mp3"}, streams=streams, deadline_s=deadline_s)
    first, second = Chain(choice, request, Limits(silence_s=1, stuck_s=1, whole_answer_s=1), seconds=lambda: 0.0)
    assert first.silence_s == HEARD_WITHIN_S
    assert (first.first_words_within_s, second.first_words_within_s) == (HEARD_WITHIN_S, HEARD_WITHIN_S)
