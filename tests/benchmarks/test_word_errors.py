"""The word error rate counts what Levenshtein counts, and ranks real recognisers."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.accuracy.word_errors import WordErrors, word_errors, words
from benchmarks.transcription import recognisers

EARNINGS = Path(__file__).parents[2] / "../shared/data/asr"
SOME_WORDS = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=7)


def by_the_book(said: list[str], heard: list[str]) -> int:
    if not said or not heard:
        return max(len(said), len(heard))
    return min(
        by_the_book(said[1:], heard) + 1,
        by_the_book(said, heard[1:]) + 1,
        by_the_book(said[1:], heard[1:]) + (said[0] != heard[0]),
    )


class TestWordErrors:
    @given(SOME_WORDS, SOME_WORDS)
    def test_they_are_the_fewest_changes(self, said: list[str], heard: list[str]) -> None:
        assert word_errors(" ".join(said), " ".join(heard)) == WordErrors(len(said), by_the_book(said, heard))

    def test_the_way_of_writing_does_not_count(self) -> None:
        assert words("Um, it's 20-20: Καλησπέρα, twenty-one!") == ["its", "2020", "καλησπερα", "twenty", "one"]
        assert word_errors("Ask not what your country can do", "ask NOT, what your  country can do.").errors == 0

    def test_of_nothing_said_anything_heard_is_wrong(self) -> None:
        assert word_errors("", "").rate == 0
        assert word_errors("", "thanks for watching").rate == 1

    @pytest.mark.needs_shared_data
    def test_real_recognisers_are_ranked_by_their_text(self, tmp_path: Path) -> None:
        if not EARNINGS.exists():
            pytest.skip("no recognisers' texts beside the checkout")
        (tmp_path / "call").symlink_to((EARNINGS / "4344338").resolve())
        ranked = recognisers(tmp_path)
        assert {name for name, _ in ranked} == {"amazon", "google", "microsoft", "speechmatics"}
        assert all(0.05 < found.rate < 0.35 for _, found in ranked)
        assert ranked[0][1].rate < ranked[-1][1].rate
