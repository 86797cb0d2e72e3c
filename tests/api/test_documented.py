"""docs/api.md and docs/other-apis.md name every route and every header there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from innkeeper.api.anthropic_routes import anthropic_routes
from innkeeper.api.ask import House
from innkeeper.api.hear import hearing_routes
from innkeeper.api.limits import Limits
from innkeeper.api.ollama_routes import ollama_routes
from innkeeper.api.openai_routes import openai_routes
from innkeeper.api.operator_routes import operator_routes
from innkeeper.api.options import ApiOptions
from innkeeper.api.responses_routes import responses_routes
from innkeeper.runtime.wire.hints import Hints
from tests.api.doubles import ScriptedRuntime

DOCS = Path(__file__).parents[2] / "docs"
PAGE = "".join((DOCS / name).read_text(encoding="utf-8") for name in ("api.md", "other-apis.md"))


async def test_every_route_is_on_the_page() -> None:
    runtime, options = ScriptedRuntime(), ApiOptions()
    house = House(runtime, options, Limits(1), lambda: 0.0)
    there = {
        f"{method} {re.sub(r':path', '', route.path)}"
        for route in (
            *openai_routes(house, 0),
            *hearing_routes(house),
            *ollama_routes(house),
            *anthropic_routes(house),
            *responses_routes(house),
            *operator_routes(runtime, options, lambda: b""),
        )
        for method in (route.methods or set()) - {"HEAD"}
    }

    assert there == set(re.findall(r"`((?:GET|POST|DELETE) /[^`?]*)`", PAGE))


@pytest.mark.parametrize("hint", list(Hints.__dataclass_fields__))
def test_every_hint_is_on_the_page(hint: str) -> None:
    assert f"`x-innkeeper-{hint.replace('_', '-')}`" in PAGE
