"""The words of the journal: a sentence for every kind of fact, on one line, whatever the names hold."""

from __future__ import annotations

from datetime import UTC

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from innkeeper.runtime.facts import (
    AttemptFailed,
    Evicted,
    Fact,
    Finished,
    LoadRefused,
    ModelLoaded,
    ModelMoved,
    Opened,
    OperatorDid,
    SettingsReloaded,
)
from innkeeper.runtime.journal.entry import Entry
from innkeeper.runtime.journal.log import LogSink
from innkeeper.runtime.journal.sentences import seconds, sentence
from innkeeper.runtime.messages import Usage
from tests.journal.some_facts import FACT_KINDS, any_fact, finished, leased


def told(fact: Fact) -> str:
    return sentence(Entry(1, 0.0, fact))


@pytest.mark.parametrize("kind", FACT_KINDS, ids=lambda kind: kind.__name__)
class TestEveryKindOfFact:
    @settings(max_examples=15)
    @given(data=st.data())
    def test_it_has_a_sentence_on_one_printable_line(self, kind: type[Fact], data: st.DataObject) -> None:
        words = told(data.draw(any_fact(kind)))
        assert words
        assert words.isprintable()
        assert len(words) <= 300

    def test_its_sentence_is_its_own(self, kind: type[Fact]) -> None:
        own = told(a_plain(kind))
        assert own not in {told(a_plain(other)) for other in FACT_KINDS if other is not kind}
        assert kind.__name__ not in own


class TestTheWords:
    @pytest.mark.parametrize(
        ("fact", "words"),
        [
            (
                leased(waited_s=3.25, load_s=3.0),
                "r-1: got narrator after 3.2 s, 3.0 s of it while the model loaded.",
            ),
            (
                Finished("r-1", "narrator", "answered", 1.5, Usage(10, 20)),
                "r-1: answered by narrator after 1.5 s, 10 tokens in and 20 out.",
            ),
            (
                Finished("r-1", "ear", "answered", 1.5, Usage(audio_s=60.5)),
                "r-1: answered by ear after 1.5 s, 1 min 0 s of sound.",
            ),
            (Finished("r-1", None, "abandoned", 0.2, Usage()), "r-1: its caller left after 200 ms."),
            (Finished("r-1", None, "queue_full", 0.0, Usage()), "r-1: failed with queue_full after 0 ms."),
            (
                Evicted("narrator", "scribe", {"ram": 2**30, "gpu0": 0}, 4.0),
                "narrator was told to leave to make room for scribe (1.0 GiB of ram, worth 4.0 s).",
            ),
            (
                LoadRefused("narrator", "No such file.", 65.0),
                "narrator did not load: No such file. It is tried again in 1 min 5 s at the earliest.",
            ),
            (SettingsReloaded(accepted=False, what="line 3"), "The old settings were kept: line 3."),
            (OperatorDid("unload", "narrator", ""), "An operator asked for unload of narrator."),
            (Opened("0.1.0", {"ram": 12 * 2**30}), "Innkeeper 0.1.0 opened with 12.0 GiB of ram."),
        ],
    )
    def test_they_read_like_this(self, fact: Fact, words: str) -> None:
        assert told(fact) == words

    def test_a_name_cannot_forge_a_second_line_or_colour_the_terminal(self) -> None:
        words = told(AttemptFailed("r-1", "x", "engine_failed", "bad\n12:00:00  all is well\x1b[31m"))
        assert words == r"r-1: x could not answer (engine_failed): bad\n12:00:00  all is well\x1b[31m"

    @pytest.mark.parametrize(
        ("length_s", "words"), [(0.0034, "3 ms"), (1.44, "1.4 s"), (125.0, "2 min 5 s"), (12_000.0, "3 h 20 min")]
    )
    def test_seconds_are_told_as_people_say_them(self, length_s: float, words: str) -> None:
        assert seconds(length_s) == words


class TestTheLog:
    def test_it_tells_the_time_and_the_news(self) -> None:
        lines: list[str] = []
        LogSink(lines.append, zone=UTC).take(Entry(1, 1_700_000_000.0, ModelLoaded("narrator", 1, 1.2)))
        assert lines == ["22:13:20  narrator is ready; loading took 1.2 s."]

    def test_steps_on_the_way_are_told_only_when_asked_for(self) -> None:
        facts: list[Fact] = [leased(), ModelMoved("narrator", 1, "cold", "loading", "admitted"), finished()]
        news: list[str] = []
        everything: list[str] = []
        for fact in facts:
            LogSink(news.append).take(Entry(1, 0.0, fact))
            LogSink(everything.append, every_fact=True).take(Entry(1, 0.0, fact))
        assert (len(news), len(everything)) == (1, 3)


def a_plain(kind: type[Fact]) -> Fact:
    """A fact of that kind whose every text is the same."""
    found: list[Fact] = []

    @settings(max_examples=1, derandomize=True, database=None)
    @given(any_fact(kind))
    def draw(fact: Fact) -> None:
        found.append(fact)

    draw()
    return found[0]
