"""Servers that stand for the length of a measurement: ours, an engine on TCP, LiteLLM's proxy."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.doubles.fast_engine import install
from benchmarks.doubles.raw_client import Target
from tests.ggufs import write_llama

READY_WITHIN_S = 90.0
MODEL = "m"


@contextmanager
def innkeeper(folder: Path, *, slots: int) -> Iterator[tuple[Target, Target, psutil.Process]]:
    """Our server before the fast engine: itself, the engine's own socket, the server's process."""
    folder.mkdir()
    write_llama(folder / "m.gguf")
    (folder / "innkeeper.toml").write_text(
        f'find_models = "never"\nmodels_dir = "{folder}"\nbudget = "2 GiB"\n'
        f'[llama_cpp]\nserver_program = "{install(folder)}"\n'
        f'[models.{MODEL}]\nfile = "m.gguf"\nkinds = ["chat"]\ncontext = 512\n'
        f'slots = {slots}\nkeep_for_s = "until needed"\n'
    )
    port = free_port()
    words = [sys.executable, "-m", "innkeeper.cli", "--config", str(folder / "innkeeper.toml"), "up"]
    words += ["--port", str(port), "--home", str(folder / "home")]
    with _standing(words, folder, port, "/health/ready") as process:
        _ask(port, "POST", f"/models/{MODEL}/load")
        listens = (folder / "listens").read_text()
        yield Target("innkeeper", ("127.0.0.1", port), MODEL), Target("engine", Path(listens), MODEL), process


@contextmanager
def tcp_engine() -> Iterator[int]:
    """The fast engine on a TCP port, for those who know no Unix sockets."""
    port = free_port()
    words = [sys.executable, "-m", "benchmarks.doubles.fast_engine", "--tcp", str(port)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield port
        finally:
            process.terminate()


@contextmanager
def litellm(folder: Path, python: Path, engine_port: int) -> Iterator[tuple[Target, psutil.Process, str]]:
    """LiteLLM's proxy with one worker: itself, its process, its version."""
    folder.mkdir()
    (folder / "config.yaml").write_text(
        f"model_list:\n  - model_name: {MODEL}\n    litellm_params:\n      model: openai/{MODEL}\n"
        f"      api_base: http://127.0.0.1:{engine_port}/v1\n      api_key: none\n"
    )
    asks = "from importlib.metadata import version; print(version('litellm'))"
    version = subprocess.run([str(python), "-c", asks], check=True, capture_output=True, text=True).stdout.strip()
    port = free_port()
    words = [str(python), "-c", "from litellm import run_server; run_server()", "--config", str(folder / "config.yaml")]
    words += ["--host", "127.0.0.1", "--port", str(port)]
    environment = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # no network at the start
        "LITELLM_LOG": "ERROR",
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",  # no key here either, so none there
    }
    with _standing(words, folder, port, "/health/liveliness", environment) as process:
        yield Target("litellm", ("127.0.0.1", port), MODEL), process, version


def free_port() -> int:
    """A port that nobody used a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _standing(
    words: list[str], folder: Path, port: int, path: str, environment: dict[str, str] | None = None
) -> Iterator[psutil.Process]:
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(words, stdout=output, stderr=output, env={**os.environ, **(environment or {})})
    try:
        deadline_s = time.monotonic() + READY_WITHIN_S
        while not _answers(port, path):
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError(f"{words[0]} did not get ready:\n{log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.1)
        yield psutil.Process(process.pid)
    except ConnectionError as error:
        error.add_note(f"{words[0]} wrote last:\n{log.read_text(errors='replace')[-3000:]}")
        raise
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int, path: str) -> bool:
    try:
        return _ask(port, "GET", path) == 200
    except OSError:
        return False


def _ask(port: int, method: str, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path)
        return connection.getresponse().status
    finally:
        connection.close()
