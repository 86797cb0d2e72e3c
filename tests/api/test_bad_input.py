"""Whatever is sent, the answer is in OpenAI's shape, says what is wrong, and nothing else is disturbed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from innkeeper.api.app import create_app
from innkeeper.api.key_file import KeyFile
from innkeeper.api.options import ApiOptions
from innkeeper.runtime.messages import Chunk, Request
from tests.api.doubles import NARRATOR, Door, ScriptedRuntime, open_door, wire_to

ROUTES = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/rerank")
SMALL = ApiOptions(body_limit_bytes=1000, body_within_s=0.05, headers_within_s=0.1, shutdown_within_s=5)
PROMPT: dict[str, object] = {"model": NARRATOR, "prompt": "x"}


class TestABadBody:
    @pytest.mark.parametrize("path", [*ROUTES, "/models/preload", "/leases"])
    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"{}", b'{"model": 7, "models": 7}'])
    async def test_is_refused_on_every_route(self, door: Door, path: str, body: bytes) -> None:
        async with wire_to(door) as wire:
            await wire.ask("POST", path, body)
            answer = await wire.answer()

        assert answer.status == 400
        assert answer.headers["content-type"] == "application/json"
        assert answer.error["type"] == "invalid_request_error"

    async def test_leaves_the_connection_for_a_better_one(self, door: Door) -> None:
        async with wire_to(door) as wire:
            await wire.ask("POST", "/v1/completions", b"{nonsense")
            refused = await wire.answer()
            await wire.ask("POST", "/v1/completions", PROMPT)
            served = await wire.answer()

        assert (refused.status, served.status) == (400, 200)

    async def test_in_chunks_is_read_as_one(self, door: Door) -> None:
        raw = json.dumps(PROMPT).encode()
        async with wire_to(door) as wire:
            await wire.ask("POST", "/v1/completions", b"", transfer_encoding="chunked")
            for part in (raw[:7], raw[7:]):
                await wire.send(b"%x\r\n%b\r\n" % (len(part), part))
            await wire.send(b"0\r\n\r\n")

            assert (await wire.answer()).status == 200


class TestALargeBody:
    async def test_is_refused_by_its_declared_length_before_it_is_sent(
        self, runtime: ScriptedRuntime, tmp_path: Path
    ) -> None:
        async with open_door(runtime, tmp_path, SMALL) as door, wire_to(door) as wire:
            await wire.ask("POST", "/v1/completions", b"", content_length="100000000")
            answer = await wire.answer()

        assert answer.status == 413
        assert answer.error["code"] == "body_too_large"
        assert answer.error["numbers"] == {"size_bytes": 100_000_000, "limit_bytes": 1000}

    async def test_without_a_length_is_refused_while_it_arrives(self, runtime: ScriptedRuntime, tmp_path: Path) -> None:
        async with open_door(runtime, tmp_path, SMALL) as door, wire_to(door) as wire:
            await wire.ask("POST", "/v1/completions", b"", transfer_encoding="chunked")
            await wire.send(b"7d0\r\n" + b"x" * 2000 + b"\r\n")
            answer = await wire.answer()

        assert (answer.status, answer.error["code"]) == (413, "body_too_large")

    async def test_of_100_mb_is_answered_to_a_caller_who_only_listens_after_sending_it(self, door: Door) -> None:
        part = b"x" * 1_000_000
        async with wire_to(door) as wire:
            await wire.ask("POST", "/v1/completions", b"", content_length="100000000")
            for _ in range(100):
                await wire.send(part)
            answer = await wire.answer()
            await wire.ask("POST", "/v1/completions", PROMPT)

            assert (answer.status, answer.error["code"]) == (413, "body_too_large")
            assert (await wire.answer()).status == 200


class TestASlowCaller:
    async def test_is_told_when_the_body_does_not_come(self, runtime: ScriptedRuntime, tmp_path: Path) -> None:
        async with open_door(runtime, tmp_path, SMALL) as door, wire_to(door) as wire:
            await wire.ask("POST", "/v1/completions", b"{", content_length="30")
            answer = await wire.answer()

        assert answer.status == 400
        assert "did not arrive within 0.05 s" in str(answer.error["message"])

    @pytest.mark.parametrize("begun", [b"", b"POST /v1/compl", b"POST / HTTP/1.1\r\nhost: a\r\n", b"\r\n"])
    async def test_is_cut_off_when_the_headers_do_not_come(
        self, runtime: ScriptedRuntime, tmp_path: Path, begun: bytes
    ) -> None:
        async with open_door(runtime, tmp_path, SMALL) as door, wire_to(door) as wire:
            await wire.send(begun)

            assert await asyncio.wait_for(wire.reader.read(), 5) == b""

    async def test_is_cut_off_when_a_second_request_stays_half(self, runtime: ScriptedRuntime, tmp_path: Path) -> None:
        async with open_door(runtime, tmp_path, SMALL) as door, wire_to(door) as wire:
            await wire.ask("POST", "/v1/completions", PROMPT)
            await wire.answer()
            await wire.send(b"GET /v1/mod")

            assert await asyncio.wait_for(wire.reader.read(), 5) == b""

    async def test_who_is_slow_to_be_served_is_not_cut_off(self, runtime: ScriptedRuntime, tmp_path: Path) -> None:
        well = runtime.script

        async def slowly(request: Request) -> AsyncGenerator[Chunk, None]:
            await asyncio.sleep(SMALL.headers_within_s * 2)
            async for chunk in well(request):
                yield chunk

        runtime.script = slowly
        async with open_door(runtime, tmp_path, SMALL) as door, wire_to(door) as wire:
            await wire.ask("POST", "/v1/completions", PROMPT)

            assert (await wire.answer()).status == 200

    async def test_cannot_send_headers_without_end(self, runtime: ScriptedRuntime, tmp_path: Path) -> None:
        async with open_door(runtime, tmp_path) as door, wire_to(door) as wire:
            await wire.send(b"GET / HTTP/1.1\r\nhost: localhost\r\n")
            await wire.send(b"".join(b"x-%d: %b\r\n" % (number, b"y" * 1000) for number in range(100)))

            assert (await wire.answer()).status == 400


class TestACallerWhoHangsUp:
    @pytest.mark.parametrize("path", ["/v1/completions", "/leases"])
    async def test_in_the_middle_of_a_body_disturbs_nobody(
        self, door: Door, runtime: ScriptedRuntime, path: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with wire_to(door) as wire:
            await wire.ask("POST", path, b'{"model"', content_length="100")
        async with wire_to(door) as wire:
            await wire.ask("POST", "/v1/completions", PROMPT)

            assert (await wire.answer()).status == 200
        assert len(runtime.asked) == 1
        assert caplog.text == ""


class TestAWrongAddress:
    @pytest.mark.parametrize(
        ("method", "path", "status", "code"),
        [
            ("GET", "/nothing", 404, "not_found"),
            ("GET", "/v1/nothing", 404, "not_found"),
            ("POST", "/v1/chat/completions/", 404, "not_found"),
            ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
            ("PUT", "/v1/models", 405, "method_not_allowed"),
            ("GET", "/v1/models/nobody", 404, "model_not_found"),
            ("POST", "/models/nobody/load", 404, "model_not_found"),
            ("POST", "/models/%2e%2e%2fetc%2fpasswd/load", 404, "model_not_found"),
        ],
    )
    async def test_is_answered_in_the_same_shape(
        self, door: Door, method: str, path: str, status: int, code: str
    ) -> None:
        async with wire_to(door) as wire:
            await wire.ask(method, path)
            answer = await wire.answer()

        assert (answer.status, answer.error["code"]) == (status, code)

    @pytest.mark.parametrize("model", ["/etc/passwd", "../../x", "C:\\x", "a" * 5000, "σκηνή", "~/m.gguf", "file:///x"])
    async def test_in_the_model_field_is_only_an_unknown_name(self, door: Door, model: str) -> None:
        """C02: a name is looked up, never opened."""
        async with wire_to(door) as wire:
            await wire.ask("POST", "/v1/completions", PROMPT | {"model": model})
            answer = await wire.answer()

        assert (answer.status, answer.error["code"]) == (404, "model_not_found")
        assert len(str(answer.error["message"])) < 500


class TestAMistakeOfOurs:
    async def test_that_looks_like_a_caller_who_left_is_still_told(
        self, door: Door, runtime: ScriptedRuntime, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A time limit of somebody else, forgotten, must not pass for a departure."""

        async def late(request: Request) -> AsyncGenerator[Chunk, None]:
            nothing: tuple[Chunk, ...] = ()
            for chunk in nothing:
                yield chunk
            raise TimeoutError("forgotten")

        runtime.script = late
        async with wire_to(door) as wire:
            await wire.ask("POST", "/v1/completions", PROMPT)
            answer = await wire.answer()

        assert (answer.status, answer.error["code"]) == (500, "internal")

    async def test_in_an_operator_s_route_has_the_same_shape(
        self, door: Door, runtime: ScriptedRuntime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(model: str, pinned: bool, /) -> None:
            raise ZeroDivisionError("deep inside")

        monkeypatch.setattr(runtime, "pin", broken)
        async with wire_to(door) as wire:
            await wire.ask("POST", f"/models/{NARRATOR}/pin")
            answer = await wire.answer()

        assert (answer.status, answer.error["code"]) == (500, "internal")

    async def test_is_an_error_without_a_traceback(
        self, door: Door, runtime: ScriptedRuntime, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def broken(request: Request) -> AsyncGenerator[Chunk, None]:
            nothing: tuple[Chunk, ...] = ()
            for chunk in nothing:
                yield chunk
            raise ZeroDivisionError("deep inside")

        runtime.script = broken
        async with wire_to(door) as wire:
            await wire.ask("POST", "/v1/completions", PROMPT)
            answer = await wire.answer()

        assert (answer.status, answer.error["code"]) == (500, "internal")
        assert b"deep inside" not in answer.body
        assert "deep inside" in caplog.text  # the log has it


def ask_in_process(path: str, body: bytes, headers: list[tuple[bytes, bytes]]) -> tuple[int, bytes]:
    """Through the whole application, without a socket: thousands of them are quick."""

    async def ask() -> tuple[int, bytes]:
        app = create_app(ScriptedRuntime(), ApiOptions(), KeyFile(Path("/nonexistent/keys.json")), lambda: b"")
        sent: list[dict[str, Any]] = []  # ASGI messages
        arrived = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:  # ASGI message
            if arrived:
                return arrived.pop()
            await asyncio.Event().wait()
            raise AssertionError("nobody sets it")

        async def send(message: Any) -> None:  # ASGI message
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "query_string": b"",
            "headers": [(b"host", b"localhost"), *headers],
            "client": ("127.0.0.1", 1),
        }
        await app(scope, receive, send)
        return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])

    return asyncio.run(ask())


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
known_fields = st.sampled_from(
    ["model", "messages", "prompt", "input", "query", "documents", "stream", "max_tokens", "metadata", "n", "priority"]
)
bodies = st.dictionaries(known_fields, values, max_size=6).map(lambda body: json.dumps(body).encode())


class TestAnyBytes:
    @settings(max_examples=150, deadline=None)
    @given(path=st.sampled_from(ROUTES), body=st.binary(max_size=200) | bodies)
    def test_get_an_answer_and_never_our_fault(self, path: str, body: bytes) -> None:
        status, answer = ask_in_process(path, body, [])

        assert status in {200, 400, 404}
        assert status == 200 or set(json.loads(answer)["error"]) >= {"message", "type", "param", "code"}

    @settings(max_examples=100, deadline=None)
    @given(
        name=st.sampled_from(
            ["x-request-id", "x-innkeeper-task", "x-innkeeper-priority", "x-innkeeper-hold-s", "host"]
        ),
        value=st.binary(max_size=60),
    )
    def test_in_a_header_get_an_answer_too(self, name: str, value: bytes) -> None:
        status, answer = ask_in_process("/v1/completions", json.dumps(PROMPT).encode(), [(name.encode(), value)])

        assert status in {200, 400, 403}
        assert json.loads(answer)
