"""The page of facts, from the source of facts.py: the docstrings of fields are not there at run time."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from itertools import pairwise

from innkeeper.runtime import facts
from innkeeper.runtime.journal.written import kinds


def facts_page() -> str:
    """The whole page."""
    return "\n".join(["# Facts", "", *_INTRODUCTION, *_sections(), ""])


def _sections() -> Iterator[str]:
    classes = {node.name: node for node in ast.parse(inspect.getsource(facts)).body if isinstance(node, ast.ClassDef)}
    for name in kinds():
        yield from ("", f"## {name}", "", ast.get_docstring(classes[name]) or "", "")
        yield from ("| field | type | |", "| - | - | - |")
        for field, kind, words in _fields(classes[name]):
            yield f"| `{field}` | `{kind.replace('|', chr(92) + '|')}` | {words} |"


def _fields(fact: ast.ClassDef) -> Iterator[tuple[str, str, str]]:
    """Name, type and words of each field; the words are the text that stands below it, where one does."""
    for statement, after in pairwise([*fact.body, ast.Pass()]):
        if isinstance(statement, ast.AnnAssign):
            yield ast.unparse(statement.target), ast.unparse(statement.annotation), _text(after)


def _text(statement: ast.stmt) -> str:
    match statement:
        case ast.Expr(ast.Constant(str(words))):
            return " ".join(words.split())
        case _:
            return ""


_INTRODUCTION = (
    "Everything the runtime says about itself. Logs, metrics and `innkeeper story` read only these.",
    "Each is kept with a number and a moment (seconds since 1970). Times end in `_s` and are seconds; sizes end in",
    "`_bytes`, and `Bytes` is a number of bytes by pool.",
)
