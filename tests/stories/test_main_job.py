"""Several real models, together larger than the budget, answer interleaved requests. This is what it is all for."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import product

import pytest

from tests.stories.conftest import Shelf
from tests.stories.inn import Inn, an_inn

MODELS = ("middle", "large", "huge")
BUDGET_MIB = 225
NOT_SHORTER = {"ignore_eos": True}


@pytest.fixture(scope="module")
def inn(shelf: Shelf) -> Iterator[Inn]:
    entries = "".join(
        f'[models.{name}]\nfile = "{getattr(shelf, name)}"\ncontext = 512\nslots = 2\n' for name in MODELS
    )
    with an_inn() as inn:
        inn.settings(f'budget = "{BUDGET_MIB} MiB"\n{entries}')
        inn.start()
        yield inn


class Watch:
    """Looks again and again at what the inn says it holds and at what the kernel says."""

    def __init__(self, inn: Inn) -> None:
        self._inn = inn
        self._is_over = threading.Event()
        self.promised: list[int] = []
        self.measured: list[int] = []

    @contextmanager
    def looking(self) -> Iterator[Watch]:
        with ThreadPoolExecutor(1) as threads:
            done = threads.submit(self._look)
            try:
                yield self
            finally:
                self._is_over.set()
                done.result()

    def _look(self) -> None:
        while not self._is_over.wait(0.05):
            (pool,) = self._inn.ps()["pools"]
            self.promised.append(pool["held_bytes"] + pool["overhead_bytes"])
            self.measured.append(self._inn.held_bytes())


class TestThreeModelsInABudgetForTwo:
    def test_together_they_need_more_than_there_is(self, inn: Inn) -> None:
        view = inn.ps()
        needs = [model["needs"]["ram"] for model in view["models"]]
        (pool,) = view["pools"]
        room = pool["budget_bytes"] - pool["overhead_bytes"]
        assert sum(needs) > room
        assert max(needs) < room

    def test_interleaved_requests_of_several_clients_are_all_answered_within_the_budget(self, inn: Inn) -> None:
        """C62: one model more than fits, streamed and not, and never a byte over the budget."""

        def ask(client_number: int) -> list[int]:
            lengths = []
            with inn.client() as client:
                for model in (MODELS[(client_number + turn) % 3] for turn in range(6)):
                    if client_number % 2:
                        whole = client.completions.create(
                            model=model, prompt="It was", max_tokens=12, extra_body=NOT_SHORTER
                        )
                        lengths.append(whole.usage.completion_tokens if whole.usage is not None else 0)
                    else:
                        *_, last = client.completions.create(
                            model=model,
                            prompt="It was",
                            max_tokens=12,
                            extra_body=NOT_SHORTER,
                            stream=True,
                            stream_options={"include_usage": True},
                        )
                        lengths.append(last.usage.completion_tokens if last.usage is not None else 0)
            return lengths

        watch = Watch(inn)
        with watch.looking(), ThreadPoolExecutor(4) as clients:
            lengths = list(clients.map(ask, range(4)))

        assert len(watch.measured) > 3
        assert max(watch.promised) <= BUDGET_MIB * 1024**2
        assert max(watch.measured) <= BUDGET_MIB * 1024**2
        assert lengths == [[12] * 6] * 4
        kinds = [kind for model in MODELS for kind in inn.story(model)]
        assert kinds.count("Evicted") >= 2
        assert kinds.count("ModelLoaded") >= 5
        assert fact_count(inn, "Asked") == fact_count(inn, "Finished") == 24

    def test_chat_answers_too_streamed_and_whole(self, inn: Inn) -> None:
        for model, stream in product(MODELS[:2], (True, False)):
            body = {"model": model, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}
            answer = inn.post("/v1/chat/completions", {**body, "stream": stream})
            assert answer.status == 200
            assert answer.headers["x-innkeeper-model"] == model
            assert answer.body.endswith(b"data: [DONE]\n\n") is stream


def fact_count(inn: Inn, kind: str) -> int:
    """How often the journal was told such a fact, by the metrics page."""
    page = inn.get("/metrics").body.decode()
    found = re.search(rf'^innkeeper_facts_total{{fact="{kind}"}} (\S+)$', page, re.MULTILINE)
    return int(float(found[1])) if found else 0
