"""The journal: every fact is numbered, dated, kept for a while and handed on; nothing a sink does stops it."""

from __future__ import annotations

import logging
from itertools import count

import pytest

from innkeeper.runtime.facts import Asked, Evicted, FirstWords, LoadRefused, ModelLoaded, ModelMoved, Routed
from innkeeper.runtime.journal.entry import Entry
from innkeeper.runtime.journal.journal import Journal
from tests.journal.some_facts import finished, leased


class Listener:
    """A sink that keeps what it is given."""

    name = "listener"

    def __init__(self) -> None:
        self.heard: list[Entry] = []
        self.is_closed = False

    def take(self, entry: Entry) -> None:
        self.heard.append(entry)

    def close(self) -> None:
        self.is_closed = True


class Broken(Listener):
    """A sink that always fails."""

    name = "broken"

    def take(self, entry: Entry) -> None:
        raise RuntimeError("out of ink")

    def close(self) -> None:
        raise RuntimeError("still out of ink")


class Shelf:
    """An archive of entries that the journal's memory no longer holds."""

    def __init__(self, *entries: Entry) -> None:
        self.entries = entries
        self.next_number = entries[-1].number + 1 if entries else 1

    def story(self, subject: str, at_most: int, before: int) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.number < before)[-at_most:]


def ticking() -> Journal:
    seconds = count(1_700_000_000)
    return Journal(lambda: next(seconds))


class TestRecording:
    def test_each_fact_gets_the_next_number_and_the_moment(self) -> None:
        journal = ticking()
        entries = [journal.record(leased()), journal.record(finished())]
        assert [(entry.number, entry.at) for entry in entries] == [(1, 1_700_000_000), (2, 1_700_000_001)]

    def test_every_sink_hears_every_fact_in_order(self) -> None:
        one, other = Listener(), Listener()
        journal = Journal(lambda: 0.0, [one, other])
        recorded = [journal.record(leased()), journal.record(finished())]
        assert one.heard == other.heard == recorded

    def test_a_sink_that_fails_is_reported_once_and_the_others_still_hear(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        listener = Listener()
        journal = Journal(lambda: 0.0, [Broken(), listener])
        with caplog.at_level(logging.ERROR):
            journal.record(leased())
            journal.record(finished())
        assert len(listener.heard) == 2
        assert [record.args[0] for record in caplog.records if isinstance(record.args, tuple)] == ["broken"]

    def test_closing_reaches_every_sink_also_after_one_that_fails(self, caplog: pytest.LogCaptureFixture) -> None:
        listener = Listener()
        Journal(lambda: 0.0, [Broken(), listener]).close()
        assert listener.is_closed

    def test_a_fact_after_closing_is_kept_but_not_handed_on(self) -> None:
        listener = Listener()
        journal = Journal(lambda: 0.0, [listener])
        journal.close()
        journal.record(leased())
        assert (len(journal.entries()), listener.heard) == (1, [])


class TestMemory:
    def test_only_the_newest_entries_are_kept(self) -> None:
        journal = Journal(lambda: 0.0, keep=3)
        for number in range(10):
            journal.record(leased(request=f"r-{number}"))
        assert [entry.number for entry in journal.entries()] == [8, 9, 10]

    def test_entries_after_a_number_are_the_ones_not_yet_seen(self) -> None:
        journal = ticking()
        for _ in range(5):
            journal.record(leased())
        assert [entry.number for entry in journal.entries(after=3)] == [4, 5]


class TestStory:
    def test_it_holds_what_names_the_request_and_nothing_else(self) -> None:
        journal = ticking()
        mine = journal.record(Asked("r-1", "chat", "narrator", None, "local"))
        journal.record(Asked("r-2", "chat", "narrator", None, "local"))
        answered = journal.record(finished("r-1"))
        assert journal.story("r-1") == (mine, answered)

    def test_a_model_is_named_as_a_candidate_and_as_the_one_who_needed_the_room(self) -> None:
        journal = ticking()
        routed = journal.record(Routed("r-1", ("narrator", "scribe"), "asked for by name"))
        evicted = journal.record(Evicted("narrator", "scribe", {"ram": 1}, 0.5))
        assert journal.story("scribe") == (routed, evicted)

    def test_a_name_never_heard_has_an_empty_story(self) -> None:
        assert ticking().story("nobody") == ()

    def test_of_a_request_tells_what_happened_to_its_model_while_it_waited(self) -> None:
        journal = ticking()
        journal.record(ModelLoaded("scribe", 1, 1.0))
        asked = journal.record(Asked("r-1", "chat", "scribe", None, "local"))
        journal.record(Asked("r-2", "chat", "scribe", None, "local"))
        evicted = journal.record(Evicted("narrator", "scribe", {"ram": 1}, 0.5))
        journal.record(ModelLoaded("embedder", 1, 1.0))
        loaded = journal.record(ModelLoaded("scribe", 2, 1.0))
        got = journal.record(leased("r-1", "scribe"))
        said = journal.record(FirstWords("r-1", "scribe", None, 1.5))
        journal.record(ModelMoved("scribe", 2, "ready", "draining", "evicted"))
        ended = journal.record(finished("r-1", "scribe"))
        assert journal.story("r-1") == (asked, evicted, loaded, got, said, ended)

    def test_of_a_request_that_still_waits_tells_what_has_happened_so_far(self) -> None:
        journal = ticking()
        asked = journal.record(Asked("r-1", "chat", "scribe", None, "local"))
        refused = journal.record(LoadRefused("scribe", "no such file", 5.0))
        assert journal.story("r-1") == (asked, refused)

    def test_of_a_model_tells_its_requests_and_its_moves(self) -> None:
        journal = ticking()
        entries = (journal.record(leased("r-1")), journal.record(ModelMoved("narrator", 1, "ready", "cold", "gone")))
        assert journal.story("narrator") == entries

    def test_it_ends_with_the_newest_when_it_is_longer_than_asked_for(self) -> None:
        journal = ticking()
        for _ in range(5):
            journal.record(leased())
        assert [entry.number for entry in journal.story("r-1", at_most=2)] == [4, 5]

    def test_what_memory_forgot_comes_from_the_archive_and_nothing_twice(self) -> None:
        shelf = Shelf(*(Entry(number, 0.0, leased()) for number in (1, 2)))
        journal = Journal(lambda: 0.0, archive=shelf)
        shelf.entries += (journal.record(finished()),)
        assert [entry.number for entry in journal.story("r-1")] == [1, 2, 3]

    def test_numbers_go_on_where_the_archive_ended(self) -> None:
        assert Journal(lambda: 0.0, archive=Shelf(Entry(41, 0.0, leased()))).record(leased()).number == 42
