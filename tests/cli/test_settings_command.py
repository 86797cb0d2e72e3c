"""`settings` and `keys`: what can be done without a server; and the frame of every command."""

from __future__ import annotations

import re
from importlib.metadata import version

import pytest

from tests.cli.command import CommandLine


class TestSettings:
    def test_every_value_is_shown_as_a_settings_file_says_it_with_where_it_was_said(
        self, innkeeper: CommandLine
    ) -> None:
        (innkeeper.folder / "innkeeper.toml").write_text(
            "budget = {ram = '12 GiB', gpu0 = '80 %'}\n[models.\"a/b\"]\nfile = 'a.gguf'\nkeep_for_s = 'until needed'\n"
        )
        innkeeper.set({"INNKEEPER_PORT": "9000"})
        told = innkeeper("settings", "--where").out
        assert re.search(r"\nport +9000 +environment INNKEEPER_PORT\n", told)
        assert re.search(r'budget +{ram = "12 GiB", gpu0 = "80 %"} +innkeeper\.toml line 1 *\n', told)
        assert re.search(r"default_model +not set +default *\n", told)
        assert re.search(r'models\."a/b"\.keep_for_s +"until needed" +innkeeper\.toml line 4 *\n', told)
        assert re.search(r'api\.body_limit +"16 MiB" +default *\n', told)

    def test_without_a_file_its_place_is_told(self, innkeeper: CommandLine) -> None:
        told = innkeeper("settings").out.replace("\n", "")
        assert "There is no settings file; it would be" in told
        assert str(innkeeper.folder / "innkeeper.toml") in told

    def test_bad_settings_are_listed_without_a_traceback(self, innkeeper: CommandLine) -> None:
        (innkeeper.folder / "innkeeper.toml").write_text("prot = 1\nhost = 1\n")
        told = innkeeper("settings")
        assert (told.code, told.out) == (3, "")
        assert told.err.splitlines() == [
            "Error: 2 problems in the settings:",
            "  innkeeper.toml line 1: `prot` is not a setting. Did you mean `port`?",
            "  innkeeper.toml line 2: `host` is 1; it must be text in quotation marks",
        ]

    def test_another_file_can_be_named(self, innkeeper: CommandLine) -> None:
        (innkeeper.folder / "other.toml").write_text("port = 5\n")
        assert "other.toml line 1" in innkeeper("--config", "other.toml", "settings", "--where").out


class TestKeys:
    def test_a_key_is_shown_once_listed_by_name_and_removed(self, innkeeper: CommandLine) -> None:
        innkeeper.set({"INNKEEPER_HOME": str(innkeeper.folder / "home")})
        made = innkeeper("keys", "add", "phone", "--model", "a", "--model", "b", "--per-minute", "30")
        assert made.out.startswith("ik-")
        assert made.out.strip() not in (innkeeper.folder / "home" / "keys.json").read_text()
        listed = innkeeper("keys", "list").out
        assert re.search(r"phone +\d{4}-\d\d-\d\d +a, b +no +30", listed)
        assert made.out.strip() not in listed
        assert innkeeper("keys", "remove", "phone").code == 0
        assert "There are no keys" in innkeeper("keys", "list").out

    def test_a_name_that_is_taken_is_refused(self, innkeeper: CommandLine) -> None:
        innkeeper("keys", "add", "me")
        refused = innkeeper("keys", "add", "me")
        assert refused.code == 3
        assert "There is a key named 'me' already" in refused.err


class TestFrame:
    def test_the_version_is_told(self, innkeeper: CommandLine) -> None:
        assert innkeeper("--version").out == f"innkeeper {version('innkeeper')}\n"

    @pytest.mark.parametrize("words", [["nonsense"], ["ps", "--nonsense"], ["run"], ["keys", "add"]])
    def test_a_command_that_does_not_exist_is_a_mistake_of_usage(
        self, innkeeper: CommandLine, words: list[str]
    ) -> None:
        told = innkeeper(*words)
        assert told.code == 2
        assert "Traceback" not in told.err
