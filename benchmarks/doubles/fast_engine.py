"""An engine that costs next to nothing: it answers as llama-server does, at once or at a set pace.

    python -m benchmarks.doubles.fast_engine --host PATH.sock | --tcp PORT

What is measured through it is the cost of what stands in front of it. A request with `"user": "pace 50"` streams 50
pieces a second (a field that every proxy passes on); without it the pieces follow each other at once. It takes and
ignores llama-server's other flags.
"""

from __future__ import annotations

import asyncio
import json
import stat
import sys
from pathlib import Path
from typing import cast

import httptools
import uvloop

FLAGS = (
    "--model --host --alias --ctx-size --parallel --cache-type-k --cache-type-v --batch-size --ubatch-size --threads "
    "--threads-batch --flash-attn --fit --version --help"
)

CHUNKS = tuple(
    json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}],
        },
        separators=(",", ":"),
    ).encode()
    for word in (" one", " two")
)
"""Said in turn: some proxies cut an answer that repeats itself."""

WHOLE = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "word"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6},
    }
).encode()


def install(folder: Path) -> Path:
    """The engine as an executable in `folder`. When it starts it writes where it listens into `listens` there."""
    program = folder / "llama-server"
    checkout = Path(__file__).resolve().parents[2]
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(checkout)!r})\n"
        f"from benchmarks.doubles.fast_engine import main\nmain(sys.argv[1:], {str(folder / 'listens')!r})\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


class Answering(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._body = b""
        self._next: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        if self._next is not None:
            self._next.cancel()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._url = self._body = b""

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        asked = json.loads(self._body) if self._body else {}
        if self._url.endswith(b"/tokenize"):
            self._whole(b'{"tokens":[1,2,3]}')
        elif not asked.get("stream"):
            self._whole(WHOLE)
        else:
            self._write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            count = asked.get("max_tokens") or 1
            word, _, pace = str(asked.get("user")).partition(" ")
            if word != "pace":
                self._write(b"".join(_PIECES[number % 2] for number in range(count)) + _END)
            else:
                self._say(count, 1.0 / float(pace), asyncio.get_running_loop().time())

    def _say(self, left: int, every_s: float, due_s: float) -> None:
        if not left:
            self._write(_END)
            return
        self._write(_PIECES[left % 2])
        due_s += every_s
        self._next = asyncio.get_running_loop().call_at(due_s, self._say, left - 1, every_s, due_s)

    def _whole(self, body: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self._write(head + body)

    def _write(self, data: bytes) -> None:
        assert self._transport is not None, "words before the connection"
        self._transport.write(data)


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


_PIECES = tuple(_framed(b"data: " + chunk + b"\n\n") for chunk in CHUNKS)
_END = _framed(b"data: [DONE]\n\n") + b"0\r\n\r\n"


async def serve(told: dict[str, str]) -> None:
    """Listen until the process is ended."""
    loop = asyncio.get_running_loop()
    if "--tcp" in told:
        server = await loop.create_server(Answering, "127.0.0.1", int(told["--tcp"]))
    else:
        server = await loop.create_unix_server(Answering, told["--host"])
    print("listening", flush=True)
    await server.serve_forever()


def main(words: list[str], note: str | None = None) -> None:
    """What the program does. `note`: the file that is told where it listens."""
    if words == ["--version"]:
        print("version: 99999 (fa57e9)")
    elif words == ["--help"]:
        print(FLAGS)
    else:
        told = dict(zip(words[::2], words[1::2], strict=True))
        if note is not None:
            Path(note).write_text(told["--host"])
        uvloop.run(serve(told))


if __name__ == "__main__":
    main(sys.argv[1:])
