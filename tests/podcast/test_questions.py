"""The set of questions about Go Time that answers are measured with."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.answering.episodes import FOLDER, asked, episodes


class TestTheQuestions:
    def test_there_are_enough_of_each_kind(self) -> None:
        kinds = Counter(one.kind for one in asked())
        assert sum(kinds.values()) >= 120
        assert min(kinds[kind] for kind in ("answerable", "near miss", "uncovered")) >= 10

    def test_none_is_asked_twice(self) -> None:
        texts = [one.text for one in asked()]
        assert len(texts) == len(set(texts))

    def test_only_the_answerable_name_an_episode_and_its_words(self) -> None:
        assert all((one.kind == "answerable") == bool(one.episode and one.quote) for one in asked())

    @pytest.mark.needs_shared_data
    @pytest.mark.skipif(not FOLDER.exists(), reason="the real transcripts are not beside the checkout")
    def test_what_answers_is_said_word_for_word_in_the_episode(self) -> None:
        said = episodes()
        missing = [one.text for one in asked() if one.episode and (one.quote or "") not in said[one.episode].text]
        assert missing == []
