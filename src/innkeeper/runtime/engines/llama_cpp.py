"""Models in GGUF files, each run by llama.cpp in a child process of its own.

The child is the operator's `llama-server` where there is one, else our worker over the `xllamacpp` wheel, of which
one is kept started ahead. Both answer the same HTTP on a Unix socket in a private folder.
"""

from __future__ import annotations

import importlib.metadata
from dataclasses import fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engine import Engine, Footprint, Holding, Sizing
from innkeeper.runtime.engines.cores import usable_cores
from innkeeper.runtime.engines.launch import POOLINGS, Launch, Role
from innkeeper.runtime.engines.llama_engine import LlamaCppEngine, Processes
from innkeeper.runtime.engines.llama_server import LlamaServer
from innkeeper.runtime.engines.log_ring import LogRing
from innkeeper.runtime.engines.private_folder import PrivateFolder
from innkeeper.runtime.engines.server_process import ServerProcesses
from innkeeper.runtime.engines.spare import Spare
from innkeeper.runtime.errors import BadModelFile, BadSettings, SetupError, StateUnusable
from innkeeper.runtime.memory.estimate import estimate
from innkeeper.runtime.memory.gguf import read_header
from innkeeper.runtime.memory.header import Header
from innkeeper.runtime.memory.host import RAM, Gpus
from innkeeper.runtime.memory.learned import Learned, Subject, file_identity
from innkeeper.runtime.memory.options import EngineOptions
from innkeeper.runtime.memory.tensors import CACHE_TYPES
from innkeeper.runtime.messages import Kind

AUTOMATIC_CONTEXT: Final = 4096
"""Tokens a request may use where nobody says: this, or what the model was trained for where that is less."""

START_S: Final = 0.1
"""Seconds of a start that do not depend on the size of the file; measured, docs/engines.md."""

LLAMA_SERVER_MORE_BYTES: Final = 20 * 1024**2
"""RAM that an idle llama-server holds beyond our idle worker, which estimates are made for; learned by running."""

LINK_BYTES_PER_S: Final = 2_000_000_000
"""How fast a file is expected to come into memory until that was measured on this machine."""

_OWN_OPTIONS: Final = ("threads", "pooling")


class LlamaCpp:
    """The adapter. `open` before the first engine, `close` after the last."""

    name = "llama_cpp"

    def __init__(
        self,
        *,
        server: LlamaServer | None = None,
        has_spare: bool = True,
        threads: int | None = None,
        sockets: Path | None = None,
        gpus: Gpus | None = None,
        learned: Learned | None = None,
    ) -> None:
        """
        `server` is the program to run instead of our worker. `threads` are those of each child; None takes one per
        core we may use. `sockets` is where the private folder is made; None takes the system's temporary folder.
        `gpus` tells what a child holds there. `learned` remembers earlier runs; None remembers nothing.
        """
        self._threads = usable_cores() if threads is None else threads
        self._sockets = sockets
        self._gpus = Gpus() if gpus is None else gpus
        self._folder: PrivateFolder | None = None
        self._spare = Spare(is_wanted=has_spare and server is None)
        self._processes: Processes = self._spare if server is None else ServerProcesses(server)
        self._program_more_bytes = 0 if server is None else LLAMA_SERVER_MORE_BYTES
        self._logs: dict[str, LogRing] = {}
        self._learned = learned
        self.build = _worker_build() if server is None else f"llama-server {server.version}"
        """Which engine this is: what was learned of one build is not believed of another."""

    async def open(self) -> None:
        """Make the private folder, remove those of dead servers, and start the spare.

        Raises:
            StateUnusable: No folder can be made.
        """
        try:
            self._folder = PrivateFolder(self._sockets)
        except OSError as error:
            raise StateUnusable(
                f"There is no place for the engines' sockets: {error}. Set TMPDIR to a folder that can be written."
            ) from error
        self._spare.refill(rest_s=0)

    async def spare_ready(self) -> None:
        """Return when the next load finds a spare; at once where none is wanted."""
        await self._spare.ready()

    async def close(self) -> None:
        """End the spare and remove the private folder. Engines are stopped before. Safe to repeat."""
        await self._spare.close()
        if self._folder is not None:
            self._folder.remove()
            self._folder = None

    @property
    def overhead_bytes(self) -> int:
        """Bytes of RAM we hold beside the models: the spare."""
        return self._spare.overhead_bytes

    @property
    def folder(self) -> Path | None:
        """The private folder of the sockets; None while closed."""
        return self._folder.path if self._folder is not None else None

    def log(self, model_id: str) -> tuple[str, ...]:
        """The last lines that the children of this model wrote, oldest first."""
        ring = self._logs.get(model_id)
        return ring.tail() if ring is not None else ()

    def engine(self, model: Model, context: int | None = None) -> LlamaCppEngine:
        """See `Adapter.engine`."""
        assert self._folder is not None, "an engine before the adapter was opened"
        socket = self._folder.socket_path()
        log = self._logs.setdefault(model.id, LogRing())
        return LlamaCppEngine(model, lambda: self.launch(model, context, socket), self._processes, log, self._gpus)

    def footprint(self, model: Model, context: int | None = None) -> Footprint:
        """See `Adapter.footprint`.

        Raises:
            BadModelFile: The file is missing or cannot be understood.
            BadSettings: An option is unknown or of the wrong type.
        """
        header = _header(model)
        role_of(model)
        tokens = context_of(model, context, header)
        options = options_of(model, header, tokens)
        learned = self._known(self._subject(model, header, tokens), header) if self._learned is not None else None
        if learned is not None:
            return learned
        if model.declared is not None:
            return Footprint(model.declared, Sizing.DECLARED)
        estimated = estimate(header, context=tokens, slots=model.slots, cache_type=model.cache_type, options=options)
        return replace(estimated, bytes={**estimated.bytes, RAM: estimated.bytes[RAM] + self._program_more_bytes})

    def load_s(self, model: Model) -> float:
        """See `Adapter.load_s`. A file that cannot be read takes no time to fail."""
        try:
            header = _header(model)
            known = self._learned.load_s(file_identity(header)) if self._learned is not None else None
        except BadModelFile:
            return START_S
        return known if known is not None else START_S + header.file_bytes / LINK_BYTES_PER_S

    def learn(self, model: Model, engine: Engine, holding: Holding) -> None:
        """See `Adapter.learn`."""
        if self._learned is None or not isinstance(engine, LlamaCppEngine) or engine.context is None:
            return
        try:
            header = _header(model)
            subject = self._subject(model, header, engine.context)
        except SetupError:  # the file or its entry changed while it ran: this was a run of something else
            return
        self._learned.learn(subject, holding.peak, was_filled=2 * engine.most_tokens >= engine.context)
        if engine.loaded_in_s is not None:
            self._learned.loaded(subject.file, engine.loaded_in_s)

    def _subject(self, model: Model, header: Header, context: int) -> Subject:
        return Subject(
            file=file_identity(header),
            build=self.build,
            context=context,
            slots=model.slots,
            cache_type=model.cache_type,
            options=options_of(model, header, context),
        )

    def _known(self, subject: Subject, header: Header) -> Footprint | None:
        """What earlier runs held; None where they held less than the weights: then the kernel had taken pages of the
        file back, and what a run needs at its full speed is not known."""
        assert self._learned is not None, "asked for what was learned, and nothing learns"
        found = self._learned.footprint(subject)
        return found if found is not None and sum(found.bytes.values()) >= header.weights_bytes else None

    def launch(self, model: Model, context: int | None, socket: Path) -> Launch:
        """What a child of this model is told.

        Raises:
            BadModelFile: The file is missing or cannot be understood.
            BadSettings: An option is unknown or of the wrong type.
        """
        header = _header(model)
        role = role_of(model)
        tokens = context_of(model, context, header)
        options = options_of(model, header, tokens)
        pooling = model.options.get("pooling")
        if pooling is None and role is Role.EMBEDS and not header.pools:
            pooling = "last"  # a model that generates: its last token has seen all others
        return Launch(
            file=str(header.file.resolve()),
            socket=str(socket),
            name=model.id,
            role=role,
            context=tokens,
            slots=model.slots,
            cache_type=model.cache_type,
            threads=int(model.options.get("threads", self._threads)),
            batch_tokens=options.batch_tokens,
            micro_batch_tokens=options.micro_batch_tokens,
            gpu_layers=options.gpu_layers,
            repack=options.repack,
            flash_attention=options.flash_attention,
            prompt_cache_mib=options.prompt_cache_mib,
            checkpoints=options.checkpoints,
            full_window_cache=options.full_window_cache,
            pooling=None if pooling is None else str(pooling),
        )


