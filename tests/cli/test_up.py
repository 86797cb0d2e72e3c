"""`up` and `doctor`: a machine is looked at, and the inn opens."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from innkeeper.cli.fits import Room
from innkeeper.cli.invocation import show
from innkeeper.cli.opening import Opening, screen
from innkeeper.client.operator import Operator, Words
from innkeeper.discovery.found import Found, LeftOut
from innkeeper.discovery.servers import FoundServer
from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engine import Footprint, Sizing
from innkeeper.runtime.errors import ServerAbsent
from innkeeper.runtime.messages import Kind
from innkeeper.settings.values import CONSENT
from tests.api.doubles import Door
from tests.cli.command import CommandLine
from tests.doubles.ollama_server import OllamaServer
from tests.doubles.served import serving
from tests.ggufs import write_llama

GIB = 1024**3


def opening(*models: str, found: Found | None = None, troubles: dict[str, str] | None = None) -> Opening:
    footprints = {model: Footprint({"ram": GIB}, Sizing.ESTIMATED) for model in models if model not in (troubles or {})}
    return Opening(
        "1.2.3",
        (Room("ram", 16 * GIB, 14 * GIB, 12 * GIB),),
        tuple(Model(model, "llama_cpp", frozenset({Kind.CHAT})) for model in models),
        footprints,
        troubles or {},
        found or Found(),
        "http://127.0.0.1:8000",
        "/inn/models",
    )


class TestScreen:
    @pytest.mark.parametrize("count", [0, 1, 12, 13, 400])
    def test_it_fits_on_one_screen_however_many_models_there_are(
        self, count: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        names = [f"model-{number}" for number in range(count)]
        left_out = tuple(LeftOut(Path(f"/m/{number}.gguf"), "it is truncated") for number in range(count))
        troubles = dict.fromkeys(names[::2], "its file is gone")
        show(screen(opening(*names, found=Found(left_out=left_out), troubles=troubles)))
        assert len(capsys.readouterr().out.splitlines()) <= 35

    def test_each_model_has_its_size_with_the_kind_of_number(self, capsys: pytest.CaptureFixture[str]) -> None:
        show(screen(opening("narrator", "rules")))
        told = capsys.readouterr().out
        assert re.search(r"^narrator +1\.0 GiB +estimated +chat$", told, re.MULTILINE)
        assert "Both fit into memory together." in told
        assert 'innkeeper run narrator "Who are you?"' in told
        assert "http://127.0.0.1:8000/v1" in told

    def test_when_nothing_is_found_the_next_step_is_to_fetch_a_model(self, capsys: pytest.CaptureFixture[str]) -> None:
        show(screen(opening()))
        told = capsys.readouterr().out
        assert "No model was found." in told
        assert "Put a GGUF file into /inn/models" in told
        assert re.search(r"next +innkeeper pull \S+/\S+:\S+$", told, re.MULTILINE)

    def test_another_model_server_is_offered(self, capsys: pytest.CaptureFixture[str]) -> None:
        ollama = FoundServer("ollama", "Ollama", "http://127.0.0.1:11434", ("llama3.2:3b",))
        show(screen(replace(opening("narrator"), servers=(ollama,))))
        told = capsys.readouterr().out
        assert "Ollama answers at http://127.0.0.1:11434 with 1 model." in told
        assert '[models."llama3.2:3b"]' in told

    def test_a_model_that_cannot_be_sized_is_told_and_not_recommended(self, capsys: pytest.CaptureFixture[str]) -> None:
        show(screen(opening("bad", "good", troubles={"bad": "its file is gone"})))
        told = capsys.readouterr().out
        assert re.search(r"trouble +bad: its file is gone", told)
        assert "innkeeper run good" in told


class TestUp:
    def test_a_port_that_is_taken_is_told_before_anything_else(self, innkeeper: CommandLine) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as other:
            told = innkeeper("up", "--port", str(other.getsockname()[1]))
        assert (told.code, told.out) == (3, "")
        assert "is in use by another program" in told.err
        assert "--port" in told.err

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["--port", "80000"], 'command line --port: `port` is "80000"; it must be at most 65535'),
            (["--budget", "lots"], 'command line --budget: `budget` is "lots"'),
        ],
    )
    def test_a_bad_option_is_told_like_a_bad_setting(
        self, innkeeper: CommandLine, words: list[str], message: str
    ) -> None:
        told = innkeeper("up", *words)
        assert told.code == 3
        assert message in told.err

    def test_a_budget_that_the_machine_does_not_have_is_told(self, innkeeper: CommandLine) -> None:
        told = innkeeper("up", "--port", "0", "--budget", "60 TiB")
        assert told.code == 3
        assert "60.0 TiB for ram is more than" in told.err

    def test_the_network_is_not_let_in_without_keys(self, innkeeper: CommandLine) -> None:
        told = innkeeper("up", "--host", "0.0.0.0", "--port", "0")
        assert told.code == 3
        assert "without any API key" in told.err
        assert f'"{CONSENT}"' in told.err
        assert told.out == ""

    def test_without_settings_it_finds_the_model_serves_it_and_ends_in_order(self, tmp_path: Path) -> None:
        (tmp_path / "models").mkdir()
        write_llama(tmp_path / "models" / "tiny.gguf")
        with started(tmp_path) as (process, server, told):
            assert re.search(r"^tiny +\d+\.\d MiB +estimated +chat, models folder$", told, re.MULTILINE)
            answer = server.chat("tiny", [{"role": "user", "content": "Hello"}])
            assert any(isinstance(part, Words) for part in answer)
            (model,) = server.view().models
            assert (model.id, model.state) == ("tiny", "ready")
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        with pytest.raises(ServerAbsent):
            server.view()

    def test_a_model_put_into_the_folder_is_there_after_sighup(self, tmp_path: Path) -> None:
        """C79."""
        (tmp_path / "models").mkdir()
        with started(tmp_path) as (process, server, told):
            assert "No model was found." in told
            write_llama(tmp_path / "models" / "new.gguf")
            process.send_signal(signal.SIGHUP)
            assert process.stdout is not None
            while "settings" not in (line := process.stdout.readline()):
                assert line
            assert [model.id for model in server.view().models] == ["new"]


class TestDoctor:
    def test_each_finding_has_a_verdict_and_what_is_wrong_has_a_fix(
        self, innkeeper: CommandLine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (innkeeper.folder / "models").mkdir()
        (innkeeper.folder / "models" / "bad.gguf").write_bytes(b"GGUF")
        write_llama(innkeeper.folder / "models" / "tiny.gguf")
        (innkeeper.folder / "file").write_text("")
        innkeeper.set({"INNKEEPER_HOME": str(innkeeper.folder / "file" / "home"), "INNKEEPER_PORT": "0"})
        told = innkeeper("doctor")
        assert told.code == 3
        assert re.search(r"^WRONG +home +.*cannot be written: Not a directory", told.out, re.MULTILINE)
        assert "INNKEEPER_HOME or `home`" in told.out
        assert re.search(r"^note +left out +.*bad\.gguf", told.out, re.MULTILINE)
        assert re.search(r"^ok +model +tiny: \d+\.\d MiB ram \(estimated\)$", told.out, re.MULTILINE)
        assert re.search(r"^ok +fits +tiny fits into memory\.$", told.out, re.MULTILINE)
        assert re.search(r"^ok +xllamacpp +\d", told.out, re.MULTILINE)

    def test_without_libgomp_the_package_that_brings_it_is_named(
        self, innkeeper: CommandLine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def absent(name: str) -> object:
            raise OSError(f"{name}: cannot open shared object file")

        monkeypatch.setattr("ctypes.CDLL", absent)
        told = innkeeper("doctor")
        assert told.code == 3
        assert re.search(r"^WRONG +libgomp +", told.out, re.MULTILINE)
        assert "apt-get install libgomp1" in told.out

    def test_a_kernel_that_cannot_be_told_whom_to_end_first_is_noted(
        self, innkeeper: CommandLine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("innkeeper.cli.examination.OOM_SCORE", innkeeper.folder / "absent" / "score")
        told = innkeeper("doctor")
        assert re.search(r"^note +out of memory +.*cannot be written \(No such file", told.out, re.MULTILINE)

    def test_a_program_that_is_no_llama_server_is_told(self, innkeeper: CommandLine) -> None:
        innkeeper.set({"INNKEEPER_LLAMA_CPP__SERVER_PROGRAM": "/bin/true"})
        told = innkeeper("doctor")
        assert told.code == 3
        assert "/bin/true does not answer like a llama-server" in told.out

    def test_a_budget_that_cannot_be_is_told_and_the_examination_goes_on(self, innkeeper: CommandLine) -> None:
        innkeeper.set({"INNKEEPER_BUDGET": "60 TiB"})
        told = innkeeper("doctor")
        assert told.code == 3
        assert re.search(r"^WRONG +memory +The budget of 60\.0 TiB for ram", told.out, re.MULTILINE)
        assert re.search(r"^ok +home ", told.out, re.MULTILINE)

    async def test_a_running_server_is_recognised(self, innkeeper: CommandLine, server: Door) -> None:
        told = await asyncio.to_thread(innkeeper, "doctor")
        assert f"an Innkeeper 0.1.0 is running at 127.0.0.1:{server.port}" in told.out

    async def test_other_model_servers_are_offered_with_the_lines_that_use_them(self, innkeeper: CommandLine) -> None:
        ollama = OllamaServer()
        async with serving(ollama):
            innkeeper.set({"INNKEEPER_OLLAMA__URL": ollama.url})
            told = await asyncio.to_thread(innkeeper, "doctor")

        assert re.search(rf"^ok +Ollama +Ollama answers at {ollama.url} with 1 model$", told.out, re.MULTILINE)
        assert '[models."tiny:latest"]' in told.out

    def test_one_that_a_model_needs_and_that_does_not_answer_is_noted(self, innkeeper: CommandLine) -> None:
        (innkeeper.folder / "innkeeper.toml").write_text(
            '[ollama]\nurl = "http://127.0.0.1:9"\n[models.m]\nengine = "ollama"\n'
        )
        told = innkeeper("doctor")

        assert re.search(r"^note +ollama +does not answer at http://127\.0\.0\.1:9", told.out, re.MULTILINE)
        assert "ollama serve" in told.out

    def test_a_port_that_nobody_has_is_free(self, innkeeper: CommandLine) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as other:
            port = other.getsockname()[1]
        innkeeper.set({"INNKEEPER_PORT": str(port)})
        assert re.search(rf"^ok +port +127\.0\.0\.1:{port} is free$", innkeeper("doctor").out, re.MULTILINE)

    def test_bad_settings_end_the_examination(self, innkeeper: CommandLine) -> None:
        (innkeeper.folder / "innkeeper.toml").write_text("prot = 1")
        told = innkeeper("doctor")
        assert told.code == 3
        assert re.search(r"^WRONG +settings +innkeeper\.toml line 1: `prot` is not a setting", told.out, re.MULTILINE)


@contextmanager
def started(folder: Path) -> Iterator[tuple[subprocess.Popen[str], Operator, str]]:
    """`innkeeper up` as a process of its own in `folder`, ready to answer; with what it said until then."""
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("INNKEEPER_", "HF_", "OLLAMA"))
    }
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "innkeeper.cli", "up", "--port", str(port)],
        cwd=folder,
        env={**environ, "HOME": str(folder), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or "opened" not in lines[-1]:
            lines.append(process.stdout.readline())
            assert lines[-1], "".join(lines)
        yield process, Operator("127.0.0.1", port), "".join(lines)
    finally:
        process.terminate()
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()
