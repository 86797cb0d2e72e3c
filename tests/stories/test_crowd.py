"""More guests than there is room for, even in the queue."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.stories.inn import Inn

GUESTS, QUEUE = 26, 16


class TestACrowd:
    def test_is_served_or_told_to_come_back_and_nobody_is_lost(self, fresh_inn: Inn) -> None:
        """C29: 26 at once before a queue of 16 places and one that is served."""
        fresh_inn.settings(
            f"""
            queue.limit = {QUEUE}
            models.slow = {{engine = "echo", slots = 1, options = {{load_s = 1.0, prompt_s = 0.05}}}}
            """
        )
        fresh_inn.start()
        with ThreadPoolExecutor(GUESTS) as guests:
            answers = list(guests.map(lambda _: fresh_inn.say("slow"), range(GUESTS)))
        served = [answer for answer in answers if answer.status == 200]
        refused = [answer for answer in answers if answer.status == 429]
        assert len(served) + len(refused) == GUESTS
        assert QUEUE <= len(served) <= QUEUE + 1
        assert {answer.error["code"] for answer in refused} == {"queue_full"}
        assert all(float(answer.headers["retry-after"]) > 0 for answer in refused)
        assert (fresh_inn.ps()["waiting"], fresh_inn.ps()["serving"]) == (0, 0)
