"""Requests read back from the journal."""

from __future__ import annotations

from pathlib import Path

from innkeeper.runtime.facts import Asked, Fact, Finished, FirstWords, ModelLoaded, Routed
from innkeeper.runtime.journal.entry import Entry
from innkeeper.runtime.journal.file import JournalFile, entries_since
from innkeeper.runtime.messages import Kind, Usage
from innkeeper.simulation.recorded import recorded
from innkeeper.simulation.workload import Arrival

START = 1_800_000_000.0


def told(*facts: tuple[float, Fact]) -> list[Entry]:
    return [Entry(number, START + at_s, fact) for number, (at_s, fact) in enumerate(facts, start=1)]


def one_request(name: str, at_s: float, model: str | None = "a", right: str | None = None) -> list[tuple[float, Fact]]:
    return [
        (at_s, Asked(name, "chat", model, None, "alice")),
        (at_s, Routed(name, ("a",), "asked for by name", right)),
        (at_s + 1, FirstWords(name, "a", None, 1.0, target_s=2.0)),
        (at_s + 2, Finished(name, "a", "answered", 2.0, Usage(300, 50, cached_tokens=100))),
    ]


class TestWhatWasAnswered:
    def test_it_comes_again_at_its_time_with_its_tokens_and_its_target(self) -> None:
        assert recorded(told(*one_request("r-1", 0), *one_request("r-2", 10))) == [
            Arrival(at_s, "a", 200, 50, None, Kind.CHAT, is_named=True, deadline_s=2.0, client="alice")
            for at_s in (0.0, 10.0)
        ]

    def test_one_that_another_model_answered_asks_for_the_right_one_again(self) -> None:
        [again] = recorded(told(*one_request("r-1", 0, model=None, right="b")))
        assert (again.model, again.allows_substitute) == ("b", True)

    def test_one_that_failed_or_is_not_over_does_not(self) -> None:
        failed = (2.0, Finished("r-1", "a", "load_failed", 2.0, Usage()))
        assert recorded(told(*one_request("r-1", 0)[:2], failed, *one_request("r-2", 5)[:3])) == []

    def test_one_whose_beginning_was_forgotten_is_left_out(self) -> None:
        assert recorded(told(*one_request("r-1", 0)[1:])) == []


class TestTheFile:
    def test_what_was_answered_before_the_moment_is_left_out(self, tmp_path: Path) -> None:
        file = JournalFile(tmp_path / "journal.sqlite")
        file.add(told(*one_request("r-1", 0), (4.0, ModelLoaded("a", 1, 3.0)), *one_request("r-2", 10)))
        file.close()
        assert len(recorded(entries_since(tmp_path / "journal.sqlite", 0.0))) == 2
        assert len(recorded(entries_since(tmp_path / "journal.sqlite", START + 5))) == 1
