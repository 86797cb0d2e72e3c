"""The profiles of the podcast service: work finds its model, and the models stay under their ceilings."""

from __future__ import annotations

from pathlib import Path

import pytest

from innkeeper.discovery.found import Found
from innkeeper.runtime.catalog import Catalog
from innkeeper.runtime.engines.whisper import Whisper
from innkeeper.runtime.messages import Kind, Request
from innkeeper.runtime.routing.router import route
from innkeeper.runtime.routing.vocabulary import Vocabulary
from innkeeper.settings.catalog import catalog_of
from innkeeper.settings.load import Sources, load
from innkeeper.settings.shipped import profile_text
from tests.whispers import BASE_EN, Numbers, write_whisper

ASKED = {Kind.EMBEDDING: {"input": "bread"}, Kind.TRANSCRIPTION: {"file": "talk.mp3"}}


def catalog(tmp_path: Path, name: str) -> Catalog:
    (tmp_path / "innkeeper.toml").write_text(profile_text(name), encoding="utf-8")
    return catalog_of(load(Sources(folder=tmp_path, environ={})).settings, Found())


@pytest.mark.parametrize(
    ("profile", "kind", "model"),
    [
        ("podcast-512mb", Kind.EMBEDDING, "words"),
        ("podcast-2gb", Kind.EMBEDDING, "meaning"),
        ("podcast-2gb", Kind.TRANSCRIPTION, "ear"),
    ],
)
def test_each_sort_of_work_finds_its_model(tmp_path: Path, profile: str, kind: Kind, model: str) -> None:
    request = Request("r-1", kind, ASKED[kind])
    assert route(request, catalog(tmp_path, profile), Vocabulary()).candidates == (model,)


def test_whisper_base_stays_under_its_ceiling(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    write_whisper(tmp_path / "models" / "ggml-base-q5_1.bin", shape=BASE_EN, numbers=Numbers.Q5_1)
    assert Whisper().footprint(catalog(tmp_path, "podcast-2gb").get("ear")).bytes["ram"] < 260_000_000


def test_the_smallest_needs_no_file(tmp_path: Path) -> None:
    assert all(model.file is None for model in catalog(tmp_path, "podcast-512mb"))
