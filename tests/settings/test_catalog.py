"""From settings and found files to the catalogue."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from innkeeper.discovery.found import Found, FoundModel
from innkeeper.discovery.places import Keeper
from innkeeper.runtime.errors import BadSettings
from innkeeper.runtime.messages import Kind
from innkeeper.settings.catalog import catalog_of, search
from innkeeper.settings.load import Sources, load
from innkeeper.settings.values import Settings
from tests.ggufs import write_bert, write_llama

MODELS = Path("/models")
CHAT = frozenset({Kind.CHAT, Kind.COMPLETION})


def settings(**values: Any) -> Settings:
    return Settings.model_validate({"models_dir": str(MODELS), **values})


def found(*ids: str, kinds: frozenset[Kind] = CHAT) -> Found:
    return Found(tuple(FoundModel(one, MODELS / f"{one}.gguf", 1, kinds, "llama", 512, Keeper.OWN) for one in ids))


class TestCatalog:
    def test_an_entry_says_all_that_the_runtime_is_told(self) -> None:
        entry = {
            "file": "n.gguf",
            "kinds": ["chat"],
            "tasks": ["mechanics", "character-creation"],
            "languages": ["el", "English"],
            "quality": {"story": 0.7, "Greek": 1},
            "context": 2048,
            "slots": 2,
            "cache_type": "q8_0",
            "keep_for_s": 9,
            "hold_s": 3,
            "pinned": True,
            "waiting_limit": 5,
            "memory": "1 GiB",
            "options": {"gpu_layers": 3},
        }
        (model,) = catalog_of(settings(models={"narrator": entry}), Found())
        assert (model.id, model.engine, model.file, model.kinds) == (
            "narrator",
            "llama_cpp",
            MODELS / "n.gguf",
            frozenset({Kind.CHAT}),
        )
        assert model.tasks == {"mechanics", "character_creation"}
        assert model.languages == {"el", "en"}
        assert model.quality == {"story": 0.7, "el": 1.0}
        assert (model.context, model.slots, model.cache_type, model.keep_for_s) == (2048, 2, "q8_0", 9.0)
        assert (model.hold_s, model.pinned, model.waiting_limit) == (3.0, True, 5)
        assert (model.declared, model.options) == ({"ram": 1024**3}, {"gpu_layers": 3})

    def test_found_models_are_offered_when_the_settings_bring_none(self) -> None:
        assert [model.id for model in catalog_of(settings(), found("a", "b"))] == ["a", "b"]

    def test_found_models_are_not_offered_beside_configured_ones_unless_asked_for(self) -> None:
        mine = {"mine": {"file": "mine.gguf"}}
        assert len(catalog_of(settings(models=mine), found("a"))) == 1
        assert len(catalog_of(settings(models=mine, find_models="always"), found("a", "mine"))) == 2

    def test_an_entry_without_a_file_adjusts_the_found_model_and_leaves_the_others(self) -> None:
        catalog = catalog_of(settings(models={"b": {"slots": 4}}), found("a", "b"))
        assert catalog.get("b").slots == 4
        assert catalog.get("b").file == MODELS / "b.gguf"
        assert {model.id for model in catalog} == {"a", "b"}

    def test_kinds_come_from_the_header_unless_they_are_said(self) -> None:
        embedder = found("e", kinds=frozenset({Kind.EMBEDDING}))
        assert catalog_of(settings(models={"x": {"file": "e.gguf"}}), embedder).get("x").kinds == {Kind.EMBEDDING}
        said = settings(models={"x": {"file": "e.gguf", "kinds": ["rerank"]}})
        assert catalog_of(said, embedder).get("x").kinds == {Kind.RERANK}

    def test_a_model_that_reads_whole_texts_and_writes_none_has_sixteen_slots_unless_they_are_said(self) -> None:
        reads = replace(found("e", kinds=frozenset({Kind.EMBEDDING})).models[0], looks_both_ways=True)
        assert catalog_of(settings(), Found((reads,))).get("e").slots == 16
        assert catalog_of(settings(models={"x": {"file": "e.gguf"}}), Found((reads,))).get("x").slots == 16
        assert catalog_of(settings(models={"x": {"file": "e.gguf", "slots": 1}}), Found((reads,))).get("x").slots == 1
        assert (
            catalog_of(settings(models={"x": {"file": "e.gguf", "kinds": ["chat"]}}), Found((reads,))).get("x").slots
            == 1
        )
        assert catalog_of(settings(), found("a", kinds=frozenset({Kind.EMBEDDING}))).get("a").slots == 1

    def test_the_only_model_that_chats_is_the_default(self) -> None:
        assert catalog_of(settings(), found("a")).default == "a"
        assert catalog_of(settings(), found("a", "b")).default is None
        assert catalog_of(settings(default_model="b"), found("a", "b")).default == "b"

    def test_a_model_without_a_file_and_a_wrong_default_are_told_together(self) -> None:
        with pytest.raises(BadSettings) as caught:
            catalog_of(settings(models={"narator": {}}, default_model="narrater"), found("narrator"))
        assert caught.value.message.splitlines() == [
            "2 problems in the settings:",
            "  models.narator: names no `file`, and no file of that name was found; did you mean `narrator`?",
            "  default_model: there is no model 'narrater'; did you mean `narrator`?",
        ]


class TestSearch:
    def test_the_files_that_the_settings_name_are_read_and_no_folder_searched(self, tmp_path: Path) -> None:
        (tmp_path / "models").mkdir()
        write_bert(tmp_path / "models" / "words.gguf")
        write_llama(tmp_path / "models" / "other.gguf")
        (tmp_path / "innkeeper.toml").write_text("[models.embedder]\nfile = 'words.gguf'\n")
        loaded = load(Sources(tmp_path, {"HOME": str(tmp_path)}))
        (model,) = catalog_of(loaded.settings, search(loaded))
        assert (model.id, model.kinds) == ("embedder", frozenset({Kind.EMBEDDING}))

    def test_a_missing_file_stays_in_the_catalogue_and_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "innkeeper.toml").write_text("[models.gone]\nfile = 'gone.gguf'\n")
        loaded = load(Sources(tmp_path, {"HOME": str(tmp_path)}))
        result = search(loaded)
        assert "gone" in catalog_of(loaded.settings, result)
        assert [(left.path.name, left.why) for left in result.left_out] == [
            ("gone.gguf", "cannot be read: No such file or directory")
        ]


class TestLexical:
    def test_a_lexical_model_needs_no_file_and_makes_vectors(self) -> None:
        (model,) = catalog_of(settings(models={"words": {"engine": "lexical"}}), Found())
        assert (model.engine, model.kinds, model.file) == ("lexical", frozenset({Kind.EMBEDDING}), None)


class TestContexts:
    def test_a_context_names_the_models_it_will_need(self) -> None:
        told = settings(models={"a": {"engine": "echo"}}, contexts={"evening": {"models": ["a"]}})
        assert catalog_of(told, Found()).contexts == {"evening": ("a",)}

    def test_one_that_names_no_model_is_told_with_the_nearest(self) -> None:
        told = settings(models={"narrator": {"engine": "echo"}}, contexts={"evening": {"models": ["narrater"]}})
        with pytest.raises(BadSettings, match=r"contexts.evening.models: .*did you mean `narrator`"):
            catalog_of(told, Found())
