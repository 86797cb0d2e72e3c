"""What is installed with Innkeeper: pinned, light, and nothing that brings a whole framework along."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.project.checkout import ROOT

PINS = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
NOT_OURS = {"innkeeper", "setuptools", "wheel"}
"""Ourselves, and what some Pythons put into every environment."""


def plain(name: str) -> str:
    """A package's name in the one spelling that compares. Source: PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed_with(name: str, extra: str = "") -> dict[str, Distribution]:
    """`name` and everything it brings along, by name; absent packages are for other systems."""
    found: dict[str, Distribution] = {}
    waiting = [(plain(name), extra)]
    while waiting:
        name, extra = waiting.pop()
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue
        for line in found[name].requires or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                waiting += [(plain(needed.name), one) for one in (needed.extras or {""})]
    return found


def size_bytes(package: Distribution) -> int:
    """What its files take on the disk."""
    files = [Path(str(file.locate())) for file in package.files or ()]
    return sum(file.stat().st_size for file in files if file.is_file())


class TestTheCore:
    def test_it_takes_at_most_200_megabytes_on_the_disk(self) -> None:
        sizes = {name: size_bytes(package) for name, package in installed_with("innkeeper").items()}
        assert sum(sizes.values()) <= 200_000_000, sorted(sizes.items(), key=lambda item: -item[1])[:8]

    def test_it_is_more_than_the_engine_alone(self) -> None:
        assert {"innkeeper", "xllamacpp", "starlette", "uvicorn"} <= installed_with("innkeeper").keys()

    @pytest.mark.parametrize("name", ["torch", "transformers", "langchain", "chromadb", "tensorflow", "numpy", "pandas"])
    def test_it_does_without(self, name: str) -> None:
        assert name not in installed_with("innkeeper", extra="hub")


class TestPins:
    def test_each_is_a_name_and_a_version_and_nothing_else(self) -> None:
        assert [line for line in PINS if not re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.!+-]+", line)] == []

    def test_everything_we_need_is_pinned(self) -> None:
        pinned = {plain(line.partition("==")[0]) for line in PINS}
        assert {plain(package.name) for package in needed_here()} - pinned - NOT_OURS == set()

    def test_what_is_installed_is_what_is_pinned(self) -> None:
        pinned = dict(line.split("==") for line in PINS)
        versions = {plain(name): version for name, version in pinned.items()}
        differs = {
            package.name: package.version
            for package in distributions()
            if versions.get(plain(package.name), package.version) != package.version
        }
        assert differs == {}


def needed_here() -> list[Distribution]:
    """The product with its extras, and the tools of the project, with everything they bring along."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    tools = [Requirement(line).name for line in project["dependency-groups"]["dev"]]
    found = installed_with("innkeeper", extra="hub")
    for tool in tools:
        found |= installed_with(tool)
    return list(found.values())
