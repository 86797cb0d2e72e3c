"""What an engine's documents say, read for an application."""

from __future__ import annotations

import json
import math
from typing import Any

from innkeeper.client.inn import Answer, AnsweredBy, Vectors
from innkeeper.runtime.errors import EngineFailed
from innkeeper.runtime.wire.openai.said import said


def answer_of(document: bytes, by: AnsweredBy) -> Answer:
    """A whole chat answer.

    Raises:
        EngineFailed: It is none.
    """
    try:
        told = said(document)
        usage: dict[str, Any] = json.loads(document).get("usage") or {}  # Any: JSON
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise _unreadable(by.model, document) from error
    return Answer(
        told.text, by, told.ending, int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)
    )


def text_of(document: bytes, model: str) -> str:
    """The text of one piece of a streamed answer; empty where it brings none.

    Raises:
        EngineFailed: It is no such piece.
    """
    try:
        return said(document).text
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise _unreadable(model, document) from error


def vectors_of(document: bytes, by: AnsweredBy, texts: int) -> Vectors:
    """The vectors of so many texts, in the order of the texts.

    Raises:
        EngineFailed: There are fewer or more, they differ in length, or a number is not finite.
    """
    try:
        told = sorted(json.loads(document)["data"], key=lambda one: int(one["index"]))
        rows = tuple(tuple(float(number) for number in one["embedding"]) for one in told)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise _unreadable(by.model, document) from error
    if len(rows) != texts:
        raise EngineFailed(f"{by.model} gave {len(rows)} vectors for {texts} texts.", vectors=len(rows), texts=texts)
    if len({len(row) for row in rows}) != 1 or not rows[0] or not all(map(math.isfinite, (n for r in rows for n in r))):
        raise EngineFailed(f"{by.model} gave vectors of different lengths, or numbers that are not finite.")
    return Vectors(rows, by)


def _unreadable(model: str, document: bytes) -> EngineFailed:
    shown = document[:200].decode("utf-8", errors="replace")
    return EngineFailed(f"{model} answered what cannot be read: {shown or 'nothing'}")
