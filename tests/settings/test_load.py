"""Settings from the file, `.env`, the environment and the command line, and what is said of wrong ones."""

from __future__ import annotations

import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.runtime.errors import BadSettings
from innkeeper.settings.load import DEFAULT, Loaded, Sources, load

HOME = {"HOME": "/home/me"}


def read(
    folder: Path, toml: str = "", env_file: str = "", environ: dict[str, str] | None = None, flags: Any = None
) -> Loaded:
    """Load from such sources in `folder`."""
    if toml:
        (folder / "innkeeper.toml").write_text(toml)
    if env_file:
        (folder / ".env").write_text(env_file)
    return load(Sources(folder, HOME | (environ or {}), flags=flags or {}))


def refused(folder: Path, toml: str = "", env_file: str = "", environ: dict[str, str] | None = None) -> str:
    """The message with which such sources are refused."""
    with pytest.raises(BadSettings) as caught:
        read(folder, toml, env_file, environ)
    return caught.value.message


class TestWhereSettingsComeFrom:
    def test_without_any_source_every_setting_has_its_default(self, tmp_path: Path) -> None:
        loaded = read(tmp_path)
        assert (loaded.settings.port, loaded.settings.host, loaded.settings.budget) == (8000, "127.0.0.1", None)
        assert loaded.settings.home == Path("/home/me/.innkeeper")
        assert loaded.settings.models_dir == tmp_path / "models"
        assert loaded.file is None
        assert loaded.origin(("port",)) == DEFAULT

    def test_the_command_line_wins_over_the_environment_over_dotenv_over_the_file(self, tmp_path: Path) -> None:
        file = "# first\nport = 1\nhost = 'a'\n[queue]\nlimit = 1\npatience_s = 1\n"
        env_file = "\n# second\nINNKEEPER_PORT=2\nINNKEEPER_HOST=b\nexport INNKEEPER_QUEUE__LIMIT='2'\n"
        environ = {"INNKEEPER_PORT": "3", "INNKEEPER_HOST": "c"}
        loaded = read(tmp_path, file, env_file, environ, {("port",): 4, ("host",): None})
        settings = loaded.settings
        assert (settings.port, settings.host, settings.queue.limit, settings.queue.patience_s) == (4, "c", 2, 1.0)
        assert loaded.origin(("port",)) == "command line --port"
        assert loaded.origin(("host",)) == "environment INNKEEPER_HOST"
        assert loaded.origin(("queue", "limit")) == ".env line 5"
        assert loaded.origin(("queue", "patience_s")) == "innkeeper.toml line 6"
        assert loaded.origin(("queue", "longest_wait_s")) == DEFAULT

    def test_the_documented_variables_work(self, tmp_path: Path) -> None:
        environ = {"PORT": "9", "BUDGET": "80 %", "MODELS_DIR": "my/models", "HOME": "~/inn"}
        settings = read(tmp_path, environ={f"INNKEEPER_{name}": value for name, value in environ.items()}).settings
        assert settings.port == 9
        assert settings.budget == Fraction(4, 5)
        assert settings.models_dir == tmp_path / "my" / "models"
        assert settings.home == Path("/home/me/inn")

    def test_an_empty_variable_says_nothing(self, tmp_path: Path) -> None:
        assert read(tmp_path, env_file="INNKEEPER_HOST=\n", environ={"INNKEEPER_PORT": ""}).settings.port == 8000

    def test_other_peoples_variables_are_none_of_our_business(self, tmp_path: Path) -> None:
        assert read(tmp_path, env_file="HF_TOKEN=x\nnonsense line\n", environ={"PORT": "x"}).settings.port == 8000

    def test_the_variables_that_are_no_settings_are_no_mistakes(self, tmp_path: Path) -> None:
        (tmp_path / "mine.toml").write_text("port = 5")
        environ = {"INNKEEPER_CONFIG": "mine.toml", "INNKEEPER_API_KEY": "ik-secret"}
        loaded = read(tmp_path, environ=environ)
        assert (loaded.settings.port, loaded.origin(("port",))) == (5, "mine.toml line 1")

    def test_relative_paths_of_a_file_start_in_the_folder_of_that_file(self, tmp_path: Path) -> None:
        (tmp_path / "etc").mkdir()
        (tmp_path / "etc" / "inn.toml").write_text(
            "home = 'state'\n[llama_cpp]\nserver_program = '../bin/llama-server'"
        )
        settings = load(Sources(tmp_path, HOME, config=Path("etc/inn.toml"))).settings
        assert settings.home == tmp_path / "etc" / "state"
        assert settings.llama_cpp.server_program == tmp_path / "etc" / ".." / "bin" / "llama-server"

    def test_a_model_that_no_variable_can_spell_is_found_by_its_letters_and_digits(self, tmp_path: Path) -> None:
        environ = {"INNKEEPER_MODELS__QWEN3_0_6B__SLOTS": "4", "INNKEEPER_MODELS__OTHER__OPTIONS__GPU_LAYERS": "20"}
        models = read(tmp_path, '[models."Qwen3-0.6B"]\nfile = "q.gguf"', environ=environ).settings.models
        assert models["Qwen3-0.6B"].slots == 4
        assert models["other"].options == {"gpu_layers": 20}

    def test_a_variable_for_a_whole_replaces_the_parts_of_a_file_and_a_part_replaces_a_whole(
        self, tmp_path: Path
    ) -> None:
        table = "budget = {ram = '1 GiB', gpu0 = '2 GiB'}"
        assert read(tmp_path, table, environ={"INNKEEPER_BUDGET": "3 GiB"}).settings.budget == 3 * 1024**3
        part = read(tmp_path, "budget = '1 GiB'", environ={"INNKEEPER_BUDGET__GPU0": "50 %"}).settings
        assert part.budget == {"gpu0": Fraction(1, 2)}
        assert (part.budget_of("gpu0"), part.budget_of("ram")) == (Fraction(1, 2), None)


