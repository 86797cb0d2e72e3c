"""Talk of other people, a podcast in English: what the router makes of text nobody wrote for it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from innkeeper.runtime.routing.language import language_of
from innkeeper.runtime.routing.letters import words_of
from innkeeper.runtime.routing.names import Language
from innkeeper.runtime.routing.router import ENOUGH
from innkeeper.runtime.routing.tasks import task_of
from innkeeper.runtime.routing.vocabulary import Vocabulary

TRANSCRIPTS = Path(__file__).resolve().parents[3] / "shared" / "data" / "transcripts" / "go-time"
_NOT_SAID = re.compile(r"\*\*.*?\*\*|\[.*?\]|<.*?>|\(http.*?\)")
_END_OF_SENTENCE = re.compile(r"(?<=[.?!])\s+")


@pytest.fixture(scope="module")
def sentences() -> list[str]:
    """Every fifth sentence of at least four words, without speakers and marks of time."""
    lines = [line for file in sorted(TRANSCRIPTS.glob("*.md")) for line in file.read_text("utf-8").splitlines()]
    said = [sentence for line in lines for sentence in _END_OF_SENTENCE.split(_NOT_SAID.sub("", line).strip())]
    return [sentence for sentence in said if len(words_of(sentence)) >= 4][::5]


@pytest.mark.needs_shared_data
@pytest.mark.skipif(not TRANSCRIPTS.is_dir(), reason="the folder of transcripts is not beside the checkout")
class TestASentenceOfAPodcast:
    def test_is_told_as_english_in_99_of_100(self, vocabulary: Vocabulary, sentences: list[str]) -> None:
        english = [one for one in sentences if language_of(one, vocabulary).language is Language.EN]

        assert len(sentences) > 1_000
        assert len(english) >= 0.99 * len(sentences)

    def test_is_taken_for_a_task_in_1_of_100_at_most(self, vocabulary: Vocabulary, sentences: list[str]) -> None:
        meant = [meant for one in sentences if (meant := task_of(one, vocabulary)) and meant.confidence >= ENOUGH]

        assert len(meant) <= 0.01 * len(sentences)
