"""A `llama-server` program of the operator's own: which version it is, and what to tell it in its own flags.

Flags come and go between versions, so each one is looked up in the program's own help before it is used.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from innkeeper.runtime.engines.child import child_environment
from innkeeper.runtime.engines.launch import Launch, Role
from innkeeper.runtime.errors import EngineMissing

PROBE_LIMIT_S = 20.0
"""Seconds the program is given to tell its version and its flags."""


@dataclass(frozen=True, slots=True)
class LlamaServer:
    """A program that was asked who it is."""

    path: Path
    version: str
    flags: frozenset[str]
    """Every flag its help names."""

    @classmethod
    def probe(cls, path: Path, environment: dict[str, str]) -> LlamaServer:
        """Run it twice, for its version and its flags.

        Raises:
            EngineMissing: It is not there, cannot run, or is no llama-server.
        """
        environment = child_environment(environment)
        version = re.search(r"version:\s*(\S+(?: \([0-9a-f]+\))?)", _output(path, "--version", environment))
        flags = frozenset(re.findall(r"(?<![\w-])--?[a-zA-Z][a-zA-Z0-9-]*", _output(path, "--help", environment)))
        if version is None or not {"--model", "--host"} <= flags:
            raise EngineMissing(
                f"{path} does not answer like a llama-server. "
                "Set `llama_cpp.server_program` to one, or remove the setting."
            )
        return cls(path.resolve(), version[1], flags)

    def arguments(self, launch: Launch) -> list[str]:
        """The command line, program first.

        Raises:
            EngineMissing: This version lacks a flag that we cannot do without.
        """
        words = [str(self.path)]
        for flag in _flags(launch):
            name = next((name for name in flag.names if name in self.flags), None)
            if name is not None:
                words += [name, *flag.values]
            elif flag.is_needed:
                raise EngineMissing(
                    f"{self.path} (version {self.version}) has no {flag.names[0]}. "
                    "Use a newer llama.cpp, or remove `llama_cpp.server_program` to run the one that came with us."
                )
        return words


@dataclass(frozen=True, slots=True)
class _Flag:
    names: tuple[str, ...]
    """Newest name first."""
    values: tuple[str, ...] = ()
    is_needed: bool = False
    """Whether an older version without it would do something else than we promise."""


def _flags(launch: Launch) -> Iterator[_Flag]:
    def needed(name: str, *values: object) -> _Flag:
        return _Flag((name,), tuple(map(str, values)), is_needed=True)

    yield needed("--model", launch.file)
    yield needed("--host", launch.socket)
    yield needed("--alias", launch.name)
    yield needed("--ctx-size", launch.total_context)
    yield needed("--parallel", launch.slots)
    yield needed("--cache-type-k", launch.cache_type)
    yield needed("--cache-type-v", launch.cache_type)
    yield needed("--batch-size", launch.batch_tokens)
    yield needed("--ubatch-size", launch.micro_batch_tokens)
    yield needed("--threads", launch.threads)
    yield needed("--threads-batch", launch.threads)
    yield _Flag(("--threads-http",), (str(launch.http_threads),))
    yield _Flag(("--gpu-layers", "--n-gpu-layers"), (str(launch.gpu_layers),), is_needed=launch.gpu_layers > 0)
    yield _Flag(("--repack",) if launch.repack else ("--no-repack",))
    # Without a choice of its own this version has no flash attention that could be on by default.
    yield _Flag(("--flash-attn",), ("auto" if launch.flash_attention else "off",), is_needed=not launch.flash_attention)
    if launch.full_window_cache:
        yield _Flag(("--swa-full",))
    # Versions without these keep nothing there.
    yield _Flag(("--cache-ram",), (str(launch.prompt_cache_mib),))
    yield _Flag(("--ctx-checkpoints", "--swa-checkpoints"), (str(launch.checkpoints),))
    yield _Flag(("--no-kv-unified",))
    yield _Flag(("--fit",), ("off",))
    yield _Flag(("--load-mode",), ("mmap",))  # older ones map by default
    yield _Flag(("--lazy-mode",), ("off",))
    yield _Flag(("--no-context-shift",))
    yield _Flag(("--no-warmup",))
    yield _Flag(("--jinja",))
    yield _Flag(("--no-ui", "--no-webui"))
    yield _Flag(("--offline",))
    yield _Flag(("--slots",))
    yield from _role(launch)


def _role(launch: Launch) -> Iterator[_Flag]:
    match launch.role:
        case Role.GENERATES:
            pass
        case Role.EMBEDS:
            yield _Flag(("--embeddings", "--embedding"), is_needed=True)
            if launch.pooling is not None:
                yield _Flag(("--pooling",), (launch.pooling,), is_needed=True)
        case Role.RERANKS:
            yield _Flag(("--reranking", "--rerank"), is_needed=True)


def _output(path: Path, flag: str, environment: dict[str, str]) -> str:
    try:
        ran = subprocess.run(  # noqa: S603  # the program is the operator's own setting
            [str(path), flag],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PROBE_LIMIT_S,
            env=environment,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineMissing(f"llama-server at {path} cannot be run: {error}.") from error
    return ran.stdout.decode("utf-8", "replace")
