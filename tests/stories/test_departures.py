"""Guests who leave before their answer is complete: the work for them stops, and nobody else notices."""

from __future__ import annotations

from collections.abc import Iterator

import psutil
import pytest

from tests.stories.conftest import Shelf
from tests.stories.inn import Inn, an_inn, words

STOPS_WITHIN_S = 5.0
"""Of a busy machine; a batch of the prompt takes some tenths of a second there."""


@pytest.fixture(scope="module")
def inn(shelf: Shelf) -> Iterator[Inn]:
    with an_inn() as inn:
        inn.settings(
            f"""
            models.slow = {{file = "{shelf.huge}", context = 16384}}
            models.late = {{engine = "echo", options = {{load_s = 1.0, answer = "here"}}}}
            """
        )
        inn.start()
        assert inn.say("slow", tokens=1).status == 200
        yield inn


def rests(inn: Inn) -> bool:
    """Whether nobody is served or waits and no engine computes."""
    view = inn.ps()
    if view["serving"] or view["waiting"]:
        return False
    return all(_is_quiet(child) for child in inn.children())


def _is_quiet(child: psutil.Process) -> bool:
    return float(child.cpu_percent(interval=0.2)) < 20.0


class TestAGuestWhoLeaves:
    def test_the_queue_is_never_served(self, inn: Inn) -> None:
        """C65."""
        with inn.connection(words("slow", 4000, stream=True)) as first:
            first.recv(1)
            with inn.connection(words("slow", 5), "queued"):
                inn.until(lambda: inn.ps()["waiting"] == 1)
            inn.until(lambda: inn.ps()["waiting"] == 0, STOPS_WITHIN_S)
            assert inn.ending("queued") == "abandoned"
            assert "Leased" not in inn.story("queued")
            assert inn.model("slow")["leases"] == 1
        inn.until(lambda: rests(inn), STOPS_WITHIN_S)

    def test_a_model_that_loads_leaves_no_half_state(self, inn: Inn) -> None:
        """C66: with others waiting the load goes on; with nobody, the model is ready or cold in the end."""
        with inn.connection(words("late", 5), "stays") as stays:
            inn.until(lambda: inn.model("late")["state"] == "loading")
            with inn.connection(words("late", 5), "leaves"):
                inn.until(lambda: inn.ps()["waiting"] == 2)
            assert stays.recv(12) == b"HTTP/1.1 200"
        assert inn.ending("stays") == "answered"
        assert inn.ending("leaves") == "abandoned"
        assert inn.post("/models/late/unload").status == 200

        with inn.connection(words("late", 5), "alone"):
            inn.until(lambda: inn.model("late")["state"] == "loading")
        assert inn.ending("alone") == "abandoned"
        inn.until(lambda: inn.model("late")["state"] in ("ready", "cold"))
        assert inn.ps()["serving"] == 0
        assert inn.say("late").status == 200

    def test_a_prompt_that_is_being_read_frees_the_slot(self, inn: Inn) -> None:
        """C68."""
        prompt = "a b c d e f g h " * 700
        with inn.connection(words("slow", 5, prompt=prompt), "reads"):
            inn.until(lambda: inn.model("slow")["leases"] == 1)
            inn.until(lambda: not all(_is_quiet(child) for child in inn.children()))
            assert "FirstWords" not in inn.story("reads")
        inn.until(lambda: inn.model("slow")["leases"] == 0, STOPS_WITHIN_S)
        assert inn.ending("reads") == "abandoned"
        inn.until(lambda: rests(inn), STOPS_WITHIN_S)

    @pytest.mark.parametrize("stream", [True, False])
    def test_an_answer_ends_it(self, inn: Inn, stream: bool) -> None:
        request_id = f"listens-{stream}"
        with inn.connection(words("slow", 8000, stream=stream), request_id) as wire:
            if stream:
                assert b"200" in wire.recv(12)
            inn.until(lambda: inn.model("slow")["leases"] == 1)
        inn.until(lambda: inn.model("slow")["leases"] == 0, STOPS_WITHIN_S)
        assert inn.ending(request_id) == "abandoned"
        inn.until(lambda: rests(inn), STOPS_WITHIN_S)
        assert inn.say("slow", tokens=2).status == 200
