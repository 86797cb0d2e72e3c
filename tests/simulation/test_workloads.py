"""The generated workloads: seeded, and what they are said to be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from random import Random

import pytest

from innkeeper.runtime.messages import Kind
from innkeeper.runtime.routing.router import route
from innkeeper.settings.words import read_vocabulary
from innkeeper.simulation.evening import evening
from innkeeper.simulation.party import party
from innkeeper.simulation.podcast import podcast
from innkeeper.simulation.workload import GB, Workload

MAKERS = pytest.mark.parametrize("make", [evening, podcast, party])
Maker = Callable[..., Workload]


@MAKERS
class TestEveryWorkload:
    def test_the_same_dice_give_the_same_requests(self, make: Maker) -> None:
        assert make(Random(7), 2.0).arrivals == make(Random(7), 2.0).arrivals
        assert make(Random(7), 2.0).arrivals != make(Random(8), 2.0).arrivals

    def test_requests_come_in_the_order_of_their_times_and_within_the_hours(self, make: Maker) -> None:
        arrivals = make(Random(1), 3.0).arrivals
        assert all(one.at_s <= next_one.at_s for one, next_one in pairwise(arrivals))
        assert 2 * 3600 < arrivals[-1].at_s < 3 * 3600 + 120

    def test_the_router_finds_the_model_that_the_workload_says_is_right(self, make: Maker) -> None:
        workload, vocabulary = make(Random(3), 2.0), read_vocabulary()
        for number, arrival in enumerate(workload.arrivals):
            way = route(arrival.request(number), workload.catalog, vocabulary)
            assert way.candidates[0] == arrival.model

    def test_every_local_model_has_work_and_more_is_wanted_than_fits(self, make: Maker) -> None:
        workload = make(Random(2))
        busy = {arrival.model for arrival in workload.arrivals}
        assert {model.id for model in workload.local() if workload.paces[model.id].needs} == busy
        assert sum(workload.paces[name].needs["memory"] for name in busy) > workload.budget["memory"]


class TestTheEvening:
    def test_four_players_share_the_table_and_one_writes_greek(self) -> None:
        arrivals = evening(Random(1)).arrivals
        assert {one.client for one in arrivals} == {f"player {number}" for number in (1, 2, 3, 4)}
        assert {one.client for one in arrivals if one.model == "greek"} == {"player 4"}

    def test_one_turn_in_fifty_is_thought_over_at_length(self) -> None:
        models = Counter(one.model for seed in range(5) for one in evening(Random(seed)).arrivals)
        turns = models["narrator"] + models["greek"] + models["deep"]
        assert models["deep"] / turns == pytest.approx(0.02, abs=0.01)


class TestThePodcast:
    def test_each_question_is_embedded_ranked_and_answered_and_most_are_spoken(self) -> None:
        models = Counter(one.model for one in podcast(Random(1)).arrivals)
        assert models["embedder"] == models["reranker"] == models["writer"]
        assert models["speaker"] / models["writer"] == pytest.approx(0.9, abs=0.05)

    def test_an_episode_is_transcribed_every_hour(self) -> None:
        windows = [one for one in podcast(Random(1), 5.0).arrivals if one.kind is Kind.TRANSCRIPTION]
        assert len(windows) == 5 * 10

    def test_questions_come_in_bursts(self) -> None:
        asked = [one.at_s for one in podcast(Random(1)).arrivals if one.model == "embedder"]
        gaps_s = [later - earlier for earlier, later in pairwise(asked)]
        mean_s = sum(gaps_s) / len(gaps_s)
        assert sum(gap_s < mean_s / 4 for gap_s in gaps_s) / len(gaps_s) > 0.35  # of even chance it would be 0.22


class TestTheParty:
    def test_twelve_models_from_0_4_to_14_5_gb_share_15(self) -> None:
        workload = party(Random(1))
        sizes = sorted(workload.paces[model.id].needs["memory"] / GB for model in workload.local())
        assert (len(sizes), sizes[0], sizes[-1], workload.budget["memory"] / GB) == (12, 0.4, 14.5, 15)

    def test_what_stands_in_is_the_worse_the_smaller_it_is(self) -> None:
        catalog = party(Random(1)).catalog
        in_place_of_the_narrator = [catalog.get(name).quality["roleplay"] for name in ("chat-3b", "summary-7b")]
        assert in_place_of_the_narrator[0] < in_place_of_the_narrator[1] < 0.85
        assert catalog.get("narrator-13b").quality["roleplay"] == 1.0
