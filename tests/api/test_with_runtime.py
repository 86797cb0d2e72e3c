"""The door before the real runtime: what callers do on the wire is what happens in the house."""

from __future__ import annotations

import json

import pytest
from openai import AsyncOpenAI

from innkeeper.api.options import ApiOptions
from tests.api.doubles import wire_to
from tests.api.house import OpenHouse, endings, state
from tests.runtime.conftest import echo_model

CHAT = "/v1/chat/completions"


def asks(model: str, *, stream: bool = True) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": "well met"}], "stream": stream}


class TestTheWholeWay:
    async def test_of_a_chat_goes_from_the_client_to_the_engine_and_back(self, open_house: OpenHouse) -> None:
        async with (
            open_house(echo_model("narrator")) as (inn, door),
            AsyncOpenAI(base_url=f"{door.url}/v1", api_key="none", max_retries=0) as client,
        ):
            whole = await client.chat.completions.create(
                model="narrator", messages=[{"role": "user", "content": "well met"}]
            )
            stream = await client.chat.completions.create(
                model="narrator", messages=[{"role": "user", "content": "well met"}], stream=True
            )
            said = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]

        assert whole.choices[0].message.content == "".join(said)
        assert endings(inn) == ["answered", "answered"]

    async def test_is_told_in_the_headers_and_in_the_story(self, open_house: OpenHouse) -> None:
        async with open_house(echo_model("narrator")) as (_, door), wire_to(door) as wire:
            await wire.ask("POST", CHAT, asks("narrator", stream=False), x_request_id="turn-1")
            answer = await wire.answer()
            await wire.ask("GET", "/story/turn-1")
            story = json.loads((await wire.answer()).body)

        assert answer.headers["x-innkeeper-model"] == "narrator"
        assert answer.headers["x-innkeeper-route"]
        kinds = [entry["kind"] for entry in story["entries"] if entry["fact"].get("request") == "turn-1"]
        assert kinds == ["Asked", "Routed", "Leased", "FirstWords", "Finished"]


class TestACallerWhoLeaves:
    @pytest.mark.parametrize("stream", [True, False], ids=["streaming", "not streaming"])
    async def test_the_queue_never_triggers_a_load(self, open_house: OpenHouse, stream: bool) -> None:
        """C65."""
        slow = echo_model("narrator", size=800, prompt_s=3600.0)
        async with open_house(slow, echo_model("scribe", size=800)) as (inn, door), wire_to(door) as first:
            await first.ask("POST", CHAT, asks("narrator"))
            await inn.until(lambda: inn.runtime.view().serving == 1)
            async with wire_to(door) as second:
                await second.ask("POST", CHAT, asks("scribe", stream=stream), x_request_id="turn-2")
                await inn.until(lambda: inn.runtime.position("turn-2") == 1)
            await inn.until(lambda: endings(inn) == ["abandoned"])

            assert (state(inn, "narrator"), state(inn, "scribe")) == ("ready", "cold")
            assert inn.runtime.view().waiting == 0

    async def test_during_a_load_leaves_no_half_state(self, open_house: OpenHouse) -> None:
        """C66."""
        async with open_house(echo_model("narrator", load_s=3600.0)) as (inn, door):
            async with wire_to(door) as wire:
                await wire.ask("POST", CHAT, asks("narrator"))
                await inn.until(lambda: state(inn, "narrator") == "loading")
            await inn.until(lambda: endings(inn) == ["abandoned"])

            assert inn.runtime.view().waiting == 0

    async def test_during_the_prompt_frees_the_slot(self, open_house: OpenHouse) -> None:
        """C68."""
        async with open_house(echo_model("narrator", prompt_s=3600.0)) as (inn, door):
            async with wire_to(door) as wire:
                await wire.ask("POST", CHAT, asks("narrator"))
                await inn.until(lambda: inn.runtime.view().serving == 1)
            await inn.until(lambda: inn.runtime.view().serving == 0)

            assert endings(inn) == ["abandoned"]

    async def test_between_two_words_frees_the_slot(self, open_house: OpenHouse) -> None:
        async with open_house(echo_model("narrator", piece_s=3600.0)) as (inn, door):
            async with wire_to(door) as wire:
                await wire.ask("POST", CHAT, asks("narrator"))
                await wire.head()
                await wire.chunk()
            await inn.until(lambda: inn.runtime.view().serving == 0)

            assert endings(inn) == ["abandoned"]


class TestWhileACallerWaits:
    async def test_comments_tell_the_place_and_the_load(self, open_house: OpenHouse) -> None:
        """C27, C64."""
        slow = echo_model("narrator", size=800, prompt_s=3600.0)
        options = ApiOptions(heartbeat_s=0.02, shutdown_within_s=5)
        async with (
            open_house(slow, echo_model("scribe", size=800), options=options) as (inn, door),
            wire_to(door) as first,
            wire_to(door) as second,
        ):
            await first.ask("POST", CHAT, asks("narrator"))
            await inn.until(lambda: inn.runtime.view().serving == 1)
            await second.ask("POST", CHAT, asks("scribe"))
            await second.head()

            assert await second.chunk() == b": waiting, position 1\n\n"
            await first.head()
            assert await first.chunk() == b": working\n\n"


class TestAnOperator:
    async def test_unloads_a_busy_model_only_by_force_and_then_drains_it(self, open_house: OpenHouse) -> None:
        """C53."""
        async with open_house(echo_model("narrator", piece_s=0.2)) as (inn, door), wire_to(door) as caller:
            await caller.ask("POST", CHAT, asks("narrator"))
            await caller.head()
            async with wire_to(door) as operator:
                await operator.ask("POST", "/models/narrator/unload")
                refused = await operator.answer()
                await operator.ask("POST", "/models/narrator/unload?force=true")
                forced = await operator.answer()

            assert (refused.status, refused.error["code"]) == (409, "model_in_use")
            assert (forced.status, state(inn, "narrator")) == (200, "cold")
            assert endings(inn) == ["answered"]

    async def test_lends_a_model_beyond_the_answer_until_it_is_given_back(self, open_house: OpenHouse) -> None:
        """C13."""
        async with open_house(echo_model("narrator")) as (inn, door), wire_to(door) as wire:
            await wire.ask("POST", "/leases", {"model": "narrator", "for_s": 60})
            lease = json.loads((await wire.answer()).body)["lease"]
            held = inn.runtime.view().serving
            await wire.ask("DELETE", f"/leases/{lease}")
            await wire.answer()

            assert (held, inn.runtime.view().serving) == (1, 0)

    async def test_loads_pins_and_sees_it(self, open_house: OpenHouse) -> None:
        async with open_house(echo_model("narrator")) as (_, door), wire_to(door) as wire:
            for command in ("load", "pin"):
                await wire.ask("POST", f"/models/narrator/{command}")
                assert (await wire.answer()).status == 200
            await wire.ask("GET", "/ps")
            shown = json.loads((await wire.answer()).body)

        assert [(one["state"], one["pinned"]) for one in shown["models"]] == [("ready", True)]
