"""The adapter for Whisper: ggml files, run by whisper.cpp in a child process, one window of sound after the other."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engine import Engine, Footprint, Holding, Sizing
from innkeeper.runtime.engines.cores import usable_cores
from innkeeper.runtime.engines.hearing import Ear
from innkeeper.runtime.engines.log_ring import LogRing
from innkeeper.runtime.engines.process_memory import RAM
from innkeeper.runtime.engines.whisper_engine import WhisperEngine
from innkeeper.runtime.errors import BadModelFile, BadSettings, EngineMissing, SetupError
from innkeeper.runtime.memory.learned import Learned, Subject, identity
from innkeeper.runtime.memory.options import EngineOptions
from innkeeper.runtime.memory.whisper_file import MARGIN, WhisperFile, read_whisper_file

START_S: Final = 0.3
"""Seconds a worker takes before it reads its file: Python, numpy and the library."""

LINK_BYTES_PER_S: Final = 1.5e9

LIBRARY: Final = "pywhispercpp"

_OPTIONS: Final = ("threads",)


class Whisper:
    """The adapter."""

    name = "whisper"

    def __init__(
        self, *, threads: int | None = None, voice_file: Path | None = None, learned: Learned | None = None
    ) -> None:
        """
        `threads` are those of each child; None takes one per core we may use. `voice_file` holds the weights of the
        voice detector; None judges by loudness. `learned` remembers earlier runs; None remembers nothing.
        """
        self._threads = usable_cores() if threads is None else threads
        self._voice_file = voice_file
        self._learned = learned
        self._logs: dict[str, LogRing] = {}

    @property
    def build(self) -> str | None:
        """Which engine this is; None where the library is not installed."""
        found = importlib.util.find_spec(f"_{LIBRARY}")
        return None if found is None else f"{LIBRARY} {importlib.metadata.version(LIBRARY)}"

    def log(self, model_id: str) -> tuple[str, ...]:
        """The last lines that the children of this model wrote, oldest first."""
        ring = self._logs.get(model_id)
        return ring.tail() if ring is not None else ()

    def engine(self, model: Model, context: int | None = None) -> WhisperEngine:  # noqa: ARG002  # it has no context
        """See `Adapter.engine`."""
        return WhisperEngine(model, lambda: self.ear(model), self._logs.setdefault(model.id, LogRing()))

    def footprint(self, model: Model, context: int | None = None) -> Footprint:  # noqa: ARG002
        """See `Adapter.footprint`.

        Raises:
            BadModelFile: The file is missing or no Whisper model.
            BadSettings: An option is unknown or of the wrong type, or more than one slot is asked for.
            EngineMissing: whisper.cpp is not installed.
        """
        self._check(model)
        found = _whisper_file(model)
        learned = self._learned.footprint(self._subject(found)) if self._learned is not None else None
        if learned is not None:
            return learned
        if model.declared is not None:
            return Footprint(model.declared, Sizing.DECLARED)
        return Footprint({RAM: round(found.footprint_bytes * (1 + MARGIN))}, Sizing.ESTIMATED, MARGIN)

    def load_s(self, model: Model) -> float:
        """See `Adapter.load_s`. A file that cannot be read takes no time to fail."""
        try:
            found = _whisper_file(model)
            known = self._learned.load_s(identity(found.file, found.file_bytes)) if self._learned is not None else None
        except BadModelFile:
            return START_S
        return known if known is not None else START_S + found.file_bytes / LINK_BYTES_PER_S

    def learn(self, model: Model, engine: Engine, holding: Holding) -> None:
        """See `Adapter.learn`."""
        if self._learned is None or not isinstance(engine, WhisperEngine):
            return
        try:
            subject = self._subject(_whisper_file(model))
        except SetupError:  # the file changed while it ran: this was a run of something else
            return
        if engine.has_heard:
            self._learned.learn(subject, holding.peak)
        if engine.loaded_in_s is not None:
            self._learned.loaded(subject.file, engine.loaded_in_s)

    def ear(self, model: Model) -> Ear:
        """What a child of this model is told.

        Raises:
            BadModelFile: The file is missing or no Whisper model.
            BadSettings: An option is unknown or of the wrong type, or more than one slot is asked for.
            EngineMissing: whisper.cpp is not installed.
        """
        self._check(model)
        return Ear(
            file=str(_whisper_file(model).file.resolve()),
            name=model.id,
            threads=int(model.options.get("threads", self._threads)),
            voice_file=None if self._voice_file is None else str(self._voice_file),
        )

    def _check(self, model: Model) -> None:
        if self.build is None:
            raise EngineMissing(
                f"{model.id} needs whisper.cpp, which is not installed. `pip install 'innkeeper[speech]'` installs it."
            )
        for name in model.options:
            if name not in _OPTIONS:
                near = get_close_matches(name, _OPTIONS, n=1)
                hint = f" Did you mean {near[0]!r}?" if near else f" Known are {', '.join(_OPTIONS)}."
                raise BadSettings(f"{model.id}: Whisper has no option {name!r} here.{hint}", param=name)
        threads = model.options.get("threads", 1)
        if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
            raise BadSettings(f"{model.id}: the option threads is {threads!r}; it must be 1 or more.", param="threads")
        if model.slots != 1:
            raise BadSettings(f"{model.id}: a Whisper model hears one file at a time; set slots to 1.", param="slots")

    def _subject(self, found: WhisperFile) -> Subject:
        return Subject(
            file=identity(found.file, found.file_bytes),
            build=self.build or LIBRARY,
            context=found.audio_context,
            slots=1,
            cache_type="f16",
            options=EngineOptions(),
        )


def _whisper_file(model: Model) -> WhisperFile:
    if model.file is None:
        raise BadModelFile(f"{model.id} has no file; Whisper needs one. Set `file` to a ggml file.")
    return read_whisper_file(model.file)
