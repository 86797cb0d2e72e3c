"""The page of promises: which test holds which scenario, by the C-numbers in the docstrings of tests."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_NUMBER = re.compile(r"\bC\d\d\b")


@dataclass(frozen=True, slots=True)
class Test:
    """One test, or one class of tests that names a scenario as a whole."""

    file: str
    sentence: str


def scenarios(root: Path) -> dict[str, str]:
    """The words of every scenario by its C-number."""
    lines = (root / "docs" / "scenarios.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("  ", 1) for line in lines if line)


def covered(root: Path) -> Mapping[str, tuple[Test, ...]]:
    """The tests that name a C-number, by that number."""
    found: defaultdict[str, list[Test]] = defaultdict(list)
    for file in sorted((root / "tests").rglob("test_*.py")):
        for sentence, docstring in _tests(ast.parse(file.read_text(encoding="utf-8"))):
            for number in _NUMBER.findall(docstring):
                found[number].append(Test(str(file.relative_to(root)), sentence))
    return {number: tuple(dict.fromkeys(tests)) for number, tests in found.items()}


def conformance_page(root: Path) -> str:
    """The whole page."""
    tests = covered(root)
    rows = [
        f"| {number} | {words} | {'<br>'.join(_link(test) for test in tests.get(number, ())) or 'not yet'} |"
        for number, words in scenarios(root).items()
    ]
    held = sum(number in tests for number in scenarios(root))
    head = ["# What is promised, and which test holds it", "", *_INTRODUCTION, ""]
    count = f"{held} of {len(rows)} scenarios are held by at least one test."
    return "\n".join([*head, count, "", "| | scenario | tests |", "| - | - | - |", *rows, ""])


def _tests(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Sentence and docstring of every test and of every class of tests."""
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            is_test = isinstance(node, ast.ClassDef) or node.name.startswith("test_")
            docstring = ast.get_docstring(node)
            if is_test and docstring:
                yield node.name.removeprefix("test_").replace("_", " "), docstring


def _link(test: Test) -> str:
    return f"[{test.sentence}](../{test.file})"


_INTRODUCTION = (
    "The scenarios a model runtime under one memory budget must survive, collected from the promises and the open",
    "problems of the projects in this field. A test that holds one names its number in its docstring.",
)
