"""`simulate`: a table for people, JSON for programs, and help where it cannot be done."""

from __future__ import annotations

import json
import time
from pathlib import Path

from innkeeper.runtime.facts import Asked, Fact, Finished, FirstWords, Routed
from innkeeper.runtime.journal.entry import Entry
from innkeeper.runtime.journal.file import JournalFile
from innkeeper.runtime.messages import Usage
from tests.cli.command import CommandLine

TWO_ECHOES = """
home = "state"
budget = "3 GiB"
[models.a]
engine = "echo"
memory = "1.9 GiB"
[models.b]
engine = "echo"
memory = "1.9 GiB"
"""


def recorded_turns(home: Path, models: str) -> None:
    """A journal in which these were asked for, a minute apart, until now."""
    began = time.time() - 60 * len(models)
    facts: list[tuple[float, Fact]] = []
    for number, model in enumerate(models):
        at, name = began + 60 * number, f"r-{number}"
        facts += [
            (at, Asked(name, "chat", model, None, "alice")),
            (at, Routed(name, (model,), "asked for by name")),
            (at + 1, FirstWords(name, model, None, 1.0, target_s=2.0)),
            (at + 2, Finished(name, model, "answered", 2.0, Usage(300, 50))),
        ]
    file = JournalFile(home / "journal.sqlite")
    file.add([Entry(number, at, fact) for number, (at, fact) in enumerate(facts, start=1)])
    file.close()


class TestGenerated:
    def test_a_line_for_each_way_and_a_sentence_of_what_it_means(self, innkeeper: CommandLine) -> None:
        told = innkeeper("simulate", "--workload", "podcast", "--hours", "0.5")
        assert told.code == 0
        lines = told.out.splitlines()
        assert lines[0].startswith("podcast: ")
        assert "least loading" in lines[0]
        assert "(exact)" in lines[0]
        ways = ["default", "LRU by bytes", "LRU, idle 5 min", "LRU, 3 models", "one at a time"]
        shown = [line for line in lines if any(line.startswith(way) for way in ways)]
        assert len(shown) == len(ways) + 2
        assert "have their first words in time" in told.out

    def test_as_json_every_seed_stands_apart_and_the_same_seed_gives_the_same(self, innkeeper: CommandLine) -> None:
        words = ("simulate", "--workload", "party", "--hours", "0.3", "--policy", "default", "--json")
        both = json.loads(innkeeper(*words, "--seeds", "2").out)
        second = json.loads(innkeeper(*words, "--seed", "2").out)
        [exact, *_] = both["ways"]
        assert (exact["policy"], exact["answers"], len(exact["of_seeds"])) == ("default", "exact", 2)
        assert exact["of_seeds"][1] == second["ways"][0]["of_seeds"][0]

    def test_another_budget_changes_what_is_loaded(self, innkeeper: CommandLine) -> None:
        words = ("simulate", "--hours", "0.5", "--policy", "lru", "--json", "--budget")
        small, large = (json.loads(innkeeper(*words, budget).out) for budget in ("16 GB", "64 GiB"))
        assert small["least_load_s"][0] > large["least_load_s"][0]


class TestATrace:
    def test_real_arrivals_are_run_over_twelve_models(self, innkeeper: CommandLine) -> None:
        rows = "".join(f"2023-11-16 18:{minute:02}:00.0000000,374,44\n" for minute in range(20))
        (innkeeper.folder / "trace.csv").write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n" + rows)
        told = innkeeper("simulate", "trace.csv", "--policy", "lru")
        assert told.out.startswith("trace.csv: 20 requests in 38.0 h")

    def test_one_that_is_none_says_what_is_missing(self, innkeeper: CommandLine) -> None:
        (innkeeper.folder / "trace.csv").write_text("a,b\n1,2\n")
        told = innkeeper("simulate", "trace.csv")
        assert (told.code, told.out) == (4, "")
        assert "no column TIMESTAMP" in told.err


class TestTheJournal:
    def test_what_was_answered_here_is_asked_again_of_the_models_of_here(self, innkeeper: CommandLine) -> None:
        (innkeeper.folder / "innkeeper.toml").write_text(TWO_ECHOES)
        recorded_turns(innkeeper.folder / "state", "abab")
        told = json.loads(innkeeper("simulate", "--from-journal", "--policy", "default", "--json").out)
        assert (told["workload"], told["requests"]) == ("journal", [4])
        assert told["ways"][0]["of_seeds"][0]["loads_per_1000"] == 1000  # 3.8 GiB do not fit into 3

    def test_without_one_it_is_told_who_writes_it(self, innkeeper: CommandLine) -> None:
        (innkeeper.folder / "innkeeper.toml").write_text(TWO_ECHOES)
        told = innkeeper("simulate", "--from-journal")
        assert told.code == 4
        assert "`innkeeper up` writes it" in told.err

    def test_one_of_other_models_says_how_to_go_on(self, innkeeper: CommandLine) -> None:
        (innkeeper.folder / "innkeeper.toml").write_text(TWO_ECHOES)
        recorded_turns(innkeeper.folder / "state", "xyz")
        told = innkeeper("simulate", "--from-journal")
        assert "3 answered requests, and none for a model of the settings" in told.err


class TestWrongWords:
    def test_an_unknown_workload_or_policy_is_told_with_those_there_are(self, innkeeper: CommandLine) -> None:
        assert "there are evening, podcast, party" in innkeeper("simulate", "--workload", "opera").err
        assert "there are default, lru, ttl, count, one" in innkeeper("simulate", "--policy", "fifo").err

    def test_a_budget_without_a_unit_is_told(self, innkeeper: CommandLine) -> None:
        assert "--budget" in innkeeper("simulate", "--budget", "16").err

    def test_two_sources_at_once_are_refused(self, innkeeper: CommandLine) -> None:
        assert "either a trace or --from-journal" in innkeeper("simulate", "t.csv", "--from-journal").err
        assert "--models needs requests" in innkeeper("simulate", "--models", "innkeeper.toml").err
