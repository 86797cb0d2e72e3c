"""How embedding requests are put together and taken apart again: a pure function for each step.

A request has inputs (texts, or lists of token numbers) and options. Inputs of requests with the same options may
stand in one question to the engine; its answer has a row for each, which goes back as it came, under its own number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from innkeeper.runtime.errors import EngineFailed
from innkeeper.runtime.messages import Body

Input: TypeAlias = Any  # JSON from outside: a text, or a list of token numbers

_NOT_OPTIONS: Final = frozenset({"input", "model", "user", "metadata", "stream"})
"""Fields that do not change a vector, so that requests may differ in them and still be computed together."""

_BYTES_PER_TOKEN: Final = 4  # of English; elsewhere a token has fewer, and the engine makes two passes of a batch

# A quote inside a JSON text is escaped, so these can only be names of fields.
_ROW: Final = re.compile(rb'\{[^{}]*?"embedding":[^{}]*\}')
_INDEX: Final = re.compile(rb'"index":\s*(\d+)')


def inputs_of(body: Body) -> list[Input]:
    """The inputs of a request, one or many, in the caller's order."""
    value = body.get("input")
    if isinstance(value, list) and not any(isinstance(item, int) for item in value):
        return value
    return [value]  # a text, or a list with token numbers in it, which is one input


def options_of(body: Body) -> str:
    """What two requests must have in common to be computed together."""
    options = {name: value for name, value in body.items() if name not in _NOT_OPTIONS}
    return json.dumps(options, sort_keys=True)


def weight(one: Input) -> int:
    """Tokens of an input, roughly; at least 1."""
    if isinstance(one, str):
        return 1 + len(one.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN
    return max(1, len(one)) if isinstance(one, list) else 1


def rows_of(model: str, answer: bytes, count: int) -> list[bytes]:
    """The rows of the engine's answer, by the order of the inputs.

    Raises:
        EngineFailed: They are not one for each of the `count` inputs.
    """
    rows: dict[int, bytes] = {}
    for row in _ROW.findall(answer):
        index = _INDEX.search(row)
        if index is not None:
            rows[int(index[1])] = row
    if sorted(rows) != list(range(count)):
        raise EngineFailed(f"{model}: the engine was given {count} inputs and its answer has {len(rows)} vectors.")
    return [rows[index] for index in range(count)]


def answer_of(model: str, rows: Sequence[bytes], tokens: int) -> bytes:
    """One answer in OpenAI's shape; each row gets the number of its place."""
    numbered = (_INDEX.sub(b'"index":%d' % place, row, count=1) for place, row in enumerate(rows))
    head = b'{"object":"list","model":%b,"usage":{"prompt_tokens":%d,"total_tokens":%d},"data":['
    return head % (json.dumps(model).encode(), tokens, tokens) + b",".join(numbered) + b"]}"


def shared_out(total: int, weights: Sequence[int]) -> list[int]:
    """`total` in whole shares as the weights are; they add up to it exactly."""
    shares, given, so_far = [], 0, 0
    for one in weights:
        so_far += one
        share = round(total * so_far / sum(weights)) - given
        given += share
        shares.append(share)
    return shares
