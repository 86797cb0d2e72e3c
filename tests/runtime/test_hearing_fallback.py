"""An ear here and one elsewhere share a chain: who hears when one of them cannot, proven by failing each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from innkeeper.runtime import facts
from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engines.whisper import Whisper
from innkeeper.runtime.errors import ChainExhausted, InnkeeperError, MustStayHere, ProviderRefused
from innkeeper.runtime.messages import Began, Done, Kind, Piece, Request
from innkeeper.runtime.price import Price
from innkeeper.runtime.spending.purse import Ceilings
from innkeeper.runtime.wire.openai.transcripts import transcript_of
from tests.doubles.hosted_server import FAULTY, FULL, NO_KEY, Fault
from tests.engines.hosted_scene import CLOUD, Scene, hosted_scene
from tests.runtime.conftest import Inn, OpenInn, echo_model
from tests.speech.sounds import tone, write_wav
from tests.whispers import TOY, write_whisper

LIMIT_S = 30.0
HEARS = frozenset({Kind.TRANSCRIPTION})
EAR = Model("ear", "whisper", HEARS, keep_for_s=None)
ELSEWHERE = replace(CLOUD, kinds=HEARS, price=Price(minute=0.6), keep_for_s=None)
TALKER = echo_model("talker")


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with hosted_scene(tmp_path, retries=0) as opened:
        yield opened


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    return write_wav(tmp_path / "talk.wav", tone(2.0))


def broken(folder: Path) -> Model:
    file = folder / "ggml-broken.bin"
    file.write_bytes(b"lmgg" + b"\0" * 64)
    return replace(EAR, file=file)


def missing(folder: Path) -> Model:
    return replace(EAR, file=folder / "ggml-nowhere.bin")


def too_large(folder: Path) -> Model:
    return replace(EAR, file=write_whisper(folder / "ggml-toy.bin", shape=TOY), declared={"ram": 5_000})


def absent(folder: Path) -> Model:
    return replace(EAR, engine="absent", file=folder / "ggml-nowhere.bin")


async def hear(inn: Inn, talk: Path, request: Request | None = None) -> tuple[str, str]:
    """Who heard it, and what."""
    request = request or Request("r-1", Kind.TRANSCRIPTION, {})
    request = replace(request, body={"file": str(talk), **request.body})
    async with asyncio.timeout(LIMIT_S), aclosing(inn.runtime.serve(request)) as chunks:
        began, piece, last = [chunk async for chunk in chunks]
    assert isinstance(began, Began)
    assert isinstance(piece, Piece)
    assert isinstance(last, Done)
    return began.model, transcript_of(piece.data).text


def attempts(inn: Inn) -> list[tuple[str, str]]:
    return [(fact.model, fact.code) for fact in inn.facts() if isinstance(fact, facts.AttemptFailed)]


def whisper() -> Whisper:
    return Whisper(threads=1)


@pytest.mark.parametrize("ear", [broken, missing, too_large, absent])
async def test_the_one_elsewhere_hears_when_the_one_here_cannot(
    ear: object, open_inn: OpenInn, scene: Scene, talk: Path, tmp_path: Path
) -> None:
    """C74"""
    assert callable(ear)
    async with open_inn(ELSEWHERE, ear(tmp_path), TALKER, default="talker", also=(scene.hosted, whisper())) as inn:
        assert await hear(inn, talk) == ("cloud", "s0 s1")
        assert [model for model, _ in attempts(inn)] == ["ear"]


@pytest.mark.parametrize(
    ("fault", "code"),
    [(NO_KEY, "provider_refused"), (FULL, "provider_paused"), (FAULTY, "engine_failed")],
    ids=["401", "429", "500"],
)
async def test_when_neither_can_the_error_names_each(
    open_inn: OpenInn, scene: Scene, talk: Path, tmp_path: Path, fault: Fault, code: str
) -> None:
    """C74, C75"""
    scene.server.faults = [fault]
    async with open_inn(ELSEWHERE, broken(tmp_path), TALKER, also=(scene.hosted, whisper())) as inn:
        with pytest.raises(ChainExhausted) as raised:
            await hear(inn, talk)

    (first, _), (second, error) = raised.value.failures
    assert (first, second, error.code) == ("ear", "cloud", code)


async def test_when_the_network_is_unplugged_the_error_says_so(
    open_inn: OpenInn, scene: Scene, talk: Path, tmp_path: Path
) -> None:
    scene.server.die()
    async with open_inn(ELSEWHERE, broken(tmp_path), also=(scene.hosted, whisper())) as inn:
        with pytest.raises(ChainExhausted, match="cannot be reached"):
            await hear(inn, talk)


async def test_when_the_money_is_spent_nothing_is_sent(open_inn: OpenInn, talk: Path, tmp_path: Path) -> None:
    """C75"""
    async with (
        hosted_scene(tmp_path, Ceilings("USD", per_day=0.01)) as scene,
        open_inn(ELSEWHERE, broken(tmp_path), also=(scene.hosted, whisper())) as inn,
    ):
        with pytest.raises(ChainExhausted) as raised:
            await hear(inn, talk)
        assert [error.code for _, error in raised.value.failures][1:] == ["spending_ceiling"]
        assert scene.server.asked == []


async def test_named_it_hears_alone_and_fails_alone(
    open_inn: OpenInn, scene: Scene, talk: Path, tmp_path: Path
) -> None:
    async with open_inn(ELSEWHERE, broken(tmp_path), also=(scene.hosted, whisper())) as inn:
        named = Request("r-2", Kind.TRANSCRIPTION, {}, model="cloud")
        assert (await hear(inn, talk, named))[0] == "cloud"
        scene.server.faults = [NO_KEY]
        with pytest.raises(ProviderRefused):
            await hear(inn, talk, replace(named, id="r-3"))


async def test_where_nothing_may_leave_nobody_elsewhere_hears(
    open_inn: OpenInn, scene: Scene, talk: Path, tmp_path: Path
) -> None:
    barred = replace(ELSEWHERE, must_stay=True, sent_to="acme.example")
    async with open_inn(barred, broken(tmp_path), also=(scene.hosted, whisper())) as inn:
        with pytest.raises(InnkeeperError, match="the file is damaged"):
            await hear(inn, talk)
        with pytest.raises(MustStayHere):
            await hear(inn, talk, Request("r-2", Kind.TRANSCRIPTION, {}, model="cloud"))
        assert scene.server.asked == []


async def test_a_file_that_is_no_sound_is_the_callers_mistake_and_goes_nowhere(
    open_inn: OpenInn, scene: Scene, tmp_path: Path
) -> None:
    page = tmp_path / "talk.mp3"
    page.write_text("<html>")
    async with open_inn(ELSEWHERE, also=(scene.hosted,)) as inn:
        with pytest.raises(InnkeeperError, match="no sound file that is known here"):
            await hear(inn, page)
        assert scene.server.asked == []
