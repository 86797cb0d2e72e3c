"""Which model makes vectors where a request names none: what `embedding_provider` chooses among the models."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.messages import Kind
from innkeeper.settings.problems import Problem

SETTING: Final = "embedding_provider"

OWN: Final = "lexical"
"""The id and the engine of the one that needs no model."""

MEANT: Final = "minilm"
"""The family that `sentence_transformers` means where several models make vectors."""


class EmbeddingProvider(Enum):
    """Who makes vectors, by the names that the services before this one used."""

    LOCAL = "local"
    SENTENCE_TRANSFORMERS = "sentence_transformers"
    OPENAI = "openai"


def with_provider(
    provider: EmbeddingProvider | None, models: Sequence[Model]
) -> tuple[tuple[Model, ...], str | None, tuple[Problem, ...]]:
    """The models with the one that is needed, the id of the one that makes vectors, and what is wrong."""
    embedding = [model for model in models if Kind.EMBEDDING in model.kinds]
    match provider:
        case None:
            return tuple(models), None, ()
        case EmbeddingProvider.LOCAL:
            own = next((model for model in embedding if model.engine == OWN), None)
            if own is not None:
                return tuple(models), own.id, ()
            made = Model(id=OWN, engine=OWN, kinds=frozenset({Kind.EMBEDDING}), slots=8, keep_for_s=None)
            return (*models, made), made.id, ()
        case EmbeddingProvider.SENTENCE_TRANSFORMERS:
            here = [model for model in embedding if model.engine != OWN and model.provider is None]
            fix = "`innkeeper pull leliuga/all-MiniLM-L6-v2-GGUF:Q8_0` fetches one"
            return tuple(models), *_chosen(here, "a model here that makes vectors", fix)
        case EmbeddingProvider.OPENAI:
            hosted = [model for model in embedding if model.provider is not None]
            fix = '`[models.<id>]` with `engine = "hosted"`, a `provider` and `kinds = ["embedding"]` adds one'
            return tuple(models), *_chosen(hosted, "a hosted model that makes vectors", fix)


def _chosen(fitting: list[Model], what: str, fix: str) -> tuple[str | None, tuple[Problem, ...]]:
    meant = [model for model in fitting if MEANT in model.id.lower()] if len(fitting) > 1 else fitting
    if len(meant) == 1:
        return meant[0].id, ()
    if not fitting:
        return None, (Problem(SETTING, f"wants {what}, and there is none; {fix}"),)
    names = ", ".join(model.id for model in fitting)
    return None, (Problem(SETTING, f"wants {what}, and there are several: {names}; name one in the requests instead"),)
