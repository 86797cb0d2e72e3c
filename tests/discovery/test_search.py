"""Finding the model files of this machine."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.discovery.found import Found, LeftOut
from innkeeper.discovery.names import LONGEST_ID, plain_id, unique_id
from innkeeper.discovery.places import Keeper, Place, usual_places
from innkeeper.discovery.search import find_models
from innkeeper.discovery.walk import Limits, files_below
from innkeeper.runtime.messages import Kind
from tests.ggufs import write_bert, write_llama
from tests.whispers import TOY, write_whisper

SHARED_MODELS = Path(__file__).parents[2] / "../shared/data/models"


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("llama") / "a.gguf"
    write_llama(path)
    return path.read_bytes()


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def own(folder: Path) -> Found:
    return find_models([Place(Keeper.OWN, folder)])


class TestOurFolder:
    def test_files_are_found_in_subfolders_with_what_their_headers_say(self, tmp_path: Path, llama: bytes) -> None:
        put(tmp_path / "deep" / "er" / "Talker-Q4_0.gguf", llama)
        write_bert(tmp_path / "words.GGUF")
        (tmp_path / "notes.txt").write_text("no model")
        found = own(tmp_path)
        assert [(model.id, model.kinds, model.architecture) for model in found.models] == [
            ("words", frozenset({Kind.EMBEDDING}), "bert"),
            ("Talker-Q4_0", frozenset({Kind.CHAT, Kind.COMPLETION}), "llama"),
        ]
        assert found.models[1].size_bytes == len(llama)

    def test_whisper_models_are_told_from_other_files_of_their_ending(self, tmp_path: Path) -> None:
        write_whisper(tmp_path / "ggml-base.bin", shape=TOY)
        put(tmp_path / "ggml-silero-v6.2.0.bin", b"the voice detector")
        put(tmp_path / "pytorch_model.bin", b"something else")
        put(tmp_path / "ggml-small.bin", b"not really")
        found = own(tmp_path)
        assert [(model.id, model.engine, model.kinds) for model in found.models] == [
            ("ggml-base", "whisper", frozenset({Kind.TRANSCRIPTION}))
        ]
        assert [left.path.name for left in found.left_out] == ["ggml-small.bin"]

    def test_what_is_no_model_is_told_and_stops_nothing(self, tmp_path: Path, llama: bytes) -> None:
        put(tmp_path / "a.gguf", b"GGUF but not really")
        put(tmp_path / "b.gguf", llama[: len(llama) // 2])
        put(tmp_path / "c.gguf", llama)
        (tmp_path / "d.gguf").symlink_to("nowhere")
        found = own(tmp_path)
        assert [model.id for model in found.models] == ["c"]
        assert [left.path.name for left in found.left_out] == ["a.gguf", "b.gguf", "d.gguf"]
        assert "truncated" in found.left_out[1].why

    def test_the_eyes_of_a_model_are_no_model(self, tmp_path: Path, llama: bytes) -> None:
        put(tmp_path / "mmproj-model-f16.gguf", llama)
        assert own(tmp_path) == Found((), (), (Place(Keeper.OWN, tmp_path),))

    def test_a_split_file_with_a_missing_part_is_told_once(self, tmp_path: Path, llama: bytes) -> None:
        put(tmp_path / "big-00002-of-00003.gguf", llama)
        put(tmp_path / "big-00003-of-00003.gguf", llama)
        assert own(tmp_path).models == ()

    def test_one_file_under_several_names_counts_once(self, tmp_path: Path, llama: bytes) -> None:
        put(tmp_path / "a.gguf", llama)
        (tmp_path / "b.gguf").symlink_to("a.gguf")
        (tmp_path / "c.gguf").hardlink_to(tmp_path / "a.gguf")
        assert [model.id for model in own(tmp_path).models] == ["a"]

    def test_files_of_one_name_get_the_names_of_their_folders(self, tmp_path: Path, llama: bytes) -> None:
        put(tmp_path / "m.gguf", llama)
        put(tmp_path / "x" / "m.gguf", llama)
        put(tmp_path / "y" / "z" / "m.gguf", llama)
        ids = [model.id for model in own(tmp_path).models]
        assert ids == ["m", "x/m", "y/z/m"]
        assert ids == [model.id for model in own(tmp_path).models]

    def test_strange_names_make_plain_ids(self, tmp_path: Path, llama: bytes) -> None:
        put(tmp_path / "my model (best) — ½.gguf", llama)
        put(tmp_path / "--.gguf", llama)
        assert [model.id for model in own(tmp_path).models] == ["model", "my-model-best"]

    def test_a_folder_that_is_not_there_is_no_problem(self, tmp_path: Path) -> None:
        assert own(tmp_path / "nowhere") == Found()

    def test_configured_files_are_read_first_and_not_offered_twice(self, tmp_path: Path, llama: bytes) -> None:
        file = put(tmp_path / "m.gguf", llama)
        found = find_models([Place(Keeper.OWN, tmp_path)], configured=[file])
        assert [(model.file, model.keeper) for model in found.models] == [(file, Keeper.CONFIGURED)]


@pytest.mark.needs_shared_data
@pytest.mark.skipif(not SHARED_MODELS.is_dir(), reason="the folder of real models is not beside the checkout")
class TestRealFiles:
    def test_a_trained_model_is_found_beside_a_file_that_is_none(self) -> None:
        found = own(SHARED_MODELS)
        assert [(model.id, model.architecture, model.trained_context) for model in found.models] == [
            ("stories260K", "llama", 512)
        ]


class TestFoldersOfOthers:
    def test_the_hubs_cache_is_followed_to_its_blobs_and_named_by_repository(
        self, tmp_path: Path, llama: bytes
    ) -> None:
        for number, repository in enumerate(("one", "two")):
            repo = tmp_path / "hub" / f"models--org--{repository}"
            blob = put(repo / "blobs" / "abc", llama + bytes(number))
            link = repo / "snapshots" / "123" / "model.gguf"
            link.parent.mkdir(parents=True)
            link.symlink_to(Path("../../blobs") / blob.name)
        found = find_models([Place(Keeper.HUGGING_FACE, tmp_path / "hub")])
        assert [model.id for model in found.models] == ["model", "org/two/model"]

    def test_ollamas_manifests_lead_to_the_blobs(self, tmp_path: Path, llama: bytes) -> None:
        hexes = ["a" * 64, "b" * 64, "c" * 64, "d" * 64]
        for number, digest in enumerate(hexes[:3]):
            put(tmp_path / "blobs" / f"sha256-{digest}", llama + bytes(number))
        manifests = tmp_path / "manifests"
        for name, digest in zip(
            (
                "registry.ollama.ai/library/llama3.2/latest",
                "registry.ollama.ai/library/qwen3/0.6b",
                "hf.co/org/repo/Q4_K_M",
                "registry.ollama.ai/someone/lost/latest",
            ),
            hexes,
            strict=True,
        ):
            put(manifests / name, manifest(f"sha256:{digest}"))
        put(manifests / "registry.ollama.ai/library/evil/latest", manifest("sha256:../../../etc/passwd"))
        put(manifests / "registry.ollama.ai/library/hosted/latest", json.dumps({"layers": []}).encode())
        put(manifests / "registry.ollama.ai/library/broken/latest", b"{")
        put(manifests / "registry.ollama.ai/library/list/latest", b"[1]")
        found = find_models([Place(Keeper.OLLAMA, tmp_path)])
        assert sorted(model.id for model in found.models) == ["hf.co/org/repo:Q4_K_M", "llama3.2", "qwen3:0.6b"]
        reasons = {left.path.parent.name: left.why for left in found.left_out}
        assert set(reasons) == {"lost", "evil", "broken", "list"}
        assert "`ollama pull` brings it back" in reasons["lost"]

    def test_the_usual_places_follow_the_variables_of_their_programs(self, tmp_path: Path) -> None:
        def folders(**environ: str) -> dict[Keeper, Path]:
            places = usual_places(Path("/m"), environ, Path("/home/me"))
            return {place.keeper: place.folder for place in reversed(places)}

        usual = folders()
        assert usual[Keeper.HUGGING_FACE] == Path("/home/me/.cache/huggingface/hub")
        assert usual[Keeper.OLLAMA] == Path("/home/me/.ollama/models")
        assert usual[Keeper.LM_STUDIO] == Path("/home/me/.lmstudio/models")
        moved = folders(HF_HOME="/hf", OLLAMA_MODELS="/o")
        assert (moved[Keeper.HUGGING_FACE], moved[Keeper.OLLAMA]) == (Path("/hf/hub"), Path("/o"))
        assert folders(HF_HUB_CACHE="/c", HF_HOME="/hf")[Keeper.HUGGING_FACE] == Path("/c")
        assert folders(XDG_CACHE_HOME="/x")[Keeper.HUGGING_FACE] == Path("/x/huggingface/hub")


class TestBounds:
    def test_links_in_a_circle_come_to_an_end(self, tmp_path: Path, llama: bytes) -> None:
        put(tmp_path / "a" / "m.gguf", llama)
        (tmp_path / "a" / "again").symlink_to(tmp_path)
        assert [model.id for model in own(tmp_path).models] == ["m"]

    def test_folders_below_the_depth_are_not_searched(self, tmp_path: Path) -> None:
        put(tmp_path / "a" / "b" / "c" / "m.gguf", b"")
        assert list(files_below(tmp_path, ".gguf", Limits(depth=2), lambda: 0.0)) == []
        assert len(list(files_below(tmp_path, ".gguf", Limits(depth=3), lambda: 0.0))) == 1

    def test_a_huge_folder_is_left_after_so_many_entries_and_that_is_told(self, tmp_path: Path) -> None:
        for number in range(20):
            put(tmp_path / f"{number}.gguf", b"")
        *files, told = files_below(tmp_path, ".gguf", Limits(entries=10), lambda: 0.0)
        assert len(files) == 10
        assert isinstance(told, LeftOut)
        assert "stopped after 10 entries" in told.why

    def test_a_slow_disk_is_left_after_so_many_seconds(self, tmp_path: Path) -> None:
        for number in range(20):
            put(tmp_path / f"{number}.gguf", b"")
        clock = count()
        *files, told = files_below(tmp_path, ".gguf", Limits(time_s=5), lambda: float(next(clock)))
        assert len(files) == 5
        assert isinstance(told, LeftOut)

    def test_a_folder_that_cannot_be_read_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The tests may run as root, who may read everything, so the refusal comes from a double of the listing."""

        def refuse(_path: object) -> object:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("os.scandir", refuse)
        assert list(files_below(tmp_path, ".gguf", Limits(), lambda: 0.0)) == [
            LeftOut(tmp_path, "cannot be read: Permission denied")
        ]


def manifest(digest: str) -> bytes:
    layers = [
        {"mediaType": "application/vnd.ollama.image.template", "digest": "sha256:" + "e" * 64, "size": 1},
        {"mediaType": "application/vnd.ollama.image.model", "digest": digest, "size": 1},
    ]
    return json.dumps({"schemaVersion": 2, "layers": layers}).encode()


class TestNames:
    def test_an_id_that_is_taken_twice_over_gets_a_number(self) -> None:
        below, file = Path("/m"), Path("/m/x/talker-00001-of-00003.gguf")
        assert unique_id(file, below, ()) == "talker"
        assert unique_id(file, below, ("talker",)) == "x/talker"
        assert unique_id(file, below, ("talker", "x/talker")) == "x/talker@2"
        assert unique_id(file, below, ("talker", "x/talker", "x/talker@2")) == "x/talker@3"

    @given(
        st.text(alphabet=st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=200)
    )
    def test_any_file_name_makes_an_id_that_a_url_can_carry(self, name: str) -> None:
        made = plain_id(Path("/m") / f"{name}.gguf")
        assert 1 <= len(made) <= LONGEST_ID
        assert made.isascii()
        assert " " not in made
