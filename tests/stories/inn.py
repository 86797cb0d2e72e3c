"""The whole inn as a child process: started, asked, signalled and looked at from outside."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import psutil

READY_WITHIN_S = 60.0
GONE_WITHIN_S = 30.0
LOOK_EVERY_S = 0.02

Json = dict[str, Any]  # what the server said; the test looks


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one request."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        document: Json = json.loads(self.body)
        return document

    @property
    def error(self) -> Json:
        """The error in OpenAI's shape."""
        error: Json = self.json["error"]
        return error


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


class Inn:
    """One folder with settings, state and temporary files, and the server that runs over it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.models = folder / "models"
        self.temporary = folder / "tmp"
        self.settings_file = folder / "innkeeper.toml"
        self.port = free_port()
        self.process: psutil.Popen | None = None
        for each in (self.models, self.temporary, folder / "user"):
            each.mkdir()
        self.settings("")

    # ---- its life ----

    def settings(self, text: str) -> None:
        """Write the settings file."""
        self.settings_file.write_text(text)

    def start(self, is_ready: Callable[[], bool] | None = None) -> None:
        """Start the server and return when it is ready: when it says so at its port, or as told."""
        assert self.process is None, "it runs already"
        with self.output_file.open("ab") as output:
            self.process = psutil.Popen(
                command("up"), cwd=self.folder, env=self.environment(), stdout=output, stderr=output
            )
        self.until(is_ready or self.is_ready, READY_WITHIN_S)

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        assert self.process is not None, "it was not started"
        code = int(self.process.wait(GONE_WITHIN_S))
        self.process = None
        return code

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None, "it was not started"
        self.process.send_signal(number)

    def close(self) -> None:
        """End it in order, and see that it leaves nothing behind and never showed a traceback."""
        if self.process is None:
            return
        children = self.children()
        self.signal(signal.SIGTERM)
        code = self.wait()
        assert code == 0, f"it ended with {code}:\n{self.output()}"
        assert [child for child in children if is_alive(child)] == []
        assert list(self.temporary.iterdir()) == []
        assert "Traceback" not in self.output(), self.output()

    def destroy(self) -> None:
        """Whatever happened before: nothing runs and nothing lies about afterwards."""
        if self.process is not None:
            everybody = [self.process, *self.children()]
            for each in everybody:
                with suppress(psutil.NoSuchProcess):
                    each.kill()
            self.process.wait(GONE_WITHIN_S)
        shutil.rmtree(self.folder, ignore_errors=True)

    def is_ready(self) -> bool:
        """Whether it takes requests."""
        assert self.process is not None, "it was not started"
        assert self.process.poll() is None, f"it ended at once:\n{self.output()}"
        with suppress(OSError, http.client.HTTPException):
            return self.get("/health/ready").status == 200
        return False

    # ---- talking to it ----

    def environment(self) -> dict[str, str]:
        """What its processes and commands are told; nothing of the machine's own models and keys."""
        return {
            **{name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH") if name in os.environ},
            "HOME": str(self.folder / "user"),
            "TMPDIR": str(self.temporary),
            "INNKEEPER_HOME": str(self.home),
            "INNKEEPER_MODELS_DIR": str(self.models),
            "INNKEEPER_PORT": str(self.port),
            "INNKEEPER_LLAMA_CPP__THREADS": "1",  # the machine of a test is a busy one
        }

    def command(self, *words: str, stdin: str = "") -> Said:
        """Give a command of the command line, as a process of its own."""
        ended = subprocess.run(
            command(*words),
            cwd=self.folder,
            env=self.environment(),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in ended.stderr, ended.stderr
        return Said(ended.returncode, ended.stdout, ended.stderr)

    def client(self) -> openai.OpenAI:
        """The official client, without retries of its own. Use it as a context manager."""
        return openai.OpenAI(base_url=f"http://127.0.0.1:{self.port}/v1", api_key="none", max_retries=0, timeout=60)

    def get(self, path: str) -> Answer:
        return self._ask("GET", path, None, {})

    def delete(self, path: str) -> Answer:
        return self._ask("DELETE", path, None, {})

    def post(self, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        """`body` as JSON, or as it is when it is bytes."""
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        return self._ask("POST", path, raw, headers or {})

    def say(self, model: str, *, tokens: int = 8, stream: bool = False, request_id: str | None = None) -> Answer:
        """Ask a text model for so many tokens, no fewer."""
        return self.post("/v1/completions", words(model, tokens, stream=stream), named(request_id))

    @contextmanager
    def connection(self, body: object, request_id: str | None = None) -> Iterator[socket.socket]:
        """A request that was sent and not read; leaving the block hangs up."""
        raw = json.dumps(body).encode()
        head = f"POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(raw)}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in named(request_id).items())
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as wire:
            wire.sendall(head.encode() + b"\r\n" + raw)
            yield wire

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())

    # ---- looking at it ----

    @property
    def output_file(self) -> Path:
        return self.folder / "output.txt"

    def output(self) -> str:
        """All it has printed."""
        return self.output_file.read_text(errors="replace") if self.output_file.exists() else ""

    def ps(self) -> Json:
        return self.get("/ps").json

    def model(self, model: str) -> Json:
        """One model as `ps` sees it."""
        found: Json = next(one for one in self.ps()["models"] if one["id"] == model)
        return found

    def story(self, subject: str) -> list[str]:
        """The kinds of facts that the journal tells of a request or a model, oldest first."""
        return [entry["kind"] for entry in self.get(f"/story/{subject}").json["entries"]]

    def ending(self, request_id: str) -> str:
        """The outcome of a request that has ended, by the journal."""
        ends: list[Json] = []

        def has_ended() -> bool:
            entries = self.get(f"/story/{request_id}").json["entries"]
            ends[:] = [entry["fact"] for entry in entries if entry["kind"] == "Finished"]
            return bool(ends)

        self.until(has_ended)
        assert len(ends) == 1, ends
        return str(ends[0]["outcome"])

    def children(self) -> list[psutil.Process]:
        """Every process that it started and that still runs."""
        assert self.process is not None, "it was not started"
        try:
            return list(self.process.children(recursive=True))
        except psutil.NoSuchProcess:
            return []

    def held_bytes(self) -> int:
        """What it and its children hold of the memory, by the kernel: pages shared with others count in part (PSS)."""
        assert self.process is not None, "it was not started"
        return sum(proportional_bytes(pid) for pid in (self.process.pid, *(child.pid for child in self.children())))

    def until(self, condition: Callable[[], bool], within_s: float = 20.0) -> None:
        """Return when it is so; fail when it is not within that time."""
        deadline_s = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline_s, f"not within {within_s:g} s; the server said:\n{self.output()}"
            time.sleep(LOOK_EVERY_S)


@contextmanager
def an_inn() -> Iterator[Inn]:
    """An inn in a folder with a short path, for sockets; nothing of it is left afterwards."""
    inn = Inn(Path(tempfile.mkdtemp(prefix="story-")))
    try:
        yield inn
        inn.close()
    finally:
        inn.destroy()


def command(*words: str) -> list[str]:
    """The command line of this very installation."""
    return [sys.executable, "-m", "innkeeper.cli", *words]


def words(model: str, tokens: int, *, stream: bool = False, prompt: str = "Once upon a time") -> Json:
    """A request for so many tokens, no fewer."""
    asked = {"model": model, "prompt": prompt, "max_tokens": tokens, "temperature": 0, "ignore_eos": True}
    return {**asked, "stream": stream}


def named(request_id: str | None) -> dict[str, str]:
    return {} if request_id is None else {"x-request-id": request_id}


def free_port() -> int:
    """A port that nobody used a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs and holds memory. A dead one that nobody has asked about yet does neither."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def proportional_bytes(pid: int) -> int:
    """The process's share of the memory (PSS); 0 when it is gone."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))


def journal(home: Path) -> list[tuple[str, Json]]:
    """Every fact in the journal's file by its kind, oldest first."""
    with closing(sqlite3.connect(f"file:{home / 'journal.sqlite'}?mode=ro", uri=True)) as file:
        return [(kind, json.loads(fact)) for kind, fact in file.execute("SELECT kind, fact FROM entry ORDER BY id")]
