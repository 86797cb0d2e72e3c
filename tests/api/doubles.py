"""A runtime that does what a test tells it, and a real server on a real socket in front of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from innkeeper.api.app import create_app
from innkeeper.api.key_file import KeyFile
from innkeeper.api.options import ApiOptions
from innkeeper.api.port import Runtime
from innkeeper.api.server import Server, listen
from innkeeper.runtime.catalog import Catalog, Model
from innkeeper.runtime.errors import InnkeeperError, ModelInUse
from innkeeper.runtime.facts import Fact
from innkeeper.runtime.messages import Began, Chunk, Done, Kind, Piece, Request
from innkeeper.runtime.routing.router import route
from innkeeper.runtime.routing.vocabulary import Vocabulary
from innkeeper.runtime.views import Explanation, ModelView, OptionView, PoolView, RuntimeView

NARRATOR = "tiny/narrator:q8_0"
EMBEDDER = "embedder"
SECRET = "secret-model"

Script = Callable[[Request], AsyncGenerator[Chunk, None]]

CATALOG = Catalog(
    (
        Model(NARRATOR, "echo", frozenset({Kind.CHAT, Kind.COMPLETION}), context=512),
        Model(EMBEDDER, "echo", frozenset({Kind.EMBEDDING, Kind.RERANK})),
        Model(SECRET, "echo", frozenset({Kind.CHAT})),
    ),
    default=NARRATOR,
)


def chat_chunk(text: str) -> Piece:
    delta = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return Piece(
        json.dumps(
            {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": NARRATOR, "choices": [delta]}
        ).encode()
    )


def whole_answer(request: Request) -> Piece:
    """What an engine answers without streaming, by kind."""
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    head = {"id": "c-1", "created": 1, "model": request.model, "usage": usage}
    match request.kind:
        case Kind.CHAT:
            message = {"role": "assistant", "content": "Once upon a time"}
            choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
            return Piece(json.dumps({**head, "object": "chat.completion", "choices": choices}).encode())
        case Kind.COMPLETION:
            choices = [{"index": 0, "text": " upon a time", "finish_reason": "stop"}]
            return Piece(json.dumps({**head, "object": "text_completion", "choices": choices}).encode())
        case Kind.EMBEDDING:
            data = [{"object": "embedding", "index": 0, "embedding": [0.6, 0.8]}]
            return Piece(json.dumps({**head, "object": "list", "data": data}).encode())
        case Kind.RERANK:
            return Piece(json.dumps({**head, "results": [{"index": 1, "relevance_score": 0.9}]}).encode())
        case Kind.TRANSCRIPTION:
            return Piece(json.dumps({"task": "transcribe", "language": "en", "duration": 1, "text": "Once"}).encode())


async def answers_well(request: Request) -> AsyncGenerator[Chunk, None]:
    """Two words, or one whole answer."""
    yield Began(request.model or NARRATOR, "it was asked for", waited_s=0.25, load_s=0.125)
    if request.streams:
        yield chat_chunk("Once")
        yield chat_chunk(" upon")
    else:
        yield whole_answer(request)
    yield Done()


def fails_with(error: InnkeeperError) -> Script:
    async def script(request: Request) -> AsyncGenerator[Chunk, None]:
        nothing: tuple[Chunk, ...] = ()
        for chunk in nothing:  # makes this a generator
            yield chunk
        raise error

    return script


@dataclass(frozen=True)
class KeptEntry:
    number: int
    at: float
    fact: Fact


class Notebook:
    """A journal that forgets nothing."""

    def __init__(self) -> None:
        self.entries: list[KeptEntry] = []

    def record(self, fact: Fact, /) -> object:
        self.entries.append(KeptEntry(len(self.entries) + 1, 1_700_000_000.5, fact))
        return self.entries[-1]

    def story(self, subject: str, /) -> tuple[KeptEntry, ...]:
        return tuple(
            entry
            for entry in self.entries
            if subject in (getattr(entry.fact, "model", None), getattr(entry.fact, "request", None))
        )


@dataclass
class ScriptedRuntime:
    """Fills the port of the HTTP door; what it was told is kept for the test to compare."""

    script: Script = answers_well
    journal: Notebook = field(default_factory=Notebook)
    catalog: Catalog = CATALOG
    is_ready: bool = True
    positions: dict[str, int] = field(default_factory=dict)
    busy: frozenset[str] = frozenset()
    state: str = "cold"
    asked: list[Request] = field(default_factory=list)
    routes: dict[str, str] = field(default_factory=dict)
    told: list[tuple[object, ...]] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a request that was being served is over, however it ended."""

    arrivals: asyncio.Queue[Request] = field(default_factory=asyncio.Queue)

    async def was_asked(self, times: int = 1) -> None:
        """Return when so many more requests have arrived."""
        for _ in range(times):
            await self.arrivals.get()

    async def serve(self, request: Request, /) -> AsyncGenerator[Chunk, None]:
        self.routes[request.id] = route(request, self.catalog, Vocabulary()).candidates[0]
        self.asked.append(request)
        self.arrivals.put_nowait(request)
        try:
            async for chunk in self.script(request):
                yield chunk
        finally:
            self.ended.set()

    def position(self, request_id: str, /) -> int | None:
        return self.positions.get(request_id)

    def candidate(self, request_id: str, /) -> str | None:
        return self.routes.get(request_id)

    def view(self) -> RuntimeView:
        pool = PoolView("ram", 1000, 900, 400, 50, 2000, 1500)
        narrator = ModelView(
            id=NARRATOR,
            engine="echo",
            kinds=("chat", "completion"),
            state=self.state,
            generation=1,
            held={"ram": 400},
            needs={"ram": 400},
            sizing="measured",
            measured={"ram": 390},
            leases=0,
            waiting=0,
            pinned=False,
            idle_s=2.0,
            leaves_in_s=298.0,
            load_s=0.5,
            tokens_per_s=None,
            context=512,
            slots=1,
            trouble=None,
        )
        return RuntimeView("0.1.0", 12.5, (pool,), (narrator,), waiting=0, serving=0)

    def explain(self, request: Request, /) -> Explanation:
        self.told.append(("explain", request))
        first = OptionView(NARRATOR, self.state, 1.0, 3.5, 0.0, 3.0, 0.4, 0.1, 0.9, 0.0, "")
        other = OptionView("tiny/other", "cold", 0.35, None, None, None, None, None, None, 0.0, "it is too bad")
        return Explanation(
            NARRATOR, (NARRATOR,), "it was asked for", NARRATOR, "story", 5.0, "the target", None, (first, other)
        )

    async def count_tokens(self, request: Request, /) -> int:
        self.asked.append(request)
        return 7

    async def load(self, model: str, /) -> None:
        self.told.append(("load", model))

    async def unload(self, model: str, /, *, force: bool = False) -> None:
        if model in self.busy and not force:
            raise ModelInUse(f"{model} answers 1 request. Ask again later, or use force=true.", leases=1)
        self.told.append(("unload", model, force))

    def pin(self, model: str, pinned: bool, /) -> None:
        self.told.append(("pin", model, pinned))

    def keep(self, model: str, keep_for_s: float, /) -> None:
        self.told.append(("keep", model, keep_for_s))

    def preload(self, models: tuple[str, ...], because: str, /) -> None:
        self.told.append(("preload", models, because))

    def open_context(self, name: str, client: str, /) -> tuple[str, ...]:
        self.told.append(("open", name, client))
        return (NARRATOR,)

    async def borrow(self, model: str, /, *, for_s: float, client: str) -> str:
        self.told.append(("borrow", model, for_s, client))
        return "lease-1"

    def give_back(self, lease_id: str, /) -> None:
        self.told.append(("give back", lease_id))


