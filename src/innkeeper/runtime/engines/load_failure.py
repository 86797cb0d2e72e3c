"""Why a load failed, in one sentence for the operator: read from what the library wrote before it gave up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from innkeeper.runtime.errors import LoadFailed

_MEMORY: Final = re.compile(
    r"insufficient memory|failed to allocate|unable to allocate|out of memory|cannot allocate memory|bad_alloc"
    r"|OutOfDeviceMemory|cudaMalloc failed|mmap failed: Cannot allocate",
    re.IGNORECASE,
)
_PREFIX: Final = re.compile(r"^(?:\d+\.\d+\.\d+\.\d+ )?(?:[EW] )?(?:\w+ +)?\w+: ")
_REASONS: Final = (
    re.compile(r"error loading model: (?!llama_model_loader: failed to load model from)(.+)"),
    re.compile(r"gguf_init_from_\w+: (.+)"),
    re.compile(r"failed to initialize the context: (.+)"),
    re.compile(r"whisper_\w+: (?:ERROR )?((?:not all|invalid|failed|tensor|unknown|bad) .+)"),
    re.compile(r"couldn't bind HTTP server socket(.*)"),
)
_HINTS: Final = (
    ("unknown model architecture", "This llama.cpp does not know that kind of model; a newer one may."),
    ("not within the file bounds", "The file is cut short; fetch it again."),
    ("invalid magic", "The file is not a GGUF file."),
    ("not all tensors", "The file is cut short; fetch it again."),
    ("No such file", "Check the path of the model."),
    ("Permission denied", "Let the user who runs the server read the file."),
    ("quantized V cache", "Turn flash_attention on, or set cache_type to f16."),
)


def load_failed(
    model: str, lines: Sequence[str], exit_reason: str, *, was_killed: bool, library: str = "llama.cpp"
) -> LoadFailed:
    """The error of a load that ended with these log lines. `exit_reason` says how the process went, in words."""
    out_of_memory = was_killed or any(_MEMORY.search(line) for line in lines)
    reason = _reason(lines)
    told = f"{library} says: {reason}" if reason is not None else f"its process {exit_reason} without giving a reason"
    hint = next((f" {hint}" for mark, hint in _HINTS if reason is not None and mark in reason), "")
    if out_of_memory:
        hint = " There was not enough memory: a smaller context, fewer slots or a smaller cache_type needs less."
    failed = LoadFailed(f"{model} could not be loaded; {told.rstrip('.')}.{hint}")
    if out_of_memory:
        failed.numbers["out_of_memory"] = 1
    return failed


def _reason(lines: Sequence[str]) -> str | None:
    for pattern in _REASONS:
        for line in lines:
            found = pattern.search(line)
            if found:
                return found[0] if pattern is _REASONS[-1] else found[1]
    errors = [line for line in lines if re.search(r" E |GGML_ASSERT|error:", line)]
    return _PREFIX.sub("", errors[0]) if errors else None
