"""What a model is expected to take to its first words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.runtime.routing.timing import HOSTED_FIRST_S, SERVICE_S, Answered, Timing
from innkeeper.runtime.standing import Presence, Standing

GB = 1_000_000_000
READY = Standing("m", holds={"ram": 8 * GB})


def warm(**more: float) -> Answered:
    usual = {"prompt_tokens": 100, "prompt_s": 1.0, "answer_tokens": 50, "answer_s": 5.0, "first_s": 1.1, "held_s": 6.1}
    return Answered("m", **{**usual, **more})  # type: ignore[arg-type]  # fields that are numbers


class TestBeforeAnyAnswer:
    def test_size_tells(self) -> None:
        in_ram = Timing().expected(READY, 80)
        in_vram = Timing().expected(Standing("m", holds={"gpu0": 8 * GB}), 80)

        assert in_ram.decode_s == pytest.approx(1.0)  # 8 GB at 8 GB/s
        assert in_ram.prefill_s == pytest.approx(10.0)
        assert in_vram.first_words_s < in_ram.first_words_s / 30

    def test_a_hosted_one_has_its_own_guess(self) -> None:
        hosted = Timing().expected(Standing("m", Presence.HOSTED), 1000)

        assert hosted.first_words_s == HOSTED_FIRST_S


class TestTheParts:
    def test_a_cold_model_is_loaded_behind_the_loads_under_way(self) -> None:
        cold = Standing("m", Presence.COLD, load_s=5.0, loads_ahead_s=2.0)

        assert Timing().expected(cold, 0).load_s == 7.0

    def test_of_a_load_under_way_the_rest_counts(self) -> None:
        assert Timing().expected(Standing("m", Presence.LOADING, load_s=5.0, left_s=1.5), 0).load_s == 1.5

    def test_a_free_slot_means_no_queue(self) -> None:
        assert Timing().expected(Standing("m", slots=4, busy=3), 0).queue_s == 0.0

    def test_a_queue_moves_as_many_at_a_time_as_there_are_slots(self) -> None:
        assert Timing().expected(Standing("m", slots=2, busy=2, waiting=3), 0).queue_s == 4 * SERVICE_S / 2

    def test_busy_models_in_the_way_count(self) -> None:
        blocked = Standing("m", Presence.COLD, blocked_by=("other",))

        assert Timing().expected(blocked, 0).queue_s == SERVICE_S / 2

    def test_they_add_up(self) -> None:
        timing = Timing()
        timing.learn(warm())
        cold = Standing("m", Presence.COLD, load_s=5.0, blocked_by=("other",))
        expected = timing.expected(cold, 100)

        whole = expected.queue_s + expected.load_s + expected.prefill_s + expected.decode_s
        assert expected.first_words_s == pytest.approx(whole)
        assert expected.wait_s == pytest.approx(SERVICE_S / 2 + 5.0)


class TestLearning:
    def test_an_answer_replaces_the_guess(self) -> None:
        timing = Timing()
        timing.learn(warm())
        expected = timing.expected(READY, 200)

        assert expected.prefill_s == pytest.approx(2.0)
        assert expected.decode_s == pytest.approx(0.1)

    def test_what_the_engine_does_not_count_is_learned_as_well(self) -> None:
        timing = Timing()
        timing.learn(warm(first_s=1.6))

        assert timing.expected(READY, 100).first_words_s == pytest.approx(1.6)

    def test_the_first_answer_after_a_load_is_learned_apart(self) -> None:
        timing = Timing()
        timing.learn(warm(first_s=4.1, is_first_after_load=True))
        timing.learn(warm())

        assert timing.expected(READY, 100).first_words_s == pytest.approx(1.1)
        assert timing.expected(Standing("m", Presence.COLD, load_s=2.0), 100).first_words_s == pytest.approx(6.1)

    def test_crowded_answers_are_learned_apart(self) -> None:
        timing = Timing()
        timing.learn(warm())
        timing.learn(warm(prompt_s=4.0, first_s=4.1, was_crowded=True))

        assert timing.expected(Standing("m", slots=4), 100).prefill_s == pytest.approx(1.0)
        assert timing.expected(Standing("m", slots=4, busy=2), 100).prefill_s == pytest.approx(4.0)

    def test_what_the_cache_holds_is_not_read_again(self) -> None:
        timing = Timing()
        for _ in range(20):
            timing.learn(warm(cached_tokens=90, prompt_s=0.1, first_s=0.2))

        assert timing.expected(READY, 1000).prefill_s == pytest.approx(1.0, rel=0.05)
        cold = Standing("m", Presence.COLD)
        assert timing.expected(cold, 1000).prefill_s == pytest.approx(10.0, rel=0.05)

    def test_a_hosted_one_is_learned_as_a_whole(self) -> None:
        timing = Timing()
        timing.learn(Answered("m", first_s=2.0, held_s=4.0, prompt_tokens=500, answer_tokens=90))

        assert timing.expected(Standing("m", Presence.HOSTED), 10).first_words_s == 2.0

    def test_a_whole_answer_says_nothing_about_first_words(self) -> None:
        timing = Timing()
        timing.learn(warm(first_s=6.1, streamed=False))

        assert timing.expected(READY, 100).first_words_s == pytest.approx(1.1)

    def test_a_forgotten_model_is_guessed_again(self) -> None:
        timing = Timing()
        before = timing.expected(READY, 100)
        timing.learn(warm())
        timing.forget("m")

        assert timing.expected(READY, 100) == before

    @given(st.lists(st.floats(0.01, 100), min_size=1, max_size=30))
    def test_stays_between_what_was_seen(self, prompts_s: list[float]) -> None:
        timing = Timing()
        for prompt_s in prompts_s:
            timing.learn(warm(prompt_s=prompt_s, first_s=prompt_s + 0.1))
        prefill_s = timing.expected(READY, 100).prefill_s

        assert min(prompts_s) * 0.999 <= prefill_s <= max(prompts_s) * 1.001
