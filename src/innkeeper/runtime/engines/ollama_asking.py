"""From a request in OpenAI's fields to one in Ollama's own.

Ollama's OpenAI door cannot be told the context, so its own is used. What it has no field for is refused where leaving
it out would change the answer, and left out where it would not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from innkeeper.runtime.catalog import Option
from innkeeper.runtime.errors import InvalidRequest, NotSupported
from innkeeper.runtime.messages import Body, Kind, Request

PATHS: Final[Mapping[Kind, str]] = {
    Kind.CHAT: "/api/chat",
    Kind.COMPLETION: "/api/generate",
    Kind.EMBEDDING: "/api/embed",
}

TEMPLATE_TOKENS: Final = 64
"""Tokens that a template may add to a message, generously."""

_OPTIONS: Final = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "typical_p",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "repeat_penalty",
    "repeat_last_n",
)
"""Fields that have the same name among Ollama's options."""


_UNKNOWN: Final = ("logit_bias", "functions", "grammar", "echo")
"""Fields that Ollama has nothing for, and without which the answer is another."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between which numbers of tokens a prompt lies, without a tokenizer."""

    least: int
    """A word is at least one token."""
    most: int | None
    """A byte is at most one token; None where pictures are in it, which nobody can count from outside."""


def asked(source: str, request: Request, *, context: int, load_options: Mapping[str, Option]) -> dict[str, Any]:
    """The body for `PATHS[request.kind]`. It keeps the model in memory until it is told to go, and forbids cutting.

    `load_options` are those the model was loaded with: others would make Ollama load it anew.

    Raises:
        InvalidRequest: A field is missing or of the wrong type.
        NotSupported: Ollama cannot do it.
    """
    body = request.body
    common: dict[str, Any] = {  # JSON on its way out
        "model": source,
        "keep_alive": -1,
        "truncate": False,
        "options": {**_sampling(body), **load_options, "num_ctx": context},
    }
    if request.kind is Kind.EMBEDDING:
        wanted = {"dimensions": body["dimensions"]} if body.get("dimensions") is not None else {}
        common["options"] = {**load_options, "num_ctx": context}
        return {**common, "input": _inputs(body), **wanted}
    if body.get("n") not in (None, 1):
        raise NotSupported("Ollama gives one answer to a request: leave `n` out.", param="n")
    for name in _UNKNOWN:
        if body.get(name):
            raise NotSupported(f"Ollama has no `{name}`: leave it out, or name another model.", param=name)
    common |= {"stream": request.streams, "shift": False, **_format(body), **_think(body), **_logprobs(body)}
    if request.kind is Kind.COMPLETION:
        suffix = body.get("suffix")
        shape = {"suffix": suffix} if suffix else {"raw": True}  # a text to be continued has no template
        return {**common, "prompt": _prompt(body), **shape}
    return {**common, "messages": list(_messages(body)), **_tools(body)}


def bounds(request: Request) -> Bounds:
    """How long the longest prompt of the request may be. Raises as `asked` does."""
    match request.kind:
        case Kind.CHAT:
            messages = tuple(_messages(request.body))
            texts = [str(message["content"]) for message in messages]
            extra = len(json.dumps(request.body.get("tools") or ""))
            extra += sum(len(json.dumps(message.get("tool_calls") or "")) for message in messages)
            has_pictures = any("images" in message for message in messages)
            most = sum(_bytes(text) + TEMPLATE_TOKENS for text in texts) + extra
            return Bounds(sum(map(_words, texts)), None if has_pictures else most)
        case Kind.EMBEDDING:
            inputs = _inputs(request.body)
            return Bounds(max(map(_words, inputs)), max(map(_bytes, inputs)) + 2)
        case _:
            text = _prompt(request.body)
            return Bounds(_words(text), _bytes(text) + TEMPLATE_TOKENS)


def _words(text: str) -> int:
    return len(text.split())


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _sampling(body: Body) -> dict[str, Any]:  # JSON
    options = {name: body[name] for name in _OPTIONS if body.get(name) is not None}
    limit = next((body[name] for name in ("max_completion_tokens", "max_tokens") if body.get(name) is not None), None)
    if limit is not None:
        options["num_predict"] = limit
    stop = body.get("stop")
    if stop is not None:
        options["stop"] = [stop] if isinstance(stop, str) else stop
    for name, value in options.items():
        if name != "stop" and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise InvalidRequest(f"`{name}` must be a number.", param=name)
    return options


