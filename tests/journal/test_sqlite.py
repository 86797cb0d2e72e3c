"""The journal's file: it survives restarts, says what is wrong with the disk, and never stops the recording."""

from __future__ import annotations

import logging
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from innkeeper.runtime.facts import Asked, Fact, ModelLoaded
from innkeeper.runtime.journal.entry import Entry
from innkeeper.runtime.journal.file import JournalFile, story_in
from innkeeper.runtime.journal.journal import Journal
from innkeeper.runtime.journal.schema import MIGRATIONS
from innkeeper.runtime.journal.sqlite import SqliteSink
from tests.journal.some_facts import finished, leased

NOW = 1_800_000_000.0
DAY_S = 86_400.0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


@pytest.fixture
def opened(file: Path) -> Iterator[JournalFile]:
    one = JournalFile(file)
    yield one
    one.close()


def sink_at(file: Path, **changed: float) -> SqliteSink:
    times = {"gather_s": 0.01, "retry_s": 0.01} | changed
    return SqliteSink(file, clock=lambda: NOW, **times)  # type: ignore[arg-type]  # counts and seconds share a dict


def write(file: Path, *facts: Fact) -> list[Entry]:
    """One run of the journal over `file`: record, close."""
    sink = sink_at(file)
    journal = Journal(lambda: NOW, [sink], archive=sink)
    entries = [journal.record(fact) for fact in facts]
    journal.close()
    return entries


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]


class TestRestart:
    def test_the_story_of_an_earlier_run_is_told_with_this_runs(self, file: Path) -> None:
        first = write(file, leased(), finished())
        sink = sink_at(file)
        journal = Journal(lambda: NOW, [sink], archive=sink)
        latest = journal.record(leased())
        assert journal.story("r-1") == (*first, latest)
        journal.close()

    def test_the_story_of_an_earlier_request_tells_what_its_model_did_meanwhile(self, file: Path) -> None:
        asked, loaded, got = write(
            file, Asked("r-1", "chat", "narrator", None, "local"), ModelLoaded("narrator", 1, 1.0), leased()
        )
        sink = sink_at(file)
        journal = Journal(lambda: NOW, [sink], archive=sink)
        assert journal.story("r-1") == (asked, loaded, got)
        journal.close()

    def test_numbers_go_on_where_the_earlier_run_ended(self, file: Path) -> None:
        write(file, leased(), leased())
        assert [entry.number for entry in write(file, finished())] == [3]

    def test_closing_writes_everything_that_was_taken(self, file: Path) -> None:
        entries = write(file, *(leased() for _ in range(3_000)))
        assert story_in(file, "r-1", at_most=5_000) == tuple(entries)

    def test_closing_twice_is_harmless(self, file: Path) -> None:
        sink = sink_at(file)
        sink.close()
        sink.close()
        assert not [thread for thread in threading.enumerate() if thread.name == "journal writer" and thread.is_alive()]

    def test_a_name_with_half_a_character_is_kept_and_found(self, file: Path) -> None:
        entries = write(file, Asked("r-1", "chat", "\ud800", None, "local"))
        assert story_in(file, "\ud800", at_most=10) == tuple(entries)

    def test_an_entry_of_a_later_version_is_left_out_of_the_story(self, file: Path) -> None:
        write(file, leased(), finished())
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE entry SET kind = 'Dreamt' WHERE id = 1")
        assert [entry.fact for entry in story_in(file, "r-1", at_most=10)] == [finished()]


class TestPrivacy:
    def test_only_its_owner_may_read_the_file(self, file: Path) -> None:
        write(file, leased())
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