def role_of(model: Model) -> Role:
    """What its child is set up for.

    Raises:
        BadSettings: The kinds exclude each other.
    """
    if Kind.RERANK in model.kinds:
        if len(model.kinds) > 1:
            raise BadSettings(f"{model.id}: llama.cpp runs a reranker as nothing else; give the other kinds an entry.")
        return Role.RERANKS
    return Role.EMBEDS if Kind.EMBEDDING in model.kinds else Role.GENERATES


def context_of(model: Model, given: int | None, header: Header) -> int:
    """Tokens of one slot: as set, else as given by who knows the memory, else the automatic rule."""
    if model.context is not None:
        return model.context
    return given if given is not None else min(AUTOMATIC_CONTEXT, header.context_length or AUTOMATIC_CONTEXT)


def options_of(model: Model, header: Header, context: int) -> EngineOptions:
    """The options that decide memory, for the estimate and for the launch alike.

    Raises:
        BadSettings: An option is unknown or of the wrong type.
    """
    known = (*(field.name for field in fields(EngineOptions) if field.name != "embeds"), *_OWN_OPTIONS)
    for name in model.options:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else f" Known are {', '.join(sorted(known))}."
            raise BadSettings(f"{model.id}: llama.cpp has no option {name!r} here.{hint}", param=name)
    _check_own(model)
    options = EngineOptions.chosen(model.options)
    if header.pools:
        return options.for_whole_inputs(context)
    return replace(options, embeds=role_of(model) is Role.EMBEDS)


def _check_own(model: Model) -> None:
    threads, pooling = model.options.get("threads", 1), model.options.get("pooling", POOLINGS[0])
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise BadSettings(f"{model.id}: the option threads is {threads!r}; it must be 1 or more.", param="threads")
    if pooling not in POOLINGS:
        allowed = ", ".join(POOLINGS)
        raise BadSettings(
            f"{model.id}: the option pooling is {pooling!r}; it must be one of {allowed}.", param="pooling"
        )
    if model.cache_type not in CACHE_TYPES:
        allowed = ", ".join(CACHE_TYPES)
        raise BadSettings(
            f"{model.id}: cache_type is {model.cache_type!r}; it must be one of {allowed}.", param="cache_type"
        )


def _header(model: Model) -> Header:
    if model.file is None:
        raise BadModelFile(f"{model.id} has no file; llama.cpp needs one. Set `file` to a GGUF file.")
    return read_header(model.file)


def _worker_build() -> str:
    return f"xllamacpp {importlib.metadata.version('xllamacpp')}"
