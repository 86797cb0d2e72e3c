"""The folders in which programs keep GGUF files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

OLLAMA_AS_A_SERVICE: Final = Path("/usr/share/ollama/.ollama/models")
"""Where Ollama keeps models when it was installed as a system service on Linux."""


class Keeper(Enum):
    """Whose folder it is. The order is that of preference when two files would have one name."""

    CONFIGURED = "settings"
    OWN = "models folder"
    HUGGING_FACE = "Hugging Face"
    LM_STUDIO = "LM Studio"
    OLLAMA = "Ollama"


@dataclass(frozen=True, slots=True)
class Place:
    """A folder to search, which may be absent."""

    keeper: Keeper
    folder: Path


def usual_places(models_dir: Path, environ: Mapping[str, str], user_home: Path) -> tuple[Place, ...]:
    """Our own folder first, then those of others, as their variables and defaults have them."""
    hub = environ.get("HF_HUB_CACHE") or environ.get("HUGGINGFACE_HUB_CACHE")
    cache = Path(environ.get("XDG_CACHE_HOME") or user_home / ".cache")
    hugging_face = Path(hub) if hub else Path(environ.get("HF_HOME") or cache / "huggingface") / "hub"
    ollama = environ.get("OLLAMA_MODELS")
    return (
        Place(Keeper.OWN, models_dir),
        Place(Keeper.HUGGING_FACE, hugging_face),
        Place(Keeper.LM_STUDIO, user_home / ".lmstudio" / "models"),
        Place(Keeper.LM_STUDIO, user_home / ".cache" / "lm-studio" / "models"),
        *(
            Place(Keeper.OLLAMA, folder)
            for folder in ([Path(ollama)] if ollama else [user_home / ".ollama" / "models", OLLAMA_AS_A_SERVICE])
        ),
    )
