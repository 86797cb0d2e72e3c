"""Why a load failed, in one sentence."""

from __future__ import annotations

import pytest

from innkeeper.runtime.engines.load_failure import load_failed

UNKNOWN = (
    "0.00.018.722 E llama_model_load: error loading model: unknown model architecture: 'lxama'",
    "0.00.018.762 E llama_model_load_from_file_impl: failed to load model",
    "0.00.020.995 E srv          init: exiting due to model loading error",
)
NO_MEMORY = (
    "0.02.965.448 E ggml_aligned_malloc: insufficient memory (attempted to allocate 12207.19 MB)",
    "0.02.992.902 E llama_init_from_model: failed to initialize the context: failed to allocate buffer for kv cache",
)
CUT = (
    "0.00.005.368 E llama_model_load: error loading model: tensor 'a' data is not within the file bounds, incomplete",
)
NO_MAGIC = (
    "0.00.006.527 E gguf_init_from_reader: invalid magic characters: '????', expected 'GGUF'",
    "0.00.006.674 E llama_model_load: error loading model: llama_model_loader: failed to load model from junk.gguf",
)
NO_FLAG = ("error: invalid argument: --made-up",)


class TestReasons:
    @pytest.mark.parametrize(
        ("lines", "told"),
        [
            (UNKNOWN, "llama.cpp says: unknown model architecture: 'lxama'. This llama.cpp does not know"),
            (NO_MEMORY, "failed to allocate buffer for kv cache. There was not enough memory"),
            (CUT, "incomplete. The file is cut short; fetch it again."),
            (NO_MAGIC, "invalid magic characters: '????', expected 'GGUF'. The file is not a GGUF file."),
            (NO_FLAG, "llama.cpp says: invalid argument: --made-up."),
            ((), "its process exited by itself with code 1 without giving a reason."),
        ],
        ids=["architecture", "memory", "cut", "magic", "flag", "silence"],
    )
    def test_the_first_cause_is_told_and_not_its_echoes(self, lines: tuple[str, ...], told: str) -> None:
        failed = load_failed("tiny", lines, "exited by itself with code 1", was_killed=False)

        assert told in failed.message

    def test_memory_is_told_apart_from_other_causes(self) -> None:
        causes = [load_failed("tiny", lines, "", was_killed=False).numbers for lines in (NO_MEMORY, UNKNOWN, ())]

        assert causes == [{"out_of_memory": 1}, {}, {}]

    def test_a_kill_that_nobody_of_us_sent_means_memory(self) -> None:
        assert load_failed("tiny", (), "killed by SIGKILL", was_killed=True).numbers == {"out_of_memory": 1}