class TestASuddenEnd:
    def test_what_was_written_before_a_kill_is_there_and_numbers_go_on(self, file: Path) -> None:
        script = """
            import sys
            from pathlib import Path
            from innkeeper.runtime.facts import Leased
            from innkeeper.runtime.journal.entry import Entry
            from innkeeper.runtime.journal.sqlite import SqliteSink

            sink = SqliteSink(Path(sys.argv[1]), clock=lambda: 0.0, gather_s=0.01)
            number = 0
            while True:
                number += 1
                sink.take(Entry(number, 0.0, Leased("r-1", "narrator", 0.5, 0.25)))
                while number % 100 == 0 and len(sink.story("r-1", number, number + 1)) < number:
                    pass
                if number % 100 == 0:
                    print(number, flush=True)
        """
        command = [sys.executable, "-c", textwrap.dedent(script), str(file)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            written = [int(child.stdout.readline()) for _ in range(3)][-1]
            child.kill()
        numbers = [entry.number for entry in story_in(file, "r-1", at_most=100_000)]
        assert numbers[:written] == list(range(1, written + 1))
        assert write(file, finished())[0].number == numbers[-1] + 1


class TestForgetting:
    def test_entries_older_than_the_days_to_keep_go(self, opened: JournalFile, file: Path) -> None:
        opened.add([Entry(1, NOW - 31 * DAY_S, leased()), Entry(2, NOW - 29 * DAY_S, leased())])
        opened.trim(NOW - 30 * DAY_S, keep_bytes=10_000_000)
        assert [entry.number for entry in story_in(file, "r-1", at_most=10)] == [2]

    def test_the_oldest_go_until_the_file_is_small_enough(self, opened: JournalFile, file: Path) -> None:
        opened.add([Entry(number, NOW, leased()) for number in range(1, 5_001)])
        opened.trim(0.0, keep_bytes=200_000)
        kept = [entry.number for entry in story_in(file, "r-1", at_most=5_000)]
        assert opened.used_bytes() <= 200_000
        assert kept == list(range(kept[0], 5_001))

    def test_the_sink_forgets_by_itself(self, file: Path) -> None:
        sink = sink_at(file, keep_days=1.0)
        sink.take(Entry(1, NOW - 2 * DAY_S, leased()))
        sink.close()
        assert story_in(file, "r-1", at_most=10) == ()


class TestTrouble:
    def test_a_broken_file_is_moved_aside_under_a_dated_name_and_a_new_one_begun(
        self, file: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        file.parent.mkdir()
        file.write_bytes(b"this is no database" * 100)
        entries = write(file, leased())
        assert [one.name for one in file.parent.glob("*broken*")] == ["journal.db.broken-2027-01-15T080000Z"]
        assert story_in(file, "r-1", at_most=10) == tuple(entries)
        assert len(errors(caplog)) == 1

    def test_a_file_damaged_inside_is_moved_aside_too(self, file: Path, caplog: pytest.LogCaptureFixture) -> None:
        write(file, *(leased() for _ in range(500)))
        damaged = bytearray(file.read_bytes())
        damaged[4096:] = bytes(len(damaged) - 4096)
        file.write_bytes(damaged)
        entries = write(file, finished())
        assert story_in(file, "r-1", at_most=10) == tuple(entries)
        assert len(list(file.parent.glob("*broken*"))) == 1

    def test_a_broken_file_that_cannot_be_moved_is_reported_and_recording_goes_on(
        self, file: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (file.parent / "journal.db.broken-2027-01-15T080000Z").mkdir(parents=True)
        file.write_bytes(b"this is no database" * 100)
        sink = sink_at(file)
        journal = Journal(lambda: NOW, [sink], archive=sink)
        entry = journal.record(leased())
        assert journal.story("r-1") == (entry,)
        journal.close()
        reported = errors(caplog)
        assert len(reported) == 2
        assert "Move the file away" in reported[0]
        assert "1 facts not written" in reported[1]

    def test_a_folder_that_cannot_be_made_is_reported_once_with_the_fix_and_recording_goes_on(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "state").write_text("a file where the folder should be")
        sink = sink_at(tmp_path / "state" / "journal.db")
        journal = Journal(lambda: NOW, [sink], archive=sink)
        entries = tuple(journal.record(leased()) for _ in range(10))
        assert journal.story("r-1") == entries
        journal.close()
        reported = errors(caplog)
        assert len(reported) == 2
        assert "make it writable" in reported[0]
        assert "10 facts not written" in reported[1]

    def test_what_waited_is_written_when_the_disk_takes_it_again(self, tmp_path: Path) -> None:
        blocking = tmp_path / "state"
        blocking.write_text("a file where the folder should be")
        sink = sink_at(blocking / "journal.db")
        sink.take(Entry(1, NOW, leased()))
        blocking.unlink()
        sink.close()
        assert [entry.number for entry in story_in(blocking / "journal.db", "r-1", at_most=10)] == [1]

    def test_a_queue_that_is_full_loses_the_newest_and_says_how_many(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "state").write_text("a file where the folder should be")
        sink = sink_at(tmp_path / "state" / "journal.db", queue=3, retry_s=60.0)
        for number in range(1, 6):
            sink.take(Entry(number, NOW, leased()))
        (tmp_path / "state").unlink()
        with caplog.at_level(logging.WARNING):
            sink.close()
        assert "2 facts were lost" in caplog.text
        assert [entry.number for entry in sink.story("r-1", at_most=10, before=10)] == [1, 2, 3]

    def test_a_file_of_a_later_version_is_left_as_it_is(self, file: Path, caplog: pytest.LogCaptureFixture) -> None:
        write(file, leased())
        with closing(sqlite3.connect(file)) as connection:
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        write(file, finished())
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
        assert [entry.fact for entry in story_in(file, "r-1", at_most=10)] == [leased()]
        assert "Use that version again, or move the file away" in errors(caplog)[0]

    def test_a_full_disk_is_reported_and_once_there_is_room_all_that_waited_is_written(self, file: Path) -> None:
        """A limit on the size of files stands in for the full disk; it counts for a whole process, hence a child."""
        script = """
            import resource, sys
            from pathlib import Path
            from innkeeper.runtime.facts import LoadRefused
            from innkeeper.runtime.journal.entry import Entry
            from innkeeper.runtime.journal.sqlite import SqliteSink

            sink = SqliteSink(Path(sys.argv[1]), clock=lambda: 0.0, gather_s=0.01, retry_s=60.0)
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
            for number in range(1, 1_001):
                sink.take(Entry(number, 0.0, LoadRefused("narrator", "x" * 500, None)))
            while not sink.is_in_trouble:
                pass
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            sink.close()
            print(len(sink.story("narrator", 2_000, 2_000)))
        """
        command = [sys.executable, "-c", textwrap.dedent(script), str(file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout.strip() == "1000"
        assert done.stderr.count("cannot be written") == 1
