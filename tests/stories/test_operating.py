"""What an operator does all day, from the terminal and over HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.stories.conftest import Shelf
from tests.stories.inn import Inn, an_inn


@pytest.fixture(scope="module")
def inn(shelf: Shelf) -> Iterator[Inn]:
    with an_inn() as inn:
        inn.settings(
            f"""
            default_model = "quick"
            models.quick = {{file = "{shelf.small}", context = 512}}
            models.brief = {{file = "{shelf.small}", context = 256, keep_for_s = 1}}
            models.slow = {{file = "{shelf.huge}", slots = 2}}
            models.meaning = {{file = "{shelf.embedder}", kinds = ["embedding"]}}
            """
        )
        inn.start()
        yield inn


class TestCommands:
    def test_load_pin_and_unload_are_done_when_the_command_returns(self, inn: Inn) -> None:
        assert inn.command("load", "quick").code == 0
        assert inn.model("quick")["state"] == "ready"
        assert inn.command("pin", "quick").code == 0
        assert inn.model("quick")["pinned"] is True
        assert inn.command("unpin", "quick").code == 0
        assert inn.model("quick")["pinned"] is False
        assert inn.command("unload", "quick").code == 0
        assert inn.model("quick")["state"] == "cold"
        assert inn.model("quick")["held"] == {}

    def test_a_request_that_was_answered_has_its_story_in_sentences(self, inn: Inn) -> None:
        assert inn.say("quick", request_id="the-guest").status == 200
        told = inn.command("story", "the-guest")
        assert told.code == 0
        assert "quick" in told.out
        assert len(told.out.splitlines()) >= 4
        assert inn.command("story", "nobody").code == 4

    def test_a_model_that_is_not_there_is_named_with_its_neighbour(self, inn: Inn) -> None:
        refused = inn.command("load", "quik")
        assert refused.code == 4
        assert "Did you mean 'quick'?" in refused.err

    def test_ps_shows_the_same_as_the_server_says(self, inn: Inn) -> None:
        shown = inn.command("ps", "--json")
        assert {model["id"] for model in json.loads(shown.out)["models"]} == {"quick", "brief", "slow", "meaning"}
        assert "slow" in inn.command("ps").out


class TestAnyFreePort:
    def test_is_told_on_the_opening_screen_and_answers(self, fresh_inn: Inn) -> None:
        fresh_inn.port = 0
        fresh_inn.start(is_ready=lambda: "opened with" in fresh_inn.output())
        told = re.search(r"http://127\.0\.0\.1:(\d+)/v1", fresh_inn.output())
        assert told is not None
        fresh_inn.port = int(told[1])
        fresh_inn.until(fresh_inn.is_ready)


class TestHttp:
    def test_a_request_that_names_no_model_gets_the_default_one(self, inn: Inn) -> None:
        answer = inn.post("/v1/completions", {"prompt": "Once", "max_tokens": 2})
        assert answer.headers["x-innkeeper-model"] == "quick"

    def test_an_embedder_gives_vectors_and_refuses_to_chat(self, inn: Inn) -> None:
        vectors = inn.post("/v1/embeddings", {"model": "meaning", "input": ["one", "two"]}).json["data"]
        assert [len(row["embedding"]) for row in vectors] == [128, 128]
        refused = inn.say("meaning")
        assert (refused.status, refused.error["code"]) == (400, "not_supported")

    def test_a_model_that_was_not_used_for_long_leaves_by_itself(self, inn: Inn) -> None:
        """C50: a request resets the time."""
        assert inn.say("brief").status == 200
        generation = inn.model("brief")["generation"]
        inn.until(lambda: inn.model("brief")["state"] == "cold")
        assert "EngineLeft" in inn.story("brief")[-3:]
        assert inn.say("brief").status == 200
        assert inn.model("brief")["generation"] == generation + 1


class TestAModelInUse:
    def test_is_not_unloaded_and_with_force_drains_first(self, inn: Inn) -> None:
        """C53, C05: the answer under way is finished, a new caller gets a new process."""
        with ThreadPoolExecutor(3) as guests:
            answers = guests.submit(inn.say, "slow", tokens=1000, stream=True)
            inn.until(lambda: inn.model("slow")["leases"] == 1)
            refused = inn.post("/models/slow/unload")
            assert (refused.status, refused.error["code"]) == (409, "model_in_use")
            forced = guests.submit(inn.post, "/models/slow/unload?force=true")
            inn.until(lambda: inn.model("slow")["state"] in ("draining", "unloading"))
            late = guests.submit(inn.say, "slow")
            assert answers.result().body.endswith(b"data: [DONE]\n\n")
            assert forced.result().status == 200
            assert late.result().status == 200
        assert inn.model("slow")["generation"] == 2

    def test_a_lease_keeps_it_until_it_is_given_back(self, inn: Inn) -> None:
        """C13."""
        lease = inn.post("/leases", {"model": "quick", "for_s": 60}).json["lease"]
        assert inn.command("unload", "quick").code == 4
        given_back = inn.delete(f"/leases/{lease}")
        assert given_back.status == 200
        assert inn.post("/models/quick/unload").status == 200
