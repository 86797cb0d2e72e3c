"""The doctor's questions to the machine, each answered with a finding and, where something is wrong, its fix."""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from innkeeper.cli.fits import fitting, in_words
from innkeeper.cli.invocation import Invocation
from innkeeper.cli.opening import servers_here, sizes, uses
from innkeeper.cli.rooms import rooms_of
from innkeeper.client.operator import Operator
from innkeeper.runtime.elsewhere import elsewhere
from innkeeper.runtime.engines.cores import usable_cores
from innkeeper.runtime.engines.llama_server import LlamaServer
from innkeeper.runtime.engines.tether import OOM_SCORE
from innkeeper.runtime.errors import InnkeeperError
from innkeeper.runtime.memory.learned import Learned
from innkeeper.runtime.sizes import told
from innkeeper.runtime.speech.containers import Container, named
from innkeeper.settings.catalog import catalog_of, search, voice_file
from innkeeper.settings.load import Loaded
from innkeeper.settings.values import Settings

LITTLE_DISK_BYTES: Final = 2 * 1024**3
"""Less than this free where models are kept is worth a note: few models are smaller."""


class Verdict(Enum):
    """How bad it is."""

    FINE = "fine"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the doctor saw."""

    verdict: Verdict
    topic: str
    what: str
    fix: str = ""


def examine(invocation: Invocation) -> Iterator[Finding]:
    """Everything, in the order in which things depend on each other. Bad settings end it early."""
    yield from _machine()
    try:
        loaded = invocation.settings()
    except InnkeeperError as error:
        yield Finding(Verdict.WRONG, "settings", error.message)
        return
    yield Finding(Verdict.FINE, "settings", str(loaded.file) if loaded.file else "no file; everything by default")
    yield from _memory(loaded.settings)
    yield from _engines(loaded)
    yield from _speech(loaded.settings)
    yield from _servers(loaded.settings)
    yield _home(loaded.settings.home)
    yield _learned(loaded.settings.home)
    yield _models_disk(loaded.settings.models_dir)
    yield _port(invocation.server(), loaded.settings)
    yield _hub()
    yield from _models(loaded)


def _machine() -> Iterator[Finding]:
    yield Finding(
        Verdict.FINE, "innkeeper", f"{importlib.metadata.version('innkeeper')}, Python {platform.python_version()}"
    )
    system = platform.system()
    yield Finding(
        Verdict.FINE if system == "Linux" else Verdict.WRONG,
        "system",
        f"{system} {platform.release()}, {platform.machine()}",
        "" if system == "Linux" else "Innkeeper runs on Linux.",
    )
    try:
        OOM_SCORE.write_text(OOM_SCORE.read_text())  # what it is already
    except OSError as error:
        yield Finding(
            Verdict.NOTE,
            "out of memory",
            f"{OOM_SCORE} cannot be written ({error.strerror}): the kernel may end the server before a model",
            "Give the container a /proc that can be written, or a memory limit above the budget.",
        )
    yield Finding(Verdict.FINE, "cpu", f"{_cpu_name()}, {usable_cores()} of {os.cpu_count()} cores to use")


def _cpu_name(info: Path = Path("/proc/cpuinfo")) -> str:
    try:
        lines = info.read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model")))
    return next(named, platform.processor() or platform.machine())


def _memory(settings: Settings) -> Iterator[Finding]:
    try:
        rooms = rooms_of(settings)
    except InnkeeperError as error:
        yield Finding(Verdict.WRONG, "memory", error.message)
        return
    for room in rooms:
        free = f"{told(room.free_bytes)} free of {told(room.total_bytes)}"
        yield Finding(Verdict.FINE, room.name, f"{free}; models may hold {told(room.for_models_bytes)}")
    if len(rooms) == 1:
        yield Finding(Verdict.FINE, "gpu", "none that a driver knows; models run on the CPU")


def _engines(loaded: Loaded) -> Iterator[Finding]:
    if importlib.util.find_spec("xllamacpp") is None:
        yield Finding(Verdict.WRONG, "xllamacpp", "not installed", "pip install xllamacpp")
    else:
        yield Finding(Verdict.FINE, "xllamacpp", importlib.metadata.version("xllamacpp"))
    try:
        ctypes.CDLL("libgomp.so.1")
        yield Finding(Verdict.FINE, "libgomp", "there; xllamacpp computes with it")
    except OSError:
        yield Finding(
            Verdict.WRONG,
            "libgomp",
            "libgomp.so.1 is missing, so the engine in xllamacpp cannot start",
            "apt-get install libgomp1",
        )
    configured = loaded.settings.llama_cpp.server_program
    program = configured or shutil.which("llama-server", path=loaded.sources.environ.get("PATH"))
    if program is None:
        yield Finding(Verdict.FINE, "llama-server", "none on the PATH; the one in xllamacpp is used")
        return
    try:
        probed = LlamaServer.probe(Path(program), dict(loaded.sources.environ))
        yield Finding(Verdict.FINE, "llama-server", f"{probed.path}, version {probed.version}")
    except InnkeeperError as error:
        yield Finding(Verdict.WRONG if configured else Verdict.NOTE, "llama-server", error.message)


def _speech(settings: Settings) -> Iterator[Finding]:
    if importlib.util.find_spec("_pywhispercpp") is None:
        told = "not installed; no model here can hear"
        yield Finding(Verdict.NOTE, "whisper.cpp", told, "pip install 'innkeeper[speech]'")
        return
    from innkeeper.runtime.speech.decoders import readable

    yield Finding(Verdict.FINE, "whisper.cpp", importlib.metadata.version("pywhispercpp"))
    can, cannot = frozenset(readable()), frozenset(Container) - frozenset(readable())
    if cannot:
        fix = "pip install 'innkeeper[audio]', or install ffmpeg"
        yield Finding(Verdict.NOTE, "sound files", f"reads {named(can)}; not {named(cannot)}", fix)
    else:
        yield Finding(Verdict.FINE, "sound files", f"reads {named(can)}")
    voice = voice_file(settings)
    if voice is None:
        yield Finding(Verdict.NOTE, "voices", "are told by their loudness", "innkeeper pull whisper:voice")
    else:
        yield Finding(Verdict.FINE, "voices", f"are told by {voice.name}")


def _servers(settings: Settings) -> Iterator[Finding]:
    """Other model servers of this machine: offered where they answer, missed only where a model needs one."""
    here = {server.engine: server for server in servers_here(settings)}
    for server in here.values():
        unused = server.models and not uses(settings, server.engine)
        fix = f"To use one, in innkeeper.toml:\n{server.offer}" if unused else ""
        yield Finding(Verdict.FINE, server.title, server.told, fix)
    for engine, url, fix in (
        ("ollama", settings.ollama.url, "Start it: ollama serve"),
        ("lmstudio", settings.lmstudio.url, "Start its server: lms server start"),
    ):
        if engine not in here and uses(settings, engine) and elsewhere(url) is None:
            yield Finding(Verdict.NOTE, engine, f"does not answer at {url}, and models need it", fix)


def _home(home: Path) -> Finding:
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        fix = "Choose a folder you may write to: INNKEEPER_HOME or `home` in the settings."
        return Finding(Verdict.WRONG, "home", f"{home} cannot be written: {error.strerror}", fix)
    return Finding(Verdict.FINE, "home", f"{home}, {told(shutil.disk_usage(home).free)} free")


def _learned(home: Path) -> Finding:
    learned = Learned(home / "learned.sqlite")
    known = learned.known()
    if learned.trouble is not None:
        return Finding(Verdict.NOTE, "learned", learned.trouble, "Estimates are used until the file can be written.")
    return Finding(
        Verdict.FINE, "learned", f"what models held, {known} times with different options" if known else "nothing yet"
    )


def _models_disk(folder: Path) -> Finding:
    if not folder.is_dir():
        return Finding(Verdict.NOTE, "models_dir", f"{folder} is not there yet; `innkeeper pull` makes it")
    free_bytes = shutil.disk_usage(folder).free
    verdict = Verdict.FINE if free_bytes >= LITTLE_DISK_BYTES else Verdict.NOTE
    return Finding(verdict, "models_dir", f"{folder}, {told(free_bytes)} free")


def _port(server: Operator, settings: Settings) -> Finding:
    address = f"{settings.host}:{settings.port}"
    try:
        view = server.view()
    except InnkeeperError as error:
        if error.code != "server_absent":
            return Finding(Verdict.NOTE, "port", f"{address} answers, but not to us: {error.message}")
    else:
        return Finding(Verdict.FINE, "port", f"an Innkeeper {view.version} is running at {address}")
    from innkeeper.api.server import listen

    try:
        listen(settings.host, settings.port).close()
    except InnkeeperError as error:
        return Finding(Verdict.WRONG, "port", error.message)
    return Finding(Verdict.FINE, "port", f"{address} is free")


def _hub() -> Finding:
    if importlib.util.find_spec("huggingface_hub") is None:
        return Finding(Verdict.NOTE, "pull", "the extra `hub` is not installed", "pip install 'innkeeper[hub]'")
    return Finding(Verdict.FINE, "pull", f"huggingface-hub {importlib.metadata.version('huggingface_hub')}")


def _models(loaded: Loaded) -> Iterator[Finding]:
    from innkeeper import assemble

    found = search(loaded)
    for left in found.left_out:
        yield Finding(Verdict.NOTE, "left out", f"{left.path}: {left.why}")
    try:
        catalog = catalog_of(loaded.settings, found)
    except InnkeeperError as error:
        yield Finding(Verdict.WRONG, "models", error.message)
        return
    if not len(catalog):
        fix = "Put a GGUF file into ./models, or fetch one with `innkeeper pull`."
        yield Finding(Verdict.NOTE, "models", "none was found", fix)
        return
    footprints, troubles = sizes(catalog, assemble.adapters(loaded))
    for model_id, footprint in footprints.items():
        amount = " + ".join(f"{told(size)} {pool}" for pool, size in footprint.bytes.items() if size) or "0 B"
        yield Finding(Verdict.FINE, "model", f"{model_id}: {amount} ({footprint.sizing.value})")
    for model_id, trouble in troubles.items():
        yield Finding(Verdict.WRONG, "model", f"{model_id}: {trouble}")
    try:
        rooms = rooms_of(loaded.settings)
    except InnkeeperError:
        return  # told above
    for sentence in in_words(fitting(footprints, rooms), footprints, rooms):
        yield Finding(Verdict.FINE, "fits", sentence)
