"""Speech is one more guest under the same budget."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openai
import pytest

from tests.speech.sounds import SHARED, silence, tone, write_wav
from tests.stories.conftest import Shelf
from tests.stories.inn import Inn, an_inn
from tests.whispers import TOY, write_whisper

BUDGET_MIB = 230


@pytest.fixture(scope="module")
def inn(shelf: Shelf) -> Iterator[Inn]:
    with an_inn() as inn:
        write_whisper(inn.models / "ggml-toy.bin", shape=TOY)
        (inn.models / "large.gguf").symlink_to(shelf.large)
        inn.settings(f'budget = "{BUDGET_MIB} MiB"\n')
        inn.start()
        yield inn


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    return write_wav(tmp_path / "talk.wav", np.concatenate([tone(5), silence(4), tone(5)]))


class TestSpeech:
    def test_a_whisper_file_in_the_folder_is_a_model(self, inn: Inn) -> None:
        assert inn.model("ggml-toy")["kinds"] == ["transcription"]

    def test_it_is_loaded_for_the_sound_and_shares_the_budget_with_a_language_model(self, inn: Inn, talk: Path) -> None:
        with inn.client() as client:
            assert inn.say("large").status == 200
            answer = client.audio.transcriptions.create(
                file=talk, model="ggml-toy", response_format="verbose_json", language="en"
            )
            assert inn.say("large").status == 200
        assert answer.duration == 14
        assert [segment for segment in answer.segments or () if 5.5 < segment.start < 8.5] == []
        (pool,) = inn.ps()["pools"]
        assert pool["held_bytes"] <= BUDGET_MIB * 2**20

    def test_without_a_name_the_one_that_hears_is_asked(self, inn: Inn, talk: Path) -> None:
        with inn.client() as client, talk.open("rb") as sound:
            answer = client.audio.transcriptions.with_raw_response.create(
                file=sound,
                model=openai.omit,
                response_format="text",  # type: ignore[call-overload]  # we need no name
            )
        assert answer.headers["x-innkeeper-model"] == "ggml-toy"

    def test_a_page_that_was_saved_as_sound_is_refused_in_words(self, inn: Inn, tmp_path: Path) -> None:
        page = tmp_path / "episode.mp3"
        page.write_text("<html>not found</html>")
        with inn.client() as client, pytest.raises(openai.BadRequestError, match="no sound file that is known here"):
            client.audio.transcriptions.create(file=page, model="ggml-toy")

    @pytest.mark.needs_shared_data
    def test_a_real_recording_is_heard_to_its_end(self, inn: Inn) -> None:
        file = SHARED / "speech/multilingual.mp3"
        if not file.exists():
            pytest.skip("no real recordings beside the checkout")
        with inn.client() as client:
            stream = client.audio.transcriptions.create(file=file, model="ggml-toy", stream=True)
            *_, last = stream
        assert last.type == "transcript.text.done"
        assert last.usage is not None
        assert last.usage.model_dump()["seconds"] == pytest.approx(59.9, abs=0.1)