def _format(body: Body) -> dict[str, Any]:  # JSON
    wanted = body.get("response_format")
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind == "json_object":
        return {"format": "json"}
    if kind == "json_schema":
        described = wanted.get("json_schema") if isinstance(wanted, dict) else None
        schema = described.get("schema") if isinstance(described, dict) else None
        if not isinstance(schema, dict):
            raise InvalidRequest("`response_format.json_schema.schema` must be an object.", param="response_format")
        return {"format": schema}
    return {}


def _think(body: Body) -> dict[str, Any]:  # JSON
    if body.get("think") is not None:
        return {"think": body["think"]}
    effort = body.get("reasoning_effort")
    return {} if effort is None else {"think": False if effort == "none" else effort}


def _logprobs(body: Body) -> dict[str, Any]:  # JSON
    if not body.get("logprobs"):
        return {}
    top = body.get("top_logprobs")
    return {"logprobs": True} | ({} if top is None else {"top_logprobs": top})


def _tools(body: Body) -> dict[str, Any]:  # JSON
    tools, choice = body.get("tools"), body.get("tool_choice")
    if not tools or choice == "none":
        return {}
    if choice not in (None, "auto"):
        raise NotSupported(
            "Ollama leaves it to the model whether it calls a tool: `tool_choice` can only be auto or none.",
            param="tool_choice",
        )
    return {"tools": tools}


def _prompt(body: Body) -> str:
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if isinstance(prompt, str):
        return prompt
    if isinstance(prompt, list) and prompt:
        raise NotSupported("Ollama continues one text at a time, given as text and not as tokens.", param="prompt")
    raise InvalidRequest("`prompt` must be text.", param="prompt")


def _inputs(body: Body) -> list[str]:
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if isinstance(texts, list) and texts and all(isinstance(text, int) for text in texts):
        raise NotSupported("Ollama takes texts and not tokens.", param="input")
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise InvalidRequest("`input` must be text or a list of texts, and not empty.", param="input")
    return texts


def _messages(body: Body) -> Iterator[dict[str, Any]]:  # JSON
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(message, dict) for message in messages):
        raise InvalidRequest("`messages` must be a list with at least one message.", param="messages")
    called: dict[str, str] = {}
    for message in messages:
        text, pictures = _content(message.get("content"))
        role = "system" if message.get("role") == "developer" else message.get("role", "user")
        said: dict[str, Any] = {"role": role, "content": text}  # JSON
        if pictures:
            said["images"] = pictures
        if message.get("reasoning_content"):
            said["thinking"] = message["reasoning_content"]
        if message.get("tool_calls"):
            calls = [_call(call) for call in message["tool_calls"]]
            called |= {identity: call["name"] for identity, call in calls}
            said["tool_calls"] = [{"function": call} for _, call in calls]
        if role == "tool":
            name = message.get("name") or called.get(str(message.get("tool_call_id")))
            said |= {"tool_name": name} if name else {}
        yield said


def _content(content: object) -> tuple[str, list[str]]:
    """The text of a message, and its pictures in base64."""
    if content is None or isinstance(content, str):
        return content or "", []
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise InvalidRequest("A message's `content` must be text or a list of parts.", param="messages")
    texts, pictures = [], []
    for part in content:
        match part.get("type"):
            case "text":
                texts.append(str(part.get("text", "")))
            case "image_url":
                pictures.append(_picture(part.get("image_url")))
            case other:
                raise NotSupported(f"Ollama takes text and pictures; {other!r} is neither.", param="messages")
    return "\n".join(texts), pictures


def _picture(given: object) -> str:
    url = given.get("url") if isinstance(given, dict) else given
    head, comma, data = str(url).partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        raise NotSupported("Ollama takes pictures as data: send a `data:` URL in base64.", param="messages")
    return data


def _call(call: object) -> tuple[str, dict[str, Any]]:  # JSON
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict):
        raise InvalidRequest("A tool call must have a `function`.", param="messages")
    arguments = function.get("arguments", {})
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except ValueError:
            raise InvalidRequest("The `arguments` of a tool call must be JSON.", param="messages") from None
    return str(call.get("id")), {"name": str(function.get("name")), "arguments": arguments}
