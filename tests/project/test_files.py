"""The files of the project keep the house rules that no linter knows."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

from tests.project.checkout import PACKAGE, ROOT, python_files

SOURCES = python_files("src")
EVERY = python_files("src", "tests", "benchmarks", "docs")
EMPTY_NAMES = {"utils", "helpers", "common", "misc", "manager", "core"}
READS_THE_ENVIRONMENT = {"cli", "settings"}
HANDS_THE_ENVIRONMENT_ON = {"src/innkeeper/runtime/engines/child.py"}
"""Reads nothing from it: a child process gets it, without what is secret."""


def named(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("file", SOURCES, ids=named)
class TestEveryModule:
    def test_its_first_line_says_its_idea_in_a_sentence(self, file: Path) -> None:
        first = (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").partition("\n")[0]
        assert len(first) > 10, f"{named(file)} does not say what it is"

    def test_it_is_named_for_something_of_the_domain(self, file: Path) -> None:
        assert not EMPTY_NAMES & {*file.relative_to(PACKAGE).parts[:-1], file.stem}


class TestDeciding:
    def test_all_of_residency_but_what_keeps_runs_looks_reads_and_sizes_is_kept_pure(self) -> None:
        contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
            "contracts"
        ]
        pure = next(one["source_modules"] for one in contracts if one["name"].startswith("Deciding is pure"))
        residency = {
            f"innkeeper.runtime.residency.{file.stem}" for file in (PACKAGE / "runtime" / "residency").glob("[a-z]*.py")
        }
        assert residency - set(pure) == {
            f"innkeeper.runtime.residency.{doing}" for doing in ("keeper", "outside", "readings", "running", "sizing")
        }


class TestAllFiles:
    def test_none_is_longer_than_450_lines(self) -> None:
        assert {
            named(file): n for file in EVERY if (n := len(file.read_text(encoding="utf-8").splitlines())) > 450
        } == {}

    def test_a_broad_except_gives_its_reason_on_the_line(self) -> None:
        unexplained = [
            f"{named(file)}:{number}"
            for file in SOURCES
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
            if re.search(r"except (Base)?Exception\b.*noqa: BLE001\s*$", line)
        ]
        assert unexplained == []

    def test_an_ignored_type_gives_its_reason_on_the_line(self) -> None:
        unexplained = [
            f"{named(file)}:{number}"
            for file in EVERY
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
            if re.search(r"#\s*type: ignore(\[[^\]]*\])?\s*$", line)
        ]
        assert unexplained == []

    def test_only_settings_and_the_command_line_read_the_environment(self) -> None:
        readers = {
            named(file)
            for file in SOURCES
            if file.relative_to(PACKAGE).parts[0].removesuffix(".py") not in READS_THE_ENVIRONMENT
            and re.search(r"os\.(environ|getenv)\b", file.read_text(encoding="utf-8"))
        }
        assert readers == HANDS_THE_ENVIRONMENT_ON
