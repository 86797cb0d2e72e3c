"""`embedding_provider` chooses who makes vectors, under the name that other services of this sort use, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from innkeeper.discovery.found import Found, FoundModel
from innkeeper.discovery.places import Keeper
from innkeeper.runtime.catalog import Catalog
from innkeeper.runtime.errors import BadSettings
from innkeeper.runtime.messages import Kind, Request
from innkeeper.runtime.routing.router import route
from innkeeper.runtime.routing.vocabulary import Vocabulary
from innkeeper.settings.catalog import catalog_of
from innkeeper.settings.load import Sources, load

EMBEDS = frozenset({Kind.EMBEDDING})
CLOUD = """
[hosted.cloud]
url = "https://api.example.org/v1"
[models.far]
engine = "hosted"
provider = "cloud"
kinds = ["embedding"]
"""


def found(*names: str) -> Found:
    return Found(tuple(FoundModel(name, Path(f"{name}.gguf"), 1, EMBEDS, "bert", 512, Keeper.OWN) for name in names))


def catalog(tmp_path: Path, text: str, *there: str, environ: dict[str, str] | None = None) -> Catalog:
    file = tmp_path / "innkeeper.toml"
    file.write_text(f'find_models = "always"\n{text}', encoding="utf-8")
    loaded = load(Sources(folder=tmp_path, environ=environ or {}))
    return catalog_of(loaded.settings, found(*there))


def answering(models: Catalog) -> str:
    return route(Request("r-1", Kind.EMBEDDING, {"input": "hello"}), models, Vocabulary()).candidates[0]


class TestEmbeddingProvider:
    def test_local_needs_no_model(self, tmp_path: Path) -> None:
        models = catalog(tmp_path, 'embedding_provider = "local"\n')
        assert answering(models) == "lexical"
        assert models.get("lexical").engine == "lexical"

    def test_local_is_the_one_that_is_there(self, tmp_path: Path) -> None:
        text = 'embedding_provider = "local"\n[models.words]\nengine = "lexical"\nkinds = ["embedding"]\n'
        assert answering(catalog(tmp_path, text, "MiniLM")) == "words"

    def test_sentence_transformers_is_a_model_of_this_machine(self, tmp_path: Path) -> None:
        text = f'embedding_provider = "sentence_transformers"\n{CLOUD}'
        assert answering(catalog(tmp_path, text, "bge-small")) == "bge-small"
        assert answering(catalog(tmp_path, text, "bge-small", "all-MiniLM-L6-v2")) == "all-MiniLM-L6-v2"

    def test_openai_is_a_hosted_one(self, tmp_path: Path) -> None:
        assert answering(catalog(tmp_path, f'embedding_provider = "openai"\n{CLOUD}', "MiniLM")) == "far"

    @pytest.mark.parametrize(
        ("provider", "told"),
        [("sentence_transformers", "innkeeper pull leliuga/all-MiniLM"), ("openai", 'engine = "hosted"')],
    )
    def test_where_there_is_none_the_fix_is_named(self, tmp_path: Path, provider: str, told: str) -> None:
        with pytest.raises(BadSettings, match=f"embedding_provider.*there is none.*{told}"):
            catalog(tmp_path, f'embedding_provider = "{provider}"\n')

    def test_where_there_are_several_they_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(BadSettings, match=r"there are several: a, b"):
            catalog(tmp_path, 'embedding_provider = "sentence_transformers"\n', "a", "b")

    def test_a_name_in_the_request_still_wins(self, tmp_path: Path) -> None:
        models = catalog(tmp_path, 'embedding_provider = "local"\n', "MiniLM")
        request = Request("r-1", Kind.EMBEDDING, {"input": "hello"}, model="MiniLM")
        assert route(request, models, Vocabulary()).candidates == ("MiniLM",)


class TestTheVariable:
    def test_of_other_services_is_understood(self, tmp_path: Path) -> None:
        assert answering(catalog(tmp_path, "", "MiniLM", environ={"EMBEDDING_PROVIDER": "local"})) == "lexical"

    def test_of_ours_wins(self, tmp_path: Path) -> None:
        environ = {"EMBEDDING_PROVIDER": "openai", "INNKEEPER_EMBEDDING_PROVIDER": "local"}
        assert answering(catalog(tmp_path, "", environ=environ)) == "lexical"

    def test_is_read_from_the_env_file_too(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("EMBEDDING_PROVIDER=local\nDATABASE_URL=postgres://elsewhere\n")
        assert answering(catalog(tmp_path, "", "MiniLM")) == "lexical"

    def test_with_a_value_that_is_none_says_where_it_was_said(self, tmp_path: Path) -> None:
        with pytest.raises(BadSettings, match="environment EMBEDDING_PROVIDER"):
            catalog(tmp_path, "", environ={"EMBEDDING_PROVIDER": "cohere"})
