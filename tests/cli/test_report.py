"""`innkeeper report`: from the journal's file to tables, without a server."""

from __future__ import annotations

import json
import time
from contextlib import closing
from pathlib import Path

import pytest

from innkeeper.runtime.journal.entry import Entry
from innkeeper.runtime.journal.file import JournalFile
from tests.cli.command import CommandLine
from tests.journal.test_report import answered


@pytest.fixture
def home(tmp_path: Path, innkeeper: CommandLine) -> Path:
    """A home with two answers in its journal: one now, one from two days ago."""
    home = tmp_path / "home"
    innkeeper.set({"INNKEEPER_HOME": str(home)})
    now = time.time()
    with closing(JournalFile(home / "journal.sqlite")) as file:
        old = [Entry(number, now - 2 * 86_400, fact) for number, fact in enumerate(answered("r-1", after_s=9.0), 1)]
        new = answered("r-2", "small", 0.5, in_place_of="narrator", quality=0.8)
        file.add([*old, *(Entry(number, now, fact) for number, fact in enumerate(new, 4))])
    return home


@pytest.mark.usefixtures("home")
class TestReport:
    def test_is_two_tables(self, innkeeper: CommandLine) -> None:
        shown = innkeeper("report")

        titles, story, whole, _, models, small, *_ = shown.out.splitlines()
        assert titles.split()[:3] == ["TASK", "REQUESTS", "IN"]
        assert story.split() == ["story", "1", "100%", "0.50", "/", "0.50", "/", "0.50", "100%", "at", "0.80"]
        assert whole.split()[:2] == ["all", "1"]
        assert models.split()[0] == "MODEL"
        assert small.split()[:2] == ["small", "1"]

    def test_looks_as_far_back_as_it_is_told(self, innkeeper: CommandLine) -> None:
        told = json.loads(innkeeper("report", "--since", "3d", "--json").out)

        assert told["whole"]["requests"] == 2
        assert told["whole"]["in_time"] == 0.5

    def test_of_a_length_that_is_none_is_refused(self, innkeeper: CommandLine) -> None:
        refused = innkeeper("report", "--since", "yesterday")

        assert refused.code == 4
        assert "such as 24h" in refused.err


class TestWithoutAJournal:
    def test_it_says_so(self, innkeeper: CommandLine, tmp_path: Path) -> None:
        innkeeper.set({"INNKEEPER_HOME": str(tmp_path / "nowhere")})

        told = innkeeper("report")
        assert told.code == 4
        assert "There is no journal" in told.err

    def test_a_file_that_is_none_is_told(self, innkeeper: CommandLine, tmp_path: Path) -> None:
        innkeeper.set({"INNKEEPER_HOME": str(tmp_path)})
        (tmp_path / "journal.sqlite").write_bytes(b"no database" * 100)

        told = innkeeper("report")
        assert told.code == 3
        assert "cannot be read" in told.err
