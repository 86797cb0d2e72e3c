"""The documentation says what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.generate.conformance import covered, scenarios
from docs.generate.pages import outdated
from docs.generate.tree import tree
from tests.project.checkout import PACKAGE, ROOT

DOCS = ROOT / "docs"
PAGE_OF = {
    "api": "api.md",
    "cli": "cli.md",
    "discovery": "settings.md",
    "hub": "cli.md",
    "settings": "settings.md",
    "runtime": "how-it-works.md",
    "simulation": "simulate.md",
    "spending": "hosted.md",
    "text": "recall.md",
    "wire": "api.md",
}
"""The page that explains a package, where it is not named like the package."""


def packages() -> list[str]:
    """Every package of the first two levels that holds modules: "api", "runtime/memory", …"""
    inner = [*PACKAGE.glob("*/__init__.py"), *(PACKAGE / "runtime").glob("*/__init__.py")]
    return sorted(str(file.parent.relative_to(PACKAGE)) for file in inner if len(list(file.parent.glob("*.py"))) > 1)


@pytest.mark.parametrize("package", packages())
def test_every_package_has_its_page(package: str) -> None:
    name = Path(package).name
    assert (DOCS / PAGE_OF.get(name, f"{name}.md")).is_file()


def test_the_generated_pages_are_current() -> None:
    assert outdated(ROOT) == [], "run `make fix`"


class TestTheTree:
    def test_it_has_a_line_for_every_file(self) -> None:
        files = [file for file in PACKAGE.rglob("*.py") if file.name != "__init__.py"]
        lines = [line for line in tree(ROOT) if re.match(r"\s+\w+\.py ", line)]
        assert len(lines) == len(files)

    def test_no_line_is_without_words(self) -> None:
        assert [line for line in tree(ROOT)[1:] if not re.match(r"\s+\S+ {2,}\S", line)] == []


class TestThePromises:
    def test_a_test_names_only_numbers_that_exist(self) -> None:
        assert covered(ROOT).keys() - scenarios(ROOT).keys() == set()


@pytest.mark.parametrize("page", sorted([ROOT / "README.md", *DOCS.glob("*.md")]), ids=lambda page: page.name)
class TestEveryPage:
    def test_its_links_lead_somewhere(self, page: Path) -> None:
        links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        local = [link for link in links if not re.match(r"[a-z]+:", link)]
        assert [link for link in local if not (page.parent / link).exists()] == []

    def test_it_begins_with_its_title(self, page: Path) -> None:
        text = re.sub(r"^<!--.*?-->\s*", "", page.read_text(encoding="utf-8"))
        assert text.startswith("# ")
