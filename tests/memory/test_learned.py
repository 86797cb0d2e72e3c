"""What earlier runs held is believed the next time, more so with every run."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from innkeeper.runtime.engine import Footprint, Sizing
from innkeeper.runtime.errors import BadModelFile
from innkeeper.runtime.memory.gguf import read_header
from innkeeper.runtime.memory.learned import FIRST_MARGIN, LEAST_MARGIN, Learned, Subject, file_identity
from innkeeper.runtime.memory.options import EngineOptions
from tests.ggufs import write_llama

MODEL = Subject(file="f", build="xllamacpp 1", context=4096, slots=1, cache_type="f16", options=EngineOptions())
OTHERS = [
    replace(MODEL, file="g"),
    replace(MODEL, build="xllamacpp 2"),
    replace(MODEL, context=8192),
    replace(MODEL, slots=4),
    replace(MODEL, cache_type="q8_0"),
    replace(MODEL, options=EngineOptions(repack=True)),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "learned.sqlite"


@pytest.fixture
def learned(path: Path) -> Learned:
    return Learned(path)


def margin(learned: Learned) -> float:
    found = learned.footprint(MODEL)
    assert found is not None
    return found.margin


class TestFootprints:
    def test_are_unknown_before_the_first_run_and_asking_makes_no_file(self, learned: Learned, path: Path) -> None:
        assert learned.footprint(MODEL) is None
        assert not path.exists()

    def test_are_the_peak_with_a_margin_in_every_pool(self, learned: Learned) -> None:
        learned.learn(MODEL, {"ram": 1_000_000, "gpu0": 2_000_000})
        assert learned.footprint(MODEL) == Footprint({"ram": 1_050_000, "gpu0": 2_100_000}, Sizing.LEARNED, 0.05)

    def test_outlive_the_program(self, learned: Learned, path: Path) -> None:
        learned.learn(MODEL, {"ram": 1_000_000})
        assert Learned(path).footprint(MODEL) == learned.footprint(MODEL) is not None

    @pytest.mark.parametrize("other", OTHERS, ids=["file", "build", "context", "slots", "cache type", "options"])
    def test_of_another_choice_are_not_believed(self, learned: Learned, other: Subject) -> None:
        learned.learn(MODEL, {"ram": 1_000_000})
        assert learned.footprint(other) is None

    def test_keep_the_highest_peak(self, learned: Learned) -> None:
        for peak_bytes in (1_000_000, 1_010_000, 900_000):
            learned.learn(MODEL, {"ram": peak_bytes})
        found = learned.footprint(MODEL)
        assert found is not None
        assert found.bytes["ram"] == round(1_010_000 * (1 + found.margin))

    def test_are_counted_once_for_all_their_pools(self, learned: Learned) -> None:
        assert learned.known() == 0
        learned.learn(MODEL, {"ram": 1, "gpu0": 2})
        learned.learn(replace(MODEL, slots=2), {"ram": 1})
        assert learned.known() == 2


class TestTheMargin:
    def test_shrinks_with_every_run_and_never_below_the_least(self, learned: Learned) -> None:
        margins = []
        for _ in range(8):
            learned.learn(MODEL, {"ram": 1_000_000})
            margins.append(margin(learned))
        assert margins[0] == FIRST_MARGIN
        assert margins == sorted(margins, reverse=True)
        assert margins[-1] == LEAST_MARGIN

    def test_does_not_shrink_by_runs_that_used_little_of_their_context(self, learned: Learned) -> None:
        for _ in range(5):
            learned.learn(MODEL, {"ram": 1_000_000}, was_filled=False)
        assert margin(learned) == FIRST_MARGIN

    def test_starts_again_when_a_run_went_beyond_it(self, learned: Learned) -> None:
        for _ in range(5):
            learned.learn(MODEL, {"ram": 1_000_000})
        learned.learn(MODEL, {"ram": 1_020_000})
        assert margin(learned) == FIRST_MARGIN


class TestLoads:
    def test_take_as_long_as_the_last_one_at_first(self, learned: Learned) -> None:
        assert learned.load_s("f") is None
        learned.loaded("f", 2.0)
        assert learned.load_s("f") == 2.0

    def test_follow_the_latest_ones_more_than_the_first(self, learned: Learned) -> None:
        for took_s in (10.0, 1.0, 1.0, 1.0, 1.0):
            learned.loaded("f", took_s)
        found_s = learned.load_s("f")
        assert found_s is not None
        assert 1.0 < found_s < 5.0


class TestAFileThatFails:
    """Learning is never worth an error: it says its trouble, and what is asked counts as never learned."""

    def test_because_it_is_no_database_is_set_aside_and_begun_anew(self, learned: Learned, path: Path) -> None:
        path.parent.mkdir()
        path.write_bytes(b"this is no database, whatever its name says" * 100)
        assert learned.footprint(MODEL) is None
        assert learned.trouble is not None
        assert "set aside as learned.broken" in learned.trouble
        learned.learn(MODEL, {"ram": 1_000_000})
        assert Learned(path).footprint(MODEL) is not None
        assert path.with_suffix(".broken").read_bytes().startswith(b"this is no database")

    def test_because_a_newer_program_wrote_it_is_left_alone(self, learned: Learned, path: Path) -> None:
        path.parent.mkdir()
        with sqlite3.connect(path) as database:
            database.execute("PRAGMA user_version = 99")
        database.close()
        learned.learn(MODEL, {"ram": 1_000_000})
        assert learned.footprint(MODEL) is None
        assert learned.trouble is not None
        assert "newer Innkeeper" in learned.trouble
        assert path.exists()

    def test_because_its_place_cannot_be_made_says_so(self, tmp_path: Path) -> None:
        (tmp_path / "home").write_text("a file where the folder should be")
        learned = Learned(tmp_path / "home" / "learned.sqlite")
        learned.learn(MODEL, {"ram": 1_000_000})
        assert learned.footprint(MODEL) is None
        assert learned.trouble is not None

    def test_because_the_disk_is_full_keeps_what_it_knew(self, learned: Learned, path: Path) -> None:
        learned.learn(MODEL, {"ram": 1_000_000})
        full = Full(path)
        for number in range(200):
            full.learn(replace(MODEL, context=number + 1, file="x" * 2_000), {"ram": 1})
        assert full.trouble is not None
        assert "full" in full.trouble
        assert full.footprint(MODEL) == learned.footprint(MODEL) is not None


class Full(Learned):
    """On a disk that has room for some pages more."""

    def _open(self) -> sqlite3.Connection:
        database = super()._open()
        database.execute("PRAGMA max_page_count = 12")
        return database


class TestManyThreads:
    def test_lose_no_run(self, learned: Learned) -> None:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda number: learned.learn(replace(MODEL, slots=number), {"ram": 10}), range(1, 41)))
        assert learned.trouble is None
        assert all(learned.footprint(replace(MODEL, slots=number)) for number in range(1, 41))


class TestTheIdentityOfAFile:
    def test_is_kept_by_a_copy(self, tmp_path: Path) -> None:
        first = write_llama(tmp_path / "a.gguf")
        copy = tmp_path / "b.gguf"
        copy.write_bytes(first.read_bytes())
        assert file_identity(read_header(first)) == file_identity(read_header(copy))

    def test_differs_for_another_header(self, tmp_path: Path) -> None:
        one = write_llama(tmp_path / "a.gguf", context=1000)
        other = write_llama(tmp_path / "b.gguf", context=2000)
        assert file_identity(read_header(one)) != file_identity(read_header(other))

    def test_of_a_file_that_went_away_is_an_error(self, tmp_path: Path) -> None:
        path = write_llama(tmp_path / "a.gguf")
        header = read_header(path)
        path.unlink()
        with pytest.raises(BadModelFile, match="cannot be read"):
            file_identity(header)
