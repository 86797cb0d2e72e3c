"""Which pages are generated, and which of them are not current."""

from __future__ import annotations

from pathlib import Path

from docs.generate.commands import commands_page
from docs.generate.conformance import conformance_page
from docs.generate.errors import errors_page
from docs.generate.facts import facts_page
from docs.generate.settings import settings_page
from docs.generate.tree import with_tree

NOTICE = "<!-- Written by `make fix` from the code; change the code instead. -->\n\n"


def pages(root: Path) -> dict[str, str]:
    """What every generated page must hold, by its path below `root`."""
    return {
        "docs/errors.md": NOTICE + errors_page(),
        "docs/facts.md": NOTICE + facts_page(),
        "docs/settings.md": NOTICE + settings_page(),
        "docs/cli.md": NOTICE + commands_page(),
        "docs/conformance.md": NOTICE + conformance_page(root),
        "README.md": with_tree((root / "README.md").read_text(encoding="utf-8"), root),
    }


def outdated(root: Path) -> list[str]:
    """The paths of the pages that are absent or hold something else."""
    return [path for path, text in pages(root).items() if _text_of(root / path) != text]


def _text_of(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.exists() else None