class TestWhatIsWrong:
    def test_an_unknown_key_is_named_with_its_line_and_the_nearest_known_one(self, tmp_path: Path) -> None:
        assert refused(tmp_path, "# mine\nprot = 1") == (
            "innkeeper.toml line 2: `prot` is not a setting. Did you mean `port`?"
        )

    def test_a_known_key_in_the_wrong_table_is_shown_its_place(self, tmp_path: Path) -> None:
        assert "Did you mean `queue.patience_s`?" in refused(tmp_path, "patience_s = 3")

    def test_an_unknown_variable_is_a_mistake_too(self, tmp_path: Path) -> None:
        environ = {"INNKEEPER_PRT": "1", "INNKEEPER_QUEUE__LIMT": "3"}
        told = refused(tmp_path, environ=environ)
        assert "environment INNKEEPER_PRT: `prt` is not a setting. Did you mean `port`?" in told
        assert "environment INNKEEPER_QUEUE__LIMT: `queue.limt` is not a setting. Did you mean `queue.limit`?" in told

    def test_a_key_of_a_model_is_compared_with_the_keys_of_models(self, tmp_path: Path) -> None:
        told = refused(tmp_path, '[models."a/b"]\nslot = 3')
        assert told == 'innkeeper.toml line 2: `models."a/b".slot` is not a setting. Did you mean `models."a/b".slots`?'

    @pytest.mark.parametrize(
        ("line", "told"),
        [
            ("port = true", "`port` is true; it must be a whole number"),
            ("port = 70000", "`port` is 70000; it must be at most 65535"),
            ("port = 8000.5", "`port` is 8000.5; it must be a whole number"),
            ("host = 3", "`host` is 3; it must be text in quotation marks"),
            ("queue = 3", "`queue` is 3; it must be a table"),
            ("queue.limit = -1", "`queue.limit` is -1; it must be at least 0"),
            ("queue.patience_s = nan", "`queue.patience_s` is NaN; it must be a number of seconds"),
            ("queue.longest_wait_s = 0", "must be more than 0"),
            ("budget = '12 giga'", "the unit 'giga', which is none of B, kB"),
            ("budget = 12", 'says no unit; write "12 GiB"'),
            ("budget = {ram = '1 GiB', gpu0 = 'x'}", "(pool gpu0)"),
            ("api.open_to_network_without_keys = 'yes'", "the words 'yes, anyone who can reach this port may use it'"),
            ("models.a.cache_type = 'q9'", '"q8_0"'),
            (
                "models.a.kinds = ['chat', 'song']",
                'must be "chat", "completion", "embedding", "rerank" or "transcription"',
            ),
            ("models.a.tasks = ['mechanic']", 'no task that is known; did you mean "mechanics"?'),
            ("models.a.tasks = 'fishing'", "there are mechanics, combat,"),
            ("models.a.tasks = 3", 'it must be a list of tasks, such as ["mechanics"]'),
            ("models.a.languages = ['greec']", 'no language that is known; did you mean "el"?'),
            ("models.a.languages = ['tlh']", "there are el, en,"),
            ("models.a.options = {x = [1]}", "`models.a.options.x`"),
            ("llama_cpp.spare_child = 'perhaps'", "must be true or false"),
            ("home = 3", "`home` is 3; it must be a path in quotation marks"),
            (f"port = 1{'0' * 200}", "must be at most 65535"),
            (f"port = 1{'0' * 5000}", "is not TOML"),
        ],
    )
    def test_a_wrong_value_is_told_with_what_was_found_and_what_is_wanted(
        self, tmp_path: Path, line: str, told: str
    ) -> None:
        message = refused(tmp_path, line)
        assert message.startswith(("innkeeper.toml line 1: ", str(tmp_path / "innkeeper.toml")))
        assert told in message

    def test_all_problems_of_all_sources_are_told_at_once(self, tmp_path: Path) -> None:
        told = refused(tmp_path, "prot = 1\nhost = 1\n[queue]\nlimit = 'x'", "INNKEEPER_PORT=x", {"INNKEEPER_X": "1"})
        assert told.splitlines() == [
            "5 problems in the settings:",
            "  innkeeper.toml line 1: `prot` is not a setting. Did you mean `port`?",
            "  innkeeper.toml line 2: `host` is 1; it must be text in quotation marks",
            '  innkeeper.toml line 4: `queue.limit` is "x"; it must be a whole number',
            '  .env line 1: `port` is "x"; it must be a whole number',
            "  environment INNKEEPER_X: `x` is not a setting. `innkeeper settings` lists them all.",
        ]

    def test_a_file_that_is_no_toml_says_where(self, tmp_path: Path) -> None:
        assert "is not TOML" in refused(tmp_path, "port = \n")
        assert "line 1" in refused(tmp_path, "port = \n")

    @pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * (1024**2 + 1), b"a = " + b"[" * 100_000])
    def test_a_file_that_is_something_else_is_refused_and_does_no_harm(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "innkeeper.toml").write_bytes(content)
        assert "innkeeper.toml" in refused(tmp_path)

    def test_a_file_that_was_named_must_be_there(self, tmp_path: Path) -> None:
        with pytest.raises(BadSettings, match=r"no\.toml: there is no such file"):
            load(Sources(tmp_path, HOME, config=Path("no.toml")))

    def test_a_folder_in_place_of_the_file_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "innkeeper.toml").mkdir()
        assert "cannot be read: Is a directory" in refused(tmp_path)

    def test_a_dotenv_line_of_ours_that_assigns_nothing_is_told(self, tmp_path: Path) -> None:
        assert refused(tmp_path, env_file="A=1\n\nINNKEEPER_PORT='8\n") == ".env line 3: is not NAME=value"

    def test_what_dotenv_cannot_say_is_not_ignored(self, tmp_path: Path) -> None:
        told = refused(tmp_path, env_file="INNKEEPER_PORT=1\nINNKEEPER_API_KEY=ik-x\n")
        assert told == ".env line 2: INNKEEPER_API_KEY is read from the environment alone; export it instead"

    @given(text=st.text(max_size=200))
    def test_any_text_is_settings_or_a_clear_refusal(self, text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
        folder = tmp_path_factory.mktemp("any")
        (folder / "innkeeper.toml").write_bytes(text.encode("utf-8", "surrogatepass"))
        with suppress(BadSettings):
            assert load(Sources(folder, HOME)).file == folder / "innkeeper.toml"

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_a_file_that_may_not_be_read_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "innkeeper.toml").write_text("port = 1")
        (tmp_path / "innkeeper.toml").chmod(0)
        assert "cannot be read: Permission denied" in refused(tmp_path)


