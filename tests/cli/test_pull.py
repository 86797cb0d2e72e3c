"""`pull`, from the command line to the file, against a double of the hub."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from tests.cli.command import CommandLine
from tests.hub.double import HubDouble, Repository, running

CONTENT = Random(5).randbytes(3 * 1024**2)


@pytest.fixture
def hub(innkeeper: CommandLine) -> Iterator[HubDouble]:
    files = {
        "m-Q4_K_M.gguf": CONTENT,
        "m-Q8_0-00001-of-00002.gguf": b"a" * 2000,
        "m-Q8_0-00002-of-00002.gguf": b"b" * 3000,
    }
    with running(HubDouble({"org/name": Repository(files)})) as double:
        innkeeper.set({"HF_ENDPOINT": double.url, "HF_TOKEN": "hf_secret"})
        yield double


class TestPull:
    def test_the_file_comes_into_the_models_folder_and_its_path_is_told(
        self, innkeeper: CommandLine, hub: HubDouble
    ) -> None:
        told = innkeeper("pull", "org/name")
        path = innkeeper.folder / "models" / "m-Q4_K_M.gguf"
        assert told.code == 0, told.err
        assert told.out == f"{path} (3.0 MiB), checked.\n"
        assert path.read_bytes() == CONTENT
        assert "Bearer hf_secret" in hub.tokens

    def test_all_parts_of_a_split_model_come(self, innkeeper: CommandLine, hub: HubDouble) -> None:
        innkeeper.set({"INNKEEPER_MODELS_DIR": "elsewhere"})
        assert innkeeper("pull", "org/name:q8_0").code == 0
        assert [path.name for path in sorted((innkeeper.folder / "elsewhere").iterdir())] == [
            "m-Q8_0-00001-of-00002.gguf",
            "m-Q8_0-00002-of-00002.gguf",
        ]

    @pytest.mark.parametrize(
        ("asked", "code", "message"),
        [
            ("name", 4, "'name' names no repository"),
            ("org/none", 4, "There is no repository org/none"),
            ("org/name:Q2_K", 4, "has no 'Q2_K'. It has: m-Q4_K_M.gguf (3.0 MiB), m-Q8_0.gguf"),
        ],
    )
    def test_what_cannot_be_pulled_is_told(
        self, innkeeper: CommandLine, hub: HubDouble, asked: str, code: int, message: str
    ) -> None:
        told = innkeeper("pull", asked)
        assert told.code == code
        assert message in told.err

    def test_damaged_content_is_refused(self, innkeeper: CommandLine, hub: HubDouble) -> None:
        hub.repositories["org/name"].lies_about["m-Q4_K_M.gguf"] = CONTENT[::-1]
        told = innkeeper("pull", "org/name")
        assert told.code == 3
        assert "arrived damaged" in told.err
        assert list((innkeeper.folder / "models").iterdir()) == []
