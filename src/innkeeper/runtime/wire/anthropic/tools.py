"""Anthropic's tools and the choice among them in OpenAI's fields."""

from __future__ import annotations

from typing import Any

from innkeeper.runtime.errors import InvalidRequest, NotSupported
from innkeeper.runtime.wire.fields import Fields


def read_tools(fields: Fields) -> dict[str, Any]:  # Any: JSON on its way to an engine
    """`tools`, `tool_choice` and `parallel_tool_calls`, as far as they are given.

    Raises:
        InvalidRequest: One is not what it must be.
        NotSupported: A tool is one that only Anthropic's own servers run.
    """
    told: dict[str, Any] = {}
    tools = [_tool(tool) for tool in fields.objects("tools")]
    if tools:
        told["tools"] = tools
    choice = fields.object("tool_choice")
    if choice is None:
        return told
    match choice.needed_text("type"):
        case "auto":
            told["tool_choice"] = "auto"
        case "any":
            told["tool_choice"] = "required"
        case "none":
            told["tool_choice"] = "none"
        case "tool":
            told["tool_choice"] = {"type": "function", "function": {"name": choice.needed_text("name")}}
        case kind:
            param = choice.param("type")
            raise InvalidRequest(f"{param} must be auto, any, tool or none, not {kind[:40]!r}.", param=param)
    if choice.flag("disable_parallel_tool_use"):
        told["parallel_tool_calls"] = False
    return told


def _tool(tool: Fields) -> dict[str, Any]:
    kind = tool.text("type") or "custom"
    if kind != "custom":
        param = tool.param("type")
        raise NotSupported(
            f"{param} {kind[:40]!r} runs on Anthropic's servers only; send tools of your own.", param=param
        )
    function: dict[str, Any] = {
        "name": tool.needed_text("name"),
        "parameters": dict(tool.needed_object("input_schema").body),
    }
    if description := tool.text("description"):
        function["description"] = description
    return {"type": "function", "function": function}
