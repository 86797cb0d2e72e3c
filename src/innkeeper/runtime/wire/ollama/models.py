"""Lists and cards of models as Ollama's clients read them. What we do not know is left empty, not made up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.messages import Kind
from innkeeper.runtime.views import ModelView
from innkeeper.runtime.wire.ollama.answers import timestamp

API_VERSION: Final = "0.12.6"
"""The version of Ollama whose API this is: clients look at it to know what they may ask for."""

_FOR_EVER: Final = timestamp(datetime(2318, 1, 1, tzinfo=UTC).timestamp())  # Ollama's own: 292 years from its start
LONGEST_STAY_S: Final = 3.2e9
"""A century. What stays for longer stays for ever, and a calendar ends."""

_CAPABILITIES: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.CHAT: ("completion", "tools"),
    Kind.COMPLETION: ("completion",),
    Kind.EMBEDDING: ("embedding",),
}

JsonObject = dict[str, Any]  # Any: JSON on its way out


@dataclass(frozen=True, slots=True)
class Weights:
    """What the file system says of a model's file; zeros for a model without one."""

    size_bytes: int = 0
    modified_s: float = 0.0
    """Unix seconds."""


def tag(model: Model, weights: Weights) -> JsonObject:
    """A line of `/api/tags`. The digest tells files apart; it is not one of their content."""
    identity = f"{model.id}|{model.file}|{weights.size_bytes}|{weights.modified_s}"
    return {
        "name": model.id,
        "model": model.id,
        "modified_at": timestamp(weights.modified_s),
        "size": weights.size_bytes,
        "digest": sha256(identity.encode("utf-8", "surrogateescape")).hexdigest(),
        "details": _details(model),
    }


def resident(model: Model, view: ModelView, weights: Weights, unix_s: float) -> JsonObject:
    """A line of `/api/ps`: a model in memory, and when it goes if nobody asks for it."""
    stays_s = view.leaves_in_s
    if stays_s is None and view.leases and not view.pinned:
        stays_s = model.keep_for_s  # counted from now on, since it is in use
    return {
        **{name: value for name, value in tag(model, weights).items() if name != "modified_at"},
        "size": sum(view.held.values()),
        "size_vram": sum(size for pool, size in view.held.items() if pool != "ram"),
        "expires_at": _FOR_EVER if stays_s is None or stays_s > LONGEST_STAY_S else timestamp(unix_s + stays_s),
        "context_length": view.context or 0,
    }


def card(model: Model, weights: Weights) -> JsonObject:
    """The answer of `/api/show`."""
    capabilities = dict.fromkeys(each for kind in Kind if kind in model.kinds for each in _CAPABILITIES.get(kind, ()))
    info: JsonObject = {"general.architecture": model.engine, "general.name": model.id}
    if model.context is not None:
        info[f"{model.engine}.context_length"] = model.context
    return {
        "modelfile": f"# {model.id} is served by innkeeper ({model.engine}); it has no Modelfile.\n",
        "parameters": f"num_ctx {model.context}" if model.context is not None else "",
        "template": "",
        "details": _details(model),
        "model_info": info,
        "capabilities": list(capabilities),
        "modified_at": timestamp(weights.modified_s),
    }


def _details(model: Model) -> JsonObject:
    return {
        "parent_model": "",
        "format": "gguf" if model.file is not None and model.file.suffix == ".gguf" else "",
        "family": model.engine,
        "families": [model.engine],
        "parameter_size": "",
        "quantization_level": "",
    }
