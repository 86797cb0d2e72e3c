"""A server with hosted models before a provider of its own: answers, money, a key nobody sees, prompts that stay."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import openai
import pytest

from tests.doubles.hosted_server import FAULTY, KEY, NO_KEY, Fault, HostedServer
from tests.doubles.served import serving
from tests.speech.sounds import tone, write_wav
from tests.stories.inn import Inn, an_inn

SETTINGS = """
default_model = "primary"
find_models = "never"

[hosted.acme]
url = "{url}"
key_from = "ACME_API_KEY"
input_price = 1
output_price = 2
retries = 0
headers = {{ X-Title = "story" }}

[hosted.far]
url = "http://far.invalid/v1"
key_from = "ACME_API_KEY"

[spending]
per_day = 0.05

[models.primary]
engine = "echo"

[models.cloud]
engine = "hosted"
provider = "acme"
source = "vendor/large"
languages = ["el"]

[models.broken-ear]
engine = "whisper"
file = "ggml-broken.bin"
kinds = ["transcription"]

[models.far-ear]
engine = "hosted"
provider = "acme"
source = "whisper-1"
kinds = ["transcription"]
minute_price = 0.006

[models.away]
engine = "hosted"
provider = "far"
input_price = 0
output_price = 0
"""


@contextmanager
def provider() -> Iterator[HostedServer]:
    """The double on a loop of its own: these tests wait for processes, and it must answer meanwhile."""
    double, has_begun, ends = HostedServer(), threading.Event(), threading.Event()

    async def live() -> None:
        async with serving(double):
            has_begun.set()
            await asyncio.to_thread(ends.wait)

    thread = threading.Thread(target=lambda: asyncio.run(live()), name="provider")
    thread.start()
    try:
        assert has_begun.wait(20)
        yield double
    finally:
        ends.set()
        thread.join()


@pytest.fixture(scope="module")
def acme() -> Iterator[HostedServer]:
    with provider() as double:
        yield double


@pytest.fixture(scope="module")
def inn(acme: HostedServer) -> Iterator[Inn]:
    with an_inn() as inn:
        (inn.folder / ".env").write_text(f"ACME_API_KEY={KEY}\n")
        inn.settings(SETTINGS.format(url=acme.api))
        (inn.models / "ggml-broken.bin").write_bytes(b"lmgg" + b"\0" * 64)
        inn.start()
        yield inn


def chat(
    inn: Inn, text: str, model: str | None = None, *, stream: bool = False, headers: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    """Status, who answered, and everything that came back."""
    body = {"messages": [{"role": "user", "content": text}], "max_tokens": 20, "stream": stream}
    answer = inn.post("/v1/chat/completions", body | ({"model": model} if model else {}), headers)
    said = repr(answer.headers) + answer.body.decode()
    return answer.status, answer.headers.get("x-innkeeper-model", ""), said


class TestAHostedEar:
    def test_hears_when_the_one_here_is_broken_and_costs_what_it_costs(self, inn: Inn, tmp_path: Path) -> None:
        """C74, C75"""
        before = inn.ps()["spending"]["spent"]
        talk = write_wav(tmp_path / "talk.wav", tone(3.0))
        with inn.client() as client, talk.open("rb") as sound:
            answer = client.audio.transcriptions.with_raw_response.create(
                file=sound,
                model=openai.omit,
                response_format="srt",  # type: ignore[call-overload]  # we need no name
            )

        assert answer.headers["x-innkeeper-model"] == "far-ear"
        assert "00:00:02,000 --> 00:00:03,000\ns2" in answer.text
        assert inn.ps()["spending"]["spent"] == pytest.approx(before + 0.0003)
        assert "innkeeper_audio_seconds_total{" in inn.get("/metrics").body.decode()
        assert not list((inn.folder / "home" / "uploads").glob("*"))


class TestAHostedModel:
    def test_answers_by_name_and_by_language_and_costs_what_it_costs(self, inn: Inn) -> None:
        before = inn.ps()["spending"]["spent"]

        assert chat(inn, "one two", "cloud")[:2] == (200, "cloud")
        assert chat(inn, "Πού πάμε απόψε;")[:2] == (200, "cloud")
        assert inn.ps()["spending"]["spent"] > before
        assert "innkeeper_spent_total{" in inn.get("/metrics").body.decode()
        assert "of 0.05 USD spent today on hosted models" in " ".join(inn.command("ps").out.split())

    def test_that_could_pass_the_ceiling_leaves_the_answer_to_a_local_one(self, inn: Inn, acme: HostedServer) -> None:
        """C75"""
        asked = len(acme.asked)
        body = {"messages": [{"role": "user", "content": "Πού πάμε απόψε;"}], "max_tokens": 100_000}
        answer = inn.post("/v1/chat/completions", body)
        named = inn.post("/v1/chat/completions", body | {"model": "cloud"})

        assert (answer.status, answer.headers["x-innkeeper-model"]) == (200, "primary")
        assert (named.status, named.error["code"]) == (402, "spending_ceiling")
        assert len(acme.asked) == asked


class TestTheKey:
    def test_is_sent_to_its_provider_and_stands_nowhere_else(self, inn: Inn, acme: HostedServer) -> None:
        """Everything is made to fail once, and then everything that was written or said is searched."""
        seen = []
        for fault in (Fault(after_pieces=1), FAULTY, Fault(400, {"message": f"Your key {KEY} is odd"}), NO_KEY):
            for stream in (True, False):
                acme.faults = [fault]
                seen.append(chat(inn, "one two three", "cloud", stream=stream)[2])
        acme.faults = []
        seen.append(chat(inn, "one", "away")[2])
        paths = ("/ps", "/metrics", "/story/cloud", "/story/away", "/v1/models")
        seen += [inn.get(path).body.decode() for path in paths]
        commands = (["settings", "--where"], ["ps"], ["ps", "--json"], ["story", "cloud"], ["doctor"])
        seen += [repr(inn.command(*words)) for words in commands]
        inn.signal(signal.SIGHUP)
        inn.until(lambda: "ettings were read again" in inn.output())
        seen.append(inn.output())
        files = [path for path in inn.folder.rglob("*") if path.is_file() and path.name != ".env"]
        seen += [path.read_bytes().decode("latin-1") for path in files]

        assert f"Bearer {KEY}" in acme.keys_seen
        assert len(files) > 3
        assert [text for text in seen if "THE-SECRET" in text or KEY[:20] in text] == []


class TestStaying:
    def test_a_switch_that_is_set_while_it_runs_holds_at_once_and_for_every_way(self, inn: Inn) -> None:
        """C79: a reload. The name of the host leads nowhere, so what is sent there fails in another way."""
        assert chat(inn, "one", "away")[0] in {502, 503}
        text = SETTINGS.format(url="http://192.0.2.1/v1")  # not this machine any more, nor any other
        inn.settings("never_leave_this_machine = true\n" + text)
        inn.signal(signal.SIGHUP)
        inn.until(lambda: "never_leave_this_machine" in inn.output())

        for model in ("away", "cloud"):
            assert chat(inn, "one", model)[0] == 403
            assert inn.post(f"/models/{model}/load").status == 403
            assert inn.post("/leases", {"model": model, "for_s": 5}).status == 403
        inn.post("/models/preload", {"models": ["away", "cloud"]})
        assert chat(inn, "Πού πάμε απόψε;")[:2] == (200, "primary")
        for headers in ({"x-innkeeper-task": "greek"}, {"x-innkeeper-substitute": "allow"}):
            assert chat(inn, "Πού πάμε;", headers=headers)[:2] == (200, "primary")
        assert {model["id"]: model["state"] for model in inn.ps()["models"]}["away"] != "ready"


def test_a_key_in_the_settings_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    with an_inn() as inn:
        inn.settings(f'[hosted.acme]\nkey_from = "{KEY}"\n')
        said = inn.command("up")

    assert said.code == 3
    assert "must be the name of an environment variable" in " ".join(said.err.split())
    assert KEY[:12] not in said.out + said.err
