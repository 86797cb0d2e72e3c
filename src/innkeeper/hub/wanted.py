"""What `pull` is asked for, and which files of a repository that means. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from innkeeper.runtime.errors import InvalidRequest
from innkeeper.runtime.sizes import told

WHISPER: Final = "ggerganov/whisper.cpp"
"""Where Whisper models are kept in ggml form; `whisper:base` is a short way to say `ggml-base.bin` of it."""

VOICE: Final = "ggml-org/whisper-vad"
"""Where the weights of the voice detector are kept; `whisper:voice` fetches them."""

FAVOURITES: Final = ("Q4_K_M", "Q4_K_S", "Q5_K_M", "Q6_K", "Q8_0", "Q4_0", "F16", "BF16")
"""Quantizations in the order in which one is taken when none is asked for: small and good first."""

_REPOSITORY: Final = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}", re.ASCII)
_PART: Final = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")
_MOST_LISTED: Final = 12


@dataclass(frozen=True, slots=True)
class Digest:
    """What the content must hash to."""

    algorithm: str
    """ "sha256" for large files; "git" for small ones: SHA-1 over git's header and the content."""
    hexadecimal: str


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository."""

    path: str
    size_bytes: int
    digest: Digest | None
    """None where the hub names none."""

    @property
    def name(self) -> str:
        """Its name without folders."""
        return PurePosixPath(self.path).name


@dataclass(frozen=True, slots=True)
class Wanted:
    """A repository, and which of its files."""

    repository: str
    what: str | None = None
    """A quantization ("Q4_K_M"), a file's name, or None for the favourite."""


def parse(text: str) -> Wanted:
    """`ORG/NAME`, `ORG/NAME:Q4_K_M`, `ORG/NAME:file.gguf`, `ORG/NAME/file.gguf` or `whisper:base.en-q5_1`.

    Raises:
        InvalidRequest: It is none of these.
    """
    repository, _, what = text.partition(":")
    if repository == "whisper" and what:
        return Wanted(VOICE) if what == "voice" else Wanted(WHISPER, f"ggml-{what}.bin")
    if not what and repository.endswith(".gguf") and repository.count("/") >= 2:
        owner, name, what = repository.split("/", 2)
        repository = f"{owner}/{name}"
    if not _REPOSITORY.fullmatch(repository) or ".." in repository or (":" in text and not what):
        raise InvalidRequest(
            f"{text[:100]!r} names no repository. Write OWNER/NAME, with :QUANTIZATION or :FILE where there are "
            "several, for example Qwen/Qwen3-0.6B-GGUF:Q8_0.",
            param="repository",
        )
    return Wanted(repository, what or None)


def choose(wanted: Wanted, files: Sequence[RemoteFile]) -> tuple[RemoteFile, ...]:
    """The file that is meant, all parts of a split one in order.

    Raises:
        InvalidRequest: There is none, or the choice is not clear; the message lists what there is.
    """
    models = [file for file in files if _is_model(file)]
    if not models:
        raise InvalidRequest(
            f"{wanted.repository} holds no GGUF and no Whisper files. Look for a repository whose name ends in -GGUF.",
            param="repository",
        )
    groups = _whole_models(models)
    if wanted.what is None:
        names = [name for favourite in FAVOURITES for name in groups if _is_quantized_as(name, favourite)]
        if names or len(groups) == 1:
            return groups[(names or list(groups))[0]]
        raise InvalidRequest(f"{wanted.repository} holds several models; say which: {_listed(groups)}.", param="what")
    fitting = [name for name in groups if _is_named(name, wanted.what)] or [
        name for name in groups if _is_quantized_as(name, wanted.what)
    ]
    if len(fitting) == 1:
        return groups[fitting[0]]
    if fitting:
        some = {name: groups[name] for name in fitting}
        raise InvalidRequest(f"{wanted.what} fits several files; say which: {_listed(some)}.", param="what")
    raise InvalidRequest(f"{wanted.repository} has no {wanted.what!r}. It has: {_listed(groups)}.", param="what")


def _is_model(file: RemoteFile) -> bool:
    name = file.name.lower()
    if name.startswith("ggml-") and name.endswith(".bin"):
        return True
    return name.endswith(".gguf") and not name.startswith(("mmproj", "imatrix"))


def _whole_models(files: Sequence[RemoteFile]) -> dict[str, tuple[RemoteFile, ...]]:
    """Files by the path of the whole they belong to."""
    groups: dict[str, list[RemoteFile]] = {}
    for file in sorted(files, key=lambda file: file.path):
        groups.setdefault(_PART.sub(".gguf", file.path), []).append(file)
    return {name: tuple(parts) for name, parts in groups.items()}


def _is_named(path: str, what: str) -> bool:
    whole = _PART.sub(".gguf", what)
    return whole in (path, PurePosixPath(path).name)


def _is_quantized_as(path: str, quantization: str) -> bool:
    return re.search(rf"(^|[-._/]){re.escape(quantization)}([-./]|$)", path, re.IGNORECASE) is not None


def _listed(groups: dict[str, tuple[RemoteFile, ...]]) -> str:
    shown = [f"{name} ({told(sum(part.size_bytes for part in parts))})" for name, parts in groups.items()]
    more = f" and {len(shown) - _MOST_LISTED} more" if len(shown) > _MOST_LISTED else ""
    return ", ".join(shown[:_MOST_LISTED]) + more
