"""What is installed with Innkeeper: pinned, light, and nothing that brings a whole framework along."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.project.checkout import ROOT

PINS = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CORE: list[str] = PROJECT["project"]["dependencies"]
HUB: list[str] = PROJECT["project"]["optional-dependencies"]["hub"]
RECALL: list[str] = PROJECT["project"]["optional-dependencies"]["recall"]
TOOLS: list[str] = PROJECT["dependency-groups"]["dev"]


def plain(name: str) -> str:
    """A package's name in the one spelling that compares. Source: PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def brought_by(*requirements: str) -> dict[str, Distribution]:
    """What is installed for these requirements and everything they bring along, by name.

    What is absent is for other systems.
    """
    found: dict[str, Distribution] = {}
    waiting = [(one, "") for one in requirements]
    while waiting:
        line, extra = waiting.pop()
        needed = Requirement(line)
        if needed.marker is not None and not needed.marker.evaluate({"extra": extra}):
            continue
        name = plain(needed.name)
        if name not in found:
            try:
                found[name] = distribution(name)
            except PackageNotFoundError:
                continue
            waiting += [(line, one) for line in found[name].requires or () for one in needed.extras or {""}]
    return found


def size_bytes(package: Distribution) -> int:
    """What its files take on the disk."""
    files = [Path(str(file.locate())) for file in package.files or ()]
    return sum(file.stat().st_size for file in files if file.is_file())


class TestTheCore:
    def test_it_takes_at_most_200_megabytes_on_the_disk(self) -> None:
        sizes = {name: size_bytes(package) for name, package in brought_by(*CORE).items()}
        assert sum(sizes.values()) <= 200_000_000, sorted(sizes.items(), key=lambda item: -item[1])[:8]

    def test_what_it_brings_is_counted_too(self) -> None:
        assert {"xllamacpp", "starlette", "anyio", "pydantic-core"} <= brought_by(*CORE).keys()

    @pytest.mark.parametrize(
        "name", ["torch", "transformers", "langchain", "chromadb", "tensorflow", "numpy", "pandas"]
    )
    def test_it_does_without(self, name: str) -> None:
        assert name not in brought_by(*CORE, *HUB)


class TestPins:
    def test_each_is_a_name_and_a_version_and_nothing_else(self) -> None:
        assert [line for line in PINS if not re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.!+-]+", line)] == []

    def test_everything_we_need_is_pinned(self) -> None:
        pinned = {plain(line.partition("==")[0]) for line in PINS}
        assert brought_by(*CORE, *HUB, *RECALL, *TOOLS).keys() - pinned == set()

    def test_what_is_installed_is_what_is_pinned(self) -> None:
        pinned = dict(line.split("==") for line in PINS)
        versions = {plain(name): version for name, version in pinned.items()}
        differs = {
            package.name: package.version
            for package in distributions()
            if versions.get(plain(package.name), package.version) != package.version
        }
        assert differs == {}
