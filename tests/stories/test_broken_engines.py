"""Engines that are killed under the hands of their guests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from tests.stories.conftest import Shelf
from tests.stories.inn import Answer, Inn, an_inn, is_alive

MODEL = "slow"


@pytest.fixture(scope="module")
def inn(shelf: Shelf) -> Iterator[Inn]:
    with an_inn() as inn:
        inn.settings(f'models.{MODEL} = {{file = "{shelf.huge}", slots = 2}}\n[llama_cpp]\nspare_child = false')
        inn.start()
        yield inn


def engine(inn: Inn) -> psutil.Process:
    """The one child there is."""
    inn.until(lambda: len(inn.children()) == 1)
    return inn.children()[0]


class TestAnEngineThatIsKilled:
    def test_in_the_middle_of_answers_costs_these_answers_and_no_other(self, inn: Inn) -> None:
        """C57: a stream ends with an error and its [DONE], a whole answer is a 502; the next request loads anew."""
        assert inn.say(MODEL).status == 200
        generation = inn.model(MODEL)["generation"]
        with ThreadPoolExecutor(2) as guests:
            streamed = guests.submit(inn.say, MODEL, tokens=4000, stream=True, request_id="streamed")
            whole = guests.submit(inn.say, MODEL, tokens=4000, request_id="whole")
            inn.until(lambda: inn.model(MODEL)["leases"] == 2)
            inn.until(lambda: "FirstWords" in inn.story("streamed"))
            engine(inn).kill()
        assert (whole.result().status, whole.result().error["code"]) == (502, "engine_died")
        assert last_event(streamed.result())["error"]["code"] == "engine_died"
        assert inn.ending("streamed") == inn.ending("whole") == "engine_died"
        assert inn.say(MODEL).status == 200
        assert inn.model(MODEL)["generation"] == generation + 1

    def test_while_it_is_idle_is_seen_and_the_next_requests_share_one_load(self, inn: Inn) -> None:
        """C58."""
        assert inn.say(MODEL).status == 200
        generation = inn.model(MODEL)["generation"]
        engine(inn).kill()
        inn.until(lambda: inn.model(MODEL)["state"] == "cold")
        with ThreadPoolExecutor(4) as guests:
            answers = list(guests.map(lambda _: inn.say(MODEL), range(4)))
        assert [answer.status for answer in answers] == [200] * 4
        assert inn.model(MODEL)["generation"] == generation + 1

    def test_is_unloaded_within_the_limit_also_when_it_hangs(self, inn: Inn) -> None:
        """C54, C59: a stopped process hears no SIGTERM; its group is killed after five seconds."""
        assert inn.say(MODEL).status == 200
        hanging = engine(inn)
        hanging.suspend()
        assert inn.post(f"/models/{MODEL}/unload").status == 200
        assert not is_alive(hanging)
        assert inn.say(MODEL).status == 200


def last_event(answer: Answer) -> dict[str, dict[str, str]]:
    """What a stream said before its [DONE]."""
    *_, last, done = (line for line in answer.body.decode().splitlines() if line.startswith("data:"))
    assert done == "data: [DONE]"
    document: dict[str, dict[str, str]] = json.loads(last.removeprefix("data:"))
    return document
