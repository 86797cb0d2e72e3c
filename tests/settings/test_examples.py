"""The examples of the documents are settings that load, and the commands they give are commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from innkeeper.cli.app import build
from innkeeper.settings.given import NOT_SETTINGS, PREFIX
from innkeeper.settings.load import Sources, load
from innkeeper.settings.problems import setting_names
from innkeeper.settings.values import Settings

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
EXAMPLES = [
    pytest.param(example, id=f"{page.name} {number}")
    for page in PAGES
    for number, example in enumerate(re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL), 1)
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_settings_loads(example: str, tmp_path: Path) -> None:
    (tmp_path / "innkeeper.toml").write_text(example)
    assert load(Sources(tmp_path, {"HOME": str(tmp_path)})).origins


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_is_mentioned_exists(page: Path) -> None:
    app = build()
    commands = {command.name for command in app.registered_commands} | {group.name for group in app.registered_groups}
    mentioned = set(re.findall(r"(?:`|^|bin/)innkeeper ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE))
    assert mentioned - commands == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_variable_that_is_mentioned_is_read(page: Path) -> None:
    mentioned = set(re.findall(r"INNKEEPER_[A-Z0-9_]*[A-Z0-9]", page.read_text(encoding="utf-8"))) - NOT_SETTINGS
    names = [tuple(variable.removeprefix(PREFIX).lower().split("__")) for variable in mentioned]
    known = [(*name[:1], "<id>", *name[2:]) if name[0] == "models" and len(name) > 2 else name for name in names]
    assert set(known) - set(setting_names(Settings)) == set()
