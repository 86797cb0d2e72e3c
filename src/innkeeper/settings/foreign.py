"""The settings of servers whose models we use and that are not ours: Ollama and LM Studio."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from innkeeper.settings.forms import YesNo
from innkeeper.settings.hosted import Url, environment_variable
from innkeeper.settings.quantities import Seconds
from innkeeper.settings.section import Section


class OllamaSettings(Section):
    """An Ollama server, for models whose engine is `"ollama"`."""

    url: Url = "http://127.0.0.1:11434"
    """Where it listens."""

    holds_our_memory: YesNo | None = None
    """Whether its models take memory of this machine, which the budget then counts. Not given: when its `url` is an
    address of this machine alone, such as 127.0.0.1."""

    poll_s: Annotated[Seconds, Field(ge=0.1, le=60)] = 1.0
    """Seconds between two questions what it holds: so late at most is noticed what it loads or unloads by itself."""


class LmStudioSettings(Section):
    """An LM Studio server, for models whose engine is `"lmstudio"`."""

    url: Url = "http://127.0.0.1:1234"
    """Where it listens."""

    token_from: Annotated[str, AfterValidator(environment_variable)] | None = None
    """The environment variable, or the line of `.env`, that holds its API token, where it asks for one."""

    holds_our_memory: YesNo | None = None
    """Whether its models take memory of this machine, which the budget then counts. Not given: when its `url` is an
    address of this machine alone, such as 127.0.0.1."""

    poll_s: Annotated[Seconds, Field(ge=0.1, le=60)] = 1.0
    """Seconds between two questions what it holds: so late at most is noticed what it loads or unloads by itself."""
