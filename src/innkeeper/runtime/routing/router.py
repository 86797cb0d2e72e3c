"""Chooses who may answer a request: the model it names, else the default one; pure."""

from __future__ import annotations

from dataclasses import dataclass

from innkeeper.runtime.catalog import Catalog
from innkeeper.runtime.errors import InvalidRequest, NotSupported
from innkeeper.runtime.messages import Request


@dataclass(frozen=True, slots=True)
class Route:
    """Who may answer, in this order, and why."""

    candidates: tuple[str, ...]
    because: str
    """The rule that matched, in words an operator can read."""


def route(request: Request, catalog: Catalog) -> Route:
    """The candidates for `request`.

    Raises:
        UnknownModel: It names a model that is not in the catalogue.
        NotSupported: The model it names cannot do this kind of work.
        InvalidRequest: It names none, and none can be chosen.
    """
    kind = request.kind
    if request.model is not None:
        model = catalog.get(request.model)
        if kind not in model.kinds:
            others = ", ".join(sorted(one.id for one in catalog if kind in one.kinds)) or "no model here"
            raise NotSupported(
                f"{model.id} does not do {kind.value} ({', '.join(sorted(one.value for one in model.kinds))} only). "
                f"Able to: {others}.",
                param="model",
            )
        return Route((model.id,), "asked for by name")
    if catalog.default is not None and kind in catalog.get(catalog.default).kinds:
        return Route((catalog.default,), "the default model")
    able = [model.id for model in catalog if kind in model.kinds]
    if len(able) == 1:
        return Route((able[0],), f"the only model that does {kind.value}")
    if not able:
        raise InvalidRequest(f"No model here does {kind.value}. Add one to the catalogue.", param="model")
    raise InvalidRequest(
        f"Name a model, or set default_model: {len(able)} models do {kind.value} ({', '.join(sorted(able)[:8])}).",
        param="model",
    )
