"""What is not loaded: a command starts in a moment, and the package costs nothing until it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "aiohttp",
    "asyncio",
    "apsw",
    "httpx2",
    "huggingface_hub",
    "numpy",
    "prometheus_client",
    "prompt_toolkit",
    "psutil",
    "pydantic",
    "pynvml",
    "sqlite3",
    "ssl",
    "starlette",
    "uvicorn",
    "xllamacpp",
)


def loaded_by(code: str) -> list[str]:
    """The heavy modules that are there after `code` ran in a fresh process."""
    look = f"import sys; print('\\n' + ' '.join(name for name in {HEAVY!r} if name in sys.modules))"
    ended = subprocess.run(
        [sys.executable, "-c", f"{code}\n{look}"], capture_output=True, text=True, timeout=60, check=True
    )
    return ended.stdout.splitlines()[-1].split()


def command(*words: str) -> str:
    return f"from innkeeper.cli import main\ntry:\n    main({list(words)!r})\nexcept SystemExit:\n    pass"


class TestLightness:
    def test_importing_the_package_loads_nothing_heavy(self) -> None:
        assert loaded_by("import innkeeper") == []

    def test_help_loads_no_web_framework_no_database_and_no_engine(self) -> None:
        assert loaded_by(command("--help")) == []

    @pytest.mark.parametrize("words", [["ps", "--help"], ["pull", "--help"], ["up", "--help"], ["keys", "--help"]])
    def test_the_help_of_a_command_loads_no_more_than_what_reads_its_options(self, words: list[str]) -> None:
        """Typer reads options with pydantic."""
        assert loaded_by(command(*words)) == ["pydantic"]

    def test_a_server_without_models_of_others_needs_no_client_for_their_servers(self) -> None:
        """What opens the inn, with every adapter made."""
        opens = (
            "import os, pathlib; from innkeeper import assemble; from innkeeper.settings.load import Sources, load\n"
            "made = assemble.adapters(load(Sources(pathlib.Path('/nowhere'), {'HOME': '/nowhere'})))\n"
            "assert 'hosted' in made"
        )
        assert "aiohttp" not in loaded_by(opens)

    def test_asking_a_server_loads_the_settings_and_an_http_client(self) -> None:
        """The standard library's HTTP brings `ssl` along."""
        assert loaded_by("import os; os.environ['INNKEEPER_PORT'] = '9'\n" + command("ps")) == ["pydantic", "ssl"]
