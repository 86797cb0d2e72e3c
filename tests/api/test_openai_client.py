"""The real OpenAI client against the real door on a real socket."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

import openai
import pytest
from openai import AsyncOpenAI

from innkeeper.runtime.errors import (
    DoesNotFit,
    EngineDied,
    LoadFailed,
    ModelInUse,
    PromptTooLong,
    QueueFull,
)
from innkeeper.runtime.messages import Began, Chunk, Kind, Request
from tests.api.doubles import EMBEDDER, NARRATOR, Door, ScriptedRuntime, chat_chunk, fails_with


@pytest.fixture
async def client(door: Door) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{door.url}/v1", api_key="none", max_retries=0) as client:
        yield client


class TestTheClient:
    async def test_gets_a_chat_answer(self, client: AsyncOpenAI) -> None:
        answer = await client.chat.completions.create(model=NARRATOR, messages=[{"role": "user", "content": "Hi"}])

        assert answer.choices[0].message.content == "Once upon a time"
        assert answer.usage is not None
        assert answer.usage.total_tokens == 5

    async def test_gets_a_completion(self, client: AsyncOpenAI) -> None:
        answer = await client.completions.create(model=NARRATOR, prompt="Once")

        assert answer.choices[0].text == " upon a time"

    async def test_gets_embeddings(self, client: AsyncOpenAI) -> None:
        answer = await client.embeddings.create(model=EMBEDDER, input="Once", encoding_format="float")

        assert answer.data[0].embedding == [0.6, 0.8]

    async def test_gets_the_pieces_of_a_stream_and_its_end(self, client: AsyncOpenAI) -> None:
        stream = await client.chat.completions.create(
            model=NARRATOR, messages=[{"role": "user", "content": "Hi"}], stream=True
        )

        assert [chunk.choices[0].delta.content async for chunk in stream] == ["Once", " upon"]

    async def test_lists_models_whose_names_have_slashes_and_colons(self, client: AsyncOpenAI) -> None:
        listed = [model.id async for model in client.models.list()]

        assert NARRATOR in listed
        assert (await client.models.retrieve(NARRATOR)).id == NARRATOR

    async def test_sends_fields_of_its_own_to_the_engine(self, client: AsyncOpenAI, runtime: ScriptedRuntime) -> None:
        await client.completions.create(model=NARRATOR, prompt="Once", extra_body={"grammar": 'root ::= "x"'})

        assert runtime.asked[0].body["grammar"] == 'root ::= "x"'
        assert runtime.asked[0].kind is Kind.COMPLETION

    async def test_reads_who_answered_from_the_headers(self, client: AsyncOpenAI) -> None:
        raw = await client.completions.with_raw_response.create(
            model=NARRATOR, prompt="Once", extra_headers={"x-request-id": "turn-7"}
        )

        assert raw.headers["x-request-id"] == "turn-7"
        assert raw.headers["x-innkeeper-model"] == NARRATOR
        assert raw.headers["x-innkeeper-route"] == "it was asked for"
        assert raw.headers["x-innkeeper-waited-ms"] == "250.0"
        assert raw.headers["x-innkeeper-load-ms"] == "125.0"


class TestTheClientRaises:
    @pytest.mark.parametrize(
        ("error", "raised"),
        [
            (PromptTooLong("too long", needed_tokens=900, limit_tokens=512), openai.BadRequestError),
            (ModelInUse("busy"), openai.ConflictError),
            (QueueFull("full", retry_after_s=2), openai.RateLimitError),
            (DoesNotFit("too big"), openai.InternalServerError),
            (LoadFailed("broken"), openai.InternalServerError),
        ],
        ids=lambda value: getattr(value, "code", None),
    )
    async def test_its_own_error_for_each_of_ours(
        self,
        client: AsyncOpenAI,
        runtime: ScriptedRuntime,
        error: PromptTooLong | ModelInUse | QueueFull | DoesNotFit | LoadFailed,
        raised: type[openai.APIStatusError],
    ) -> None:
        """C81."""
        runtime.script = fails_with(error)

        with pytest.raises(raised) as caught:
            await client.completions.create(model=NARRATOR, prompt="Once")

        assert caught.value.code == error.code
        assert caught.value.status_code == error.status

    async def test_not_found_for_a_model_that_is_not_there(self, client: AsyncOpenAI) -> None:
        """C02."""
        with pytest.raises(openai.NotFoundError) as caught:
            await client.completions.create(model="../../etc/passwd", prompt="Once")

        assert caught.value.code == "model_not_found"
        assert caught.value.param == "model"

    async def test_bad_request_with_the_field(self, client: AsyncOpenAI, runtime: ScriptedRuntime) -> None:
        with pytest.raises(openai.BadRequestError) as caught:
            await client.completions.create(model=NARRATOR, prompt="Once", max_tokens=10**30)

        assert caught.value.param == "max_tokens"
        assert runtime.asked == []

    async def test_an_error_of_a_stream_that_has_not_begun_with_its_status(
        self, client: AsyncOpenAI, runtime: ScriptedRuntime
    ) -> None:
        runtime.script = fails_with(LoadFailed("the file is truncated"))

        with pytest.raises(openai.InternalServerError) as caught:
            await client.completions.create(model=NARRATOR, prompt="Once", stream=True)

        assert caught.value.code == "load_failed"

    async def test_an_error_in_the_middle_of_a_stream(self, client: AsyncOpenAI, runtime: ScriptedRuntime) -> None:
        """C57, C67."""

        async def dies(request: Request) -> AsyncGenerator[Chunk, None]:
            yield Began(NARRATOR, "it was asked for", 0.0, 0.0)
            yield chat_chunk("Once")
            raise EngineDied("the process was killed (signal 9)")

        runtime.script = dies
        stream = await client.chat.completions.create(
            model=NARRATOR, messages=[{"role": "user", "content": "Hi"}], stream=True
        )
        chunks = aiter(stream)
        heard = await anext(chunks)

        with pytest.raises(openai.APIError, match="signal 9") as caught:
            await anext(chunks)

        assert heard.choices[0].delta.content == "Once"
        assert caught.value.code == "engine_died"

    async def test_nothing_when_it_may_ask_again_and_is_served_then(self, door: Door, runtime: ScriptedRuntime) -> None:
        """The client waits for as long as Retry-After says, and its second try is served."""
        well = runtime.script

        async def full_once(request: Request) -> AsyncGenerator[Chunk, None]:
            if len(runtime.asked) == 1:
                raise QueueFull("full", retry_after_s=0.1)
            async for chunk in well(request):
                yield chunk

        runtime.script = full_once
        async with AsyncOpenAI(base_url=f"{door.url}/v1", api_key="none", max_retries=1) as patient:
            answer = await patient.completions.create(model=NARRATOR, prompt="Once")

        assert answer.choices[0].text == " upon a time"
        assert len(runtime.asked) == 2