class TestVariables:
    """A variable carries text; what the setting is decides how it is read."""

    def test_lists_truth_values_and_options_are_read_from_text(self, tmp_path: Path) -> None:
        environ = {
            "INNKEEPER_MODELS__A__KINDS": "chat, completion",
            "INNKEEPER_MODELS__A__TASKS": "combat, character-creation",
            "INNKEEPER_MODELS__A__LANGUAGES": "el,English",
            "INNKEEPER_MODELS__A__PINNED": "yes",
            "INNKEEPER_MODELS__A__OPTIONS__LAYERS": "3",
            "INNKEEPER_MODELS__A__OPTIONS__SCALE": "1.5",
            "INNKEEPER_MODELS__A__OPTIONS__MAPPED": "false",
            "INNKEEPER_MODELS__A__OPTIONS__POOLING": "mean",
            "INNKEEPER_MODELS__A__MEMORY__GPU0": "1 GiB",
            "INNKEEPER_API__ALLOWED_HOSTS": "inn.local,inn",
        }
        settings = read(tmp_path, environ=environ).settings
        model = settings.models["a"]
        assert sorted(model.kinds or ()) == ["chat", "completion"]
        assert (model.tasks, model.languages) == (frozenset({"combat", "character_creation"}), frozenset({"el", "en"}))
        assert (model.pinned, model.memory) == (True, {"gpu0": 1024**3})
        assert model.options == {"layers": 3, "scale": 1.5, "mapped": False, "pooling": "mean"}
        assert settings.api.allowed_hosts == ("inn.local", "inn")
