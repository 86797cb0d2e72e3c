"""Everything that users, disks and enemies get wrong: a clear error each time, and nothing else is disturbed."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ggufs import write_llama
from tests.stories.conftest import Shelf
from tests.stories.inn import Inn, Json, an_inn

HUGE_BODY_BYTES = 100_000_000


def write_bad_files(folder: Path, good: Path) -> None:
    """A file cut short, one that is no GGUF, one of an architecture nobody knows."""
    whole = good.read_bytes()
    (folder / "cut.gguf").write_bytes(whole[: len(whole) // 2])
    (folder / "stub.gguf").write_bytes(whole[:100])
    (folder / "text.gguf").write_text("I am not a model.\n" * 100)
    (folder / "empty.gguf").write_bytes(b"")
    (folder / "alien.gguf").write_bytes(whole.replace(b"llama", b"lalma"))


@pytest.fixture(scope="module")
def inn(shelf: Shelf) -> Iterator[Inn]:
    """A good model among bad ones."""
    with an_inn() as inn:
        write_bad_files(inn.models, shelf.small)
        write_llama(inn.models / "fickle.gguf")
        bad = "".join(f'{name} = {{file = "{name}.gguf"}}\n' for name in (*BAD, "missing"))
        inn.settings(
            f"""
            budget = "220 MiB"
            [models]
            good = {{file = "{shelf.small}", context = 512}}
            fickle = {{file = "fickle.gguf", context = 256}}
            vast = {{file = "{shelf.huge}", context = 16384, slots = 8}}
            {bad}
            """
        )
        inn.start()
        yield inn


BAD = ("cut", "stub", "text", "empty", "alien")


class TestABadFile:
    @pytest.mark.parametrize("name", [*BAD, "missing"])
    def test_is_told_to_whoever_asks_for_it_and_the_good_one_works(self, inn: Inn, name: str) -> None:
        refused = inn.say(name)
        assert refused.status in (500, 502)
        assert refused.error["code"] in ("bad_model_file", "load_failed")
        assert name in refused.error["message"]
        assert inn.say("good").status == 200

    def test_is_shown_by_ps_and_when_the_inn_opens(self, inn: Inn) -> None:
        troubled = {model["id"] for model in inn.ps()["models"] if model["trouble"]}
        assert troubled >= {"cut", "stub", "text", "empty", "missing"}
        assert "trouble" in inn.output()
        shown = inn.command("ps").out
        assert all(name in shown for name in troubled)

    def test_that_comes_and_goes_while_the_inn_is_open_is_an_error_only_while_it_is_gone(self, inn: Inn) -> None:
        file = inn.models / "fickle.gguf"
        away = file.rename(inn.models / "away")
        refused = inn.say("fickle")
        assert refused.status in (500, 502)
        assert str(file) in refused.error["message"]
        away.rename(file)
        inn.until(lambda: inn.say("fickle").status == 200)

    def test_in_the_models_folder_does_not_hide_the_good_ones(self, fresh_inn: Inn) -> None:
        write_bad_files(fresh_inn.models, write_llama(fresh_inn.models / "good.gguf"))
        fresh_inn.start()
        assert fresh_inn.say("good").status == 200
        assert "left out" in fresh_inn.output()
        examined = fresh_inn.command("doctor").out
        assert [name for name in ("cut", "stub", "text", "empty") if f"{name}.gguf" not in examined] == []


class TestNoRoom:
    def test_a_model_larger_than_the_budget_is_refused_with_the_numbers_and_nothing_leaves(self, inn: Inn) -> None:
        """C35."""
        assert inn.say("good").status == 200
        generation = inn.model("good")["generation"]
        refused = inn.say("vast")
        assert (refused.status, refused.error["code"]) == (503, "budget_too_small")
        assert "220 MiB" in refused.error["message"]
        assert (inn.model("good")["state"], inn.model("good")["generation"]) == ("ready", generation)

    def test_beside_pinned_models_it_is_refused_at_once(self, fresh_inn: Inn, shelf: Shelf) -> None:
        """C34."""
        fresh_inn.settings(
            f"""
            budget = "200 MiB"
            models.one = {{file = "{shelf.large}", context = 512, pinned = true}}
            models.two = {{file = "{shelf.huge}", context = 512}}
            """
        )
        fresh_inn.start()
        fresh_inn.until(lambda: fresh_inn.model("one")["state"] == "ready")
        refused = fresh_inn.say("two")
        assert (refused.status, refused.error["code"]) == (503, "memory_pinned")
        assert fresh_inn.command("unpin", "one").code == 0
        assert fresh_inn.say("two").status == 200


class TestABadRequest:
    @pytest.mark.parametrize("model", ["../../../etc/passwd", "/etc/passwd", "good.gguf", "good ", "g" * 100_000])
    def test_a_model_is_a_name_and_never_a_path(self, inn: Inn, model: str) -> None:
        refused = inn.post("/v1/completions", {"model": model, "prompt": "x"})
        assert (refused.status, refused.error["code"]) == (404, "model_not_found")
        assert len(refused.body) < 2000

    @pytest.mark.parametrize(
        "body",
        [
            b"{nonsense",
            b"[" * 100_000,
            b'{"model": "good", "prompt": "x", "max_tokens": 1e400}',
            b'{"model": "good", "prompt": "x", "max_tokens": -1000000000000000000000}',
            b'{"model": "good", "prompt": "x", "temperature": NaN}',
            b'{"model": "good", "prompt": "x", "temperature": "hot"}',
            b'{"model": "good", "prompt": "x", "n": 100000000}',
            b'{"model": "good", "prompt": "x", "seed": ' + b"9" * 5000 + b"}",
            b'{"model": "good", "prompt": {"a": 1}}',
            b'{"model": "good", "prompt": [[[1]]]}',
            b'{"model": "good", "prompt": "x", "stream": "yes"}',
            b'{"model": ["good"], "prompt": "x"}',
            b'{"model": "good\\u0000", "prompt": "x"}',
            b"\xff\xfe",
        ],
        ids=lambda body: body[:60].decode("latin-1"),
    )
    def test_nonsense_and_absurd_numbers_are_refused_by_name(self, inn: Inn, body: bytes) -> None:
        refused = inn.post("/v1/completions", body)
        assert refused.status == 400
        assert refused.error["type"] == "invalid_request_error"
        assert inn.say("good", tokens=1).status == 200

    def test_numbers_that_only_the_engine_can_judge_end_in_an_answer_or_an_error(self, inn: Inn) -> None:
        oddities: tuple[Json, ...] = (
            {"max_tokens": 10**9},
            {"prompt": [2**31 - 1]},
            {"prompt": []},
            {"logit_bias": {"1": 1e308}},
            {"stop": ["x"] * 1000},
            {"top_k": -(2**31), "top_p": 0},
            {"grammar": "root ::= ("},
            {"json_schema": {"$ref": "#/nowhere"}},
        )
        for strange in oddities:
            answer = inn.post("/v1/completions", {"model": "good", "prompt": "x", "max_tokens": 2, **strange})
            assert answer.status == 200 or answer.error["message"], strange
        assert inn.say("good", tokens=1).status == 200

    def test_a_hundred_megabytes_are_not_read(self, inn: Inn) -> None:
        assert inn.process is not None
        before = inn.process.memory_info().rss
        refused = inn.post("/v1/completions", b'{"model": "good", "prompt": "' + b"x" * HUGE_BODY_BYTES + b'"}')
        assert (refused.status, refused.error["code"]) == (413, "body_too_large")
        assert inn.process.memory_info().rss - before < HUGE_BODY_BYTES // 2
        assert inn.say("good", tokens=1).status == 200


class TestABadStart:
    def test_a_port_in_use_is_named_with_the_way_out(self, fresh_inn: Inn) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", fresh_inn.port))
            taken.listen()
            refused = fresh_inn.command("up")
        assert refused.code == 3
        assert f"Port {fresh_inn.port}" in refused.err
        assert "--port" in refused.err

    def test_a_home_that_cannot_be_written_is_named(self, fresh_inn: Inn) -> None:
        fresh_inn.home.write_text("a file where a folder should be")
        refused = fresh_inn.command("up")
        assert refused.code == 3
        assert str(fresh_inn.home) in refused.err
        assert "INNKEEPER_HOME" in refused.err

    def test_settings_that_make_no_sense_are_named_with_their_line(self, fresh_inn: Inn) -> None:
        fresh_inn.settings('budget = "a lot"\nprot = 8000')
        refused = fresh_inn.command("up")
        assert refused.code == 3
        assert "budget" in refused.err
        assert "port" in refused.err
