"""Ollama's store: manifests that name a model and point to its GGUF file among the blobs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from innkeeper.discovery.found import LeftOut

MODEL_LAYER: Final = "application/vnd.ollama.image.model"
LARGEST_MANIFEST_BYTES: Final = 1024**2

_DIGEST: Final = re.compile(r"sha256[:-]([0-9a-f]{64})")
_USUAL_HOST: Final = "registry.ollama.ai"


def model_of(manifest: Path, store: Path) -> tuple[str, Path] | LeftOut | None:
    """The name and the GGUF file of the model that a manifest describes; None where it holds no weights of its own."""
    try:
        with manifest.open("rb") as file:
            raw = file.read(LARGEST_MANIFEST_BYTES + 1)
        said = json.loads(raw) if len(raw) <= LARGEST_MANIFEST_BYTES else None
    except OSError as error:
        return LeftOut(manifest, f"cannot be read: {error.strerror}")
    except (ValueError, RecursionError):
        return LeftOut(manifest, "is no manifest of Ollama: not JSON")
    digests = list(_weights(said))
    if not digests:
        return None if isinstance(said, dict) else LeftOut(manifest, "is no manifest of Ollama")
    digest = _DIGEST.fullmatch(digests[0])
    if digest is None:
        return LeftOut(manifest, "names a blob in a way this program does not know")
    blob = store / "blobs" / f"sha256-{digest[1]}"
    if not blob.is_file():
        return LeftOut(manifest, f"points to {blob.name}, which is not there; `ollama pull` brings it back")
    return name_of(manifest.relative_to(store / "manifests")), blob


def name_of(below_manifests: Path) -> str:
    """Ollama's name: `llama3.2:1b`, `someone/model:tag`, `hf.co/org/repo:Q4_K_M`; the tag "latest" is left away."""
    *folders, tag = below_manifests.parts
    if folders[:2] == [_USUAL_HOST, "library"]:
        folders = folders[2:]
    elif folders[:1] == [_USUAL_HOST]:
        folders = folders[1:]
    name = "/".join(folders)
    return name if tag == "latest" else f"{name}:{tag}"


def _weights(said: Any) -> Iterator[str]:  # JSON from another program's disk
    layers = said.get("layers") if isinstance(said, dict) else None
    for layer in layers if isinstance(layers, list) else []:
        if isinstance(layer, dict) and layer.get("mediaType") == MODEL_LAYER and isinstance(layer.get("digest"), str):
            yield layer["digest"]