@dataclass(frozen=True)
class Door:
    """A server that listens."""

    port: int
    server: Server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def open_door(runtime: Runtime, folder: Path, options: ApiOptions | None = None) -> AsyncIterator[Door]:
    """Serve `runtime` on a free port, with the keys in `folder`, until the block ends."""
    options = replace(options or ApiOptions(shutdown_within_s=5), port=0)
    app = create_app(runtime, options, KeyFile(folder / "keys.json"), lambda: b"innkeeper_up 1\n")
    server = Server(app, options, listen(options.host, options.port))
    running = asyncio.create_task(server.run(), name="server under test")
    try:
        await server.has_started()
        yield Door(server.port, server)
    finally:
        server.close()
        await running


@dataclass(frozen=True)
class Answer:
    """What came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, object]:
        told = json.loads(self.body)["error"]
        assert isinstance(told, dict)
        return told


class Wire:
    """One raw connection: what is written and read is exactly what the test says."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, raw: bytes) -> None:
        self.writer.write(raw)
        await self.writer.drain()

    async def ask(self, method: str, path: str, body: bytes | dict[str, object] | None = None, **headers: str) -> None:
        """Send one request; a header's underscores become dashes."""
        raw = json.dumps(body).encode() if isinstance(body, dict) else body
        lines = [f"{method} {path} HTTP/1.1"]
        if "host" not in headers:
            lines.append("host: 127.0.0.1")
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if raw is not None and "transfer_encoding" not in headers and "content_length" not in headers:
            lines.append(f"content-length: {len(raw)}")
        await self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (raw or b""))

    async def head(self) -> tuple[int, dict[str, str]]:
        raw = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = raw.decode("latin-1").strip().split("\r\n")
        pairs = (line.partition(": ") for line in lines)
        return int(first.split()[1]), {name: value for name, _, value in pairs}

    async def chunk(self) -> bytes:
        """One chunk of a chunked body; empty at the end."""
        size = int(await self.reader.readuntil(b"\r\n"), 16)
        return (await self.reader.readexactly(size + 2))[:-2]

    async def answer(self) -> Answer:
        status, headers = await self.head()
        if "content-length" in headers:
            return Answer(status, headers, await self.reader.readexactly(int(headers["content-length"])))
        parts = []
        while part := await self.chunk():
            parts.append(part)
        return Answer(status, headers, b"".join(parts))


@asynccontextmanager
async def wire_to(door: Door) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()
        await asyncio.wait({asyncio.ensure_future(writer.wait_closed())})
