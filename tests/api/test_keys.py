"""The key file: private, whole, and never a token in it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from innkeeper.api.key_file import KeyFile
from innkeeper.api.keys import ApiKey, find_key, hash_of
from innkeeper.runtime.errors import BadSettings, StateUnusable


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "keys.json"


class TestANewKey:
    def test_is_kept_as_a_hash_with_what_it_may_do(self, path: Path) -> None:
        file = KeyFile(path, token=lambda: "ik-secret", now_s=lambda: 1_700_000_000.0)

        file.add("anna", models=("narrator",), operator=True, per_minute=60, at_once=4)

        assert KeyFile(path).keys() == (
            ApiKey(
                "anna", hash_of("ik-secret"), 1_700_000_000.0, ("narrator",), operator=True, per_minute=60, at_once=4
            ),
        )
        assert "ik-secret" not in path.read_text()

    def test_has_256_random_bits_and_can_be_recognised(self, path: Path) -> None:
        file = KeyFile(path)

        tokens = {file.add("anna"), file.add("ben")}

        assert len(tokens) == 2
        assert all(re.fullmatch(r"ik-[\w-]{43}", token) for token in tokens)

    def test_is_readable_by_its_owner_only_and_leaves_nothing_beside_it(self, path: Path) -> None:
        KeyFile(path).add("anna")

        assert path.stat().st_mode & 0o777 == 0o600
        assert list(path.parent.iterdir()) == [path]

    @pytest.mark.parametrize(
        "wrong", [{"name": ""}, {"name": " "}, {"name": "a\nb"}, {"name": "a" * 65}, {"per_minute": 0}, {"at_once": -1}]
    )
    def test_must_make_sense(self, path: Path, wrong: dict[str, str | int]) -> None:
        file = KeyFile(path)

        with pytest.raises(BadSettings):
            file.add(**{"name": "anna"} | wrong)  # type: ignore[arg-type]  # wrong on purpose

        assert not path.exists()

    def test_needs_a_name_of_its_own(self, path: Path) -> None:
        KeyFile(path).add("anna")

        with pytest.raises(BadSettings, match="already"):
            KeyFile(path).add("anna")

    def test_cannot_be_written_into_a_folder_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "home").write_text("")

        with pytest.raises(StateUnusable, match="cannot be"):
            KeyFile(tmp_path / "home" / "keys.json").add("anna")


class TestAKey:
    def test_is_found_by_its_token_alone(self, path: Path) -> None:
        file = KeyFile(path)
        token = file.add("anna")
        file.add("ben")

        assert [key and key.name for key in (find_key(file.keys(), token), find_key(file.keys(), token + "x"))] == [
            "anna",
            None,
        ]

    def test_that_is_removed_is_gone(self, path: Path) -> None:
        file = KeyFile(path)
        token = file.add("anna")

        file.remove("anna")

        assert find_key(file.keys(), token) is None

    def test_that_is_not_there_cannot_be_removed(self, path: Path) -> None:
        file = KeyFile(path)
        file.add("anna")

        with pytest.raises(BadSettings, match=r"Keys: anna\."):
            file.remove("ben")


class TestTheKeyFile:
    def test_that_is_absent_holds_no_keys(self, path: Path) -> None:
        file = KeyFile(path)

        assert (file.keys(), file.is_required) == ((), False)

    def test_requires_a_key_even_after_it_went_away(self, path: Path) -> None:
        file = KeyFile(path)
        file.add("anna")
        file.keys()
        path.unlink()

        assert (file.keys(), file.is_required) == ((), True)

    def test_that_is_a_folder_says_so(self, path: Path) -> None:
        path.mkdir(parents=True)

        with pytest.raises(StateUnusable, match="cannot be read"):
            KeyFile(path).keys()

    @pytest.mark.parametrize(
        "content",
        [
            "",
            "[]",
            '{"version": 2, "keys": []}',
            '{"version": 1, "keys": [{}]}',
            '{"version": 1, "keys": [5]}',
            "entry:sha256=abc",
            "entry:sha256=" + "é" * 64,
            "entry:operator=yes",
            "entry:models=5",
            "entry:per_minute=many",
        ],
    )
    def test_that_cannot_be_understood_says_so(self, path: Path, content: str) -> None:
        KeyFile(path).add("anna")
        if content.startswith("entry:"):
            name, _, value = content.removeprefix("entry:").partition("=")
            document = json.loads(path.read_text())
            document["keys"][0][name] = int(value) if value.isdigit() else value
            content = json.dumps(document)
        path.write_text(content)

        with pytest.raises(StateUnusable, match=r"keys\.json"):
            KeyFile(path).keys()
