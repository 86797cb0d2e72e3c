"""What a server sends back, read: pictures of its state, and errors as it raised them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from innkeeper.runtime.errors import ChainExhausted, InnkeeperError
from innkeeper.runtime.views import Explanation, ModelView, OptionView, PoolView, RuntimeView, SpendingView


def view_of(said: Mapping[str, Any]) -> RuntimeView:
    """The state in a `/ps` answer. Fields that this version does not know are left away."""
    pools = tuple(PoolView(**_known(PoolView, pool)) for pool in said["pools"])
    models = tuple(ModelView(**_known(ModelView, model) | {"kinds": tuple(model["kinds"])}) for model in said["models"])
    money = said.get("spending")
    spending = SpendingView(**_known(SpendingView, money)) if money is not None else None
    return RuntimeView(**_known(RuntimeView, said) | {"pools": pools, "models": models, "spending": spending})


def explanation_of(said: Mapping[str, Any]) -> Explanation:
    """What an `/explain` answer says."""
    options = tuple(OptionView(**_known(OptionView, option)) for option in said["options"])
    return Explanation(**_known(Explanation, said) | {"options": options, "candidates": tuple(said["candidates"])})


def error_of(status: int, body: bytes) -> InnkeeperError:
    """The error a server answered with, as the class it was there; any other answer as an `InnkeeperError`."""
    try:
        said = json.loads(body)["error"]
        message, code = str(said["message"]), said.get("code")
    except (ValueError, KeyError, TypeError, AttributeError):
        shown = body[:200].decode("utf-8", errors="replace")
        return InnkeeperError(f"The server answered {status}: {shown or 'nothing'}")
    kind = next((kind for kind in _kinds(InnkeeperError) if kind.code == code), InnkeeperError)
    return kind(message, param=said.get("param"), **said.get("numbers", {}))


def _known(kind: type[Any], said: Mapping[str, Any]) -> dict[str, Any]:  # Any: any of the views
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in said.items() if name in names}


def _kinds(kind: type[InnkeeperError]) -> Iterator[type[InnkeeperError]]:
    """Every error that is made from a message; a chain's error is made from its failures and stays plain here."""
    for inner in kind.__subclasses__():
        if inner is not ChainExhausted:
            yield inner
            yield from _kinds(inner)
