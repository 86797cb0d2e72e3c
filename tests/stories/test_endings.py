"""How the inn ends: killed without a word, or asked to close while it is full of guests."""

from __future__ import annotations

import json
import signal
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.stories.conftest import Shelf
from tests.stories.inn import Answer, Inn, is_alive, journal, words


@pytest.fixture
def inn(shelf: Shelf, fresh_inn: Inn) -> Inn:
    fresh_inn.settings(
        f"""
        [models.quick]
        file = "{shelf.small}"

        [models.slow]
        file = "{shelf.huge}"

        [models.never]
        engine = "echo"
        options = {{never_ready = true}}
        """
    )
    fresh_inn.start()
    return fresh_inn


class TestAServerThatIsKilled:
    def test_takes_its_children_along_within_a_second_and_the_next_start_is_clean(self, inn: Inn) -> None:
        assert inn.say("quick").status == 200
        with inn.connection(words("slow", 4000, stream=True)) as wire:
            wire.recv(1)
            children = inn.children()
            assert len(children) >= 2
            assert len(list(inn.temporary.iterdir())) == 1
            inn.signal(signal.SIGKILL)
            assert inn.wait() == -signal.SIGKILL
            inn.until(lambda: not any(is_alive(child) for child in children), within_s=1.0)

        (left_behind,) = inn.temporary.iterdir()
        inn.start()
        assert not left_behind.exists()
        assert inn.say("quick").status == 200


class TestAServerThatIsAskedToClose:
    def test_gives_everyone_an_ending_and_leaves_nothing_behind(self, inn: Inn) -> None:
        """C60: with a live stream, a caller of a loading model and callers who wait; exit code 0."""
        with ThreadPoolExecutor(4) as guests:
            stream = guests.submit(inn.say, "slow", tokens=300, stream=True, request_id="streams")
            inn.until(lambda: inn.model("slow")["leases"] == 1)
            waits = guests.submit(inn.say, "slow", request_id="waits")
            waits_too = guests.submit(inn.say, "slow", stream=True, request_id="waits-too")
            loads = guests.submit(inn.say, "never", request_id="loads")
            inn.until(lambda: inn.ps()["waiting"] == 3)
            children = inn.children()
            inn.signal(signal.SIGTERM)
            inn.signal(signal.SIGTERM)  # an operator presses Ctrl-C twice
            assert inn.wait() == 0

        whole = stream.result()
        assert whole.status == 200
        assert whole.body.endswith(b"data: [DONE]\n\n")
        for refused in (waits, loads, waits_too):
            assert refusal_code(refused) == "shutting_down"
        assert not any(is_alive(child) for child in children)
        assert list(inn.temporary.iterdir()) == []
        assert "Traceback" not in inn.output()
        facts = journal(inn.home)
        ends = {fact["request"]: fact["outcome"] for kind, fact in facts if kind == "Finished"}
        assert ends == {
            "streams": "answered",
            "waits": "shutting_down",
            "waits-too": "shutting_down",
            "loads": "shutting_down",
        }
        assert [kind for kind, _ in facts if kind == "Finished"] == ["Finished"] * 4
        assert facts[-1][0] == "Closed"


def refusal_code(answered: Future[Answer]) -> str:
    """The code of an error, as a status of its own or as the last event of a stream."""
    answer = answered.result()
    if answer.status == 200:
        *_, event, _ = (line for line in answer.body.decode().splitlines() if line.startswith("data:"))
        return str(json.loads(event.removeprefix("data:"))["error"]["code"])
    return str(answer.error["code"])
