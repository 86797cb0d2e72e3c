"""LlamaServer: a program of the operator's own, asked who it is before it is told anything."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from innkeeper.runtime.engines.launch import Launch, Role
from innkeeper.runtime.engines.llama_server import LlamaServer
from innkeeper.runtime.engines.worker import parameters
from innkeeper.runtime.errors import EngineMissing
from tests.engines.llama_server_double import HELP, NEWER_HELP, install, parsed

LAUNCH = Launch(
    file="/models/narrator.gguf",
    socket="/tmp/x.sock",
    name="narrator",
    role=Role.GENERATES,
    context=4096,
    slots=2,
    cache_type="q8_0",
    threads=3,
    batch_tokens=512,
    micro_batch_tokens=128,
    gpu_layers=0,
    repack=False,
    flash_attention=True,
    prompt_cache_mib=64,
    checkpoints=2,
    full_window_cache=False,
    pooling=None,
)


@pytest.fixture
def program(tmp_path: Path) -> LlamaServer:
    return LlamaServer.probe(install(tmp_path), dict(os.environ))


def told(program: LlamaServer, launch: Launch) -> dict[str, str]:
    """What the program understands, value by flag."""
    return parsed(program.arguments(launch)[1:], HELP + NEWER_HELP)


class TestProbing:
    def test_it_says_its_version_and_its_flags(self, program: LlamaServer) -> None:
        assert program.version == "11549 (0123abcd)"
        assert {"--cache-ram", "--no-repack", "-ngl", "--swa-checkpoints"} <= program.flags

    def test_a_program_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(EngineMissing, match="nothing-here"):
            LlamaServer.probe(tmp_path / "nothing-here", {})

    def test_a_program_that_is_something_else_is_refused(self) -> None:
        with pytest.raises(EngineMissing, match="server_program"):
            LlamaServer.probe(Path("/bin/echo"), {})


class TestFlags:
    def test_it_is_told_everything_that_costs_memory(self, program: LlamaServer) -> None:
        words = told(program, LAUNCH)

        assert words["--ctx-size"] == "8192"  # of both slots
        assert (words["--parallel"], words["--cache-ram"], words["--ctx-checkpoints"]) == ("2", "64", "2")
        assert (words["--cache-type-k"], words["--cache-type-v"]) == ("q8_0", "q8_0")
        assert (words["--batch-size"], words["--ubatch-size"], words["--fit"]) == ("512", "128", "off")
        assert {"--no-repack", "--no-kv-unified", "--no-warmup", "--no-context-shift"} <= words.keys()

    @pytest.mark.parametrize(
        ("change", "flags"),
        [
            ({"repack": True}, {"--repack": ""}),
            ({"flash_attention": False}, {"--flash-attn": "off"}),
            ({"full_window_cache": True}, {"--swa-full": ""}),
            ({"gpu_layers": 99}, {"--gpu-layers": "99"}),
            ({"role": Role.EMBEDS, "pooling": "cls"}, {"--embeddings": "", "--pooling": "cls"}),
            ({"role": Role.RERANKS}, {"--reranking": ""}),
        ],
        ids=str,
    )
    def test_each_choice_has_its_flag(self, program: LlamaServer, change: dict[str, object], flags: object) -> None:
        assert isinstance(flags, dict)
        assert flags.items() <= told(program, replace(LAUNCH, **change)).items()  # type: ignore[arg-type]  # of the fields

    def test_an_older_version_is_told_only_what_it_knows(self, tmp_path: Path) -> None:
        old = LlamaServer.probe(install(tmp_path, old=True), dict(os.environ))

        words = parsed(old.arguments(LAUNCH)[1:], HELP)  # ends the test at a flag it does not know

        assert "--cache-ram" not in words
        assert words["--ctx-size"] == "8192"

    def test_a_version_that_cannot_do_what_we_promise_is_refused(self) -> None:
        without = LlamaServer(Path("/x"), "1", frozenset({"--model", "--host", "--alias"}))

        with pytest.raises(EngineMissing, match="--ctx-size"):
            without.arguments(LAUNCH)


class TestTheWorkerIsToldTheSame:
    def test_what_it_hears_is_what_was_said(self) -> None:
        assert Launch.from_json(LAUNCH.to_json()) == LAUNCH

    def test_the_library_gets_every_choice(self) -> None:
        p = parameters(replace(LAUNCH, role=Role.EMBEDS, pooling="mean"))

        assert (p.model.path, p.model_alias, p.hostnames) == (LAUNCH.file, {"narrator"}, ["/tmp/x.sock"])
        assert (p.n_ctx, p.n_parallel, p.kv_unified, p.ctx_shift, p.fit_params) == (8192, 2, False, False, False)
        assert (p.n_batch, p.n_ubatch, p.n_gpu_layers, p.no_extra_bufts) == (512, 128, 0, True)
        assert (p.cache_type_k.name, p.cache_type_v.name) == ("GGML_TYPE_Q8_0", "GGML_TYPE_Q8_0")
        assert (p.cache_ram_mib, p.n_ctx_checkpoints, p.swa_full, p.warmup) == (64, 2, False, False)
        assert (p.cpuparams.n_threads, p.cpuparams_batch.n_threads) == (3, 3)
        assert (p.embedding, p.pooling_type.name) == (True, "LLAMA_POOLING_TYPE_MEAN")
