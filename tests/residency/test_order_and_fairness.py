"""Who is served before whom: overtaking, priorities, turns, patience, and limits of the queue."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from innkeeper.runtime.errors import QueueFull, WaitedTooLong
from innkeeper.runtime.residency.callers import Rules
from innkeeper.runtime.residency.queue import Queue, Waiter
from innkeeper.runtime.residency.states import State
from tests.residency.inn import Inn, model


def waiter(
    ticket: int, *, client: str = "", name: str = "m", priority: int = 0, since_s: float = 0, patience_s: float = 30
) -> Waiter:
    return Waiter(ticket, name, client, priority, since_s, patience_s, refuse_at_s=600, expires_s=None)


def order(*waiters: Waiter, now_s: float = 1) -> list[int]:
    queue = Queue()
    for one in waiters:
        queue.add(one)
    return [one.ticket for one in queue.in_order(now_s)]


class TestTheOrder:
    def test_it_is_overdue_then_priority_then_clients_in_turn_then_arrival(self) -> None:
        """C19: the sentence at the head of `queue.py`."""
        assert order(
            waiter(1, client="flood"),
            waiter(2, client="flood"),
            waiter(3, client="flood"),
            waiter(4, client="quiet"),
            waiter(5, client="urgent", priority=5),
            waiter(6, client="late", patience_s=1),
            waiter(7, client="later", patience_s=0.5),
        ) == [7, 6, 5, 1, 4, 2, 3]

    def test_one_client_is_served_in_the_order_in_which_it_asked(self) -> None:
        """C19."""
        assert order(*(waiter(ticket) for ticket in range(1, 9))) == list(range(1, 9))

    @given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2), st.floats(0, 60)), max_size=12))
    def test_priority_never_stands_behind_and_arrival_never_goes_back_within_a_line(
        self, asked: list[tuple[str, int, float]]
    ) -> None:
        """C19: first in, first out within client, model and priority, for those of equal patience."""
        asked.sort(key=lambda one: one[2])
        waiters = [
            waiter(ticket, client=client, priority=priority, since_s=since_s)
            for ticket, (client, priority, since_s) in enumerate(asked, start=1)
        ]
        by_ticket = {one.ticket: one for one in waiters}
        tickets = order(*waiters, now_s=60)
        assert sorted(tickets) == sorted(by_ticket)
        for line in {one.line for one in waiters}:
            mine = [ticket for ticket in tickets if by_ticket[ticket].line == line]
            assert mine == sorted(mine)
        patient = [by_ticket[ticket].priority for ticket in tickets if by_ticket[ticket].since_s > 30]
        assert patient == sorted(patient, reverse=True)

    def test_whoever_was_served_a_moment_ago_has_had_its_turn(self) -> None:
        queue = Queue()
        for ticket in (1, 2, 3):
            queue.add(waiter(ticket, client="flood"))
        queue.add(waiter(4, client="quiet"))
        queue.serve(1, now_s=1)
        assert [one.ticket for one in queue.in_order(1)] == [4, 2, 3]

    def test_a_client_is_not_overdue_while_it_is_being_served(self) -> None:
        """Else one who sends a hundred requests would be ahead of everybody once half a minute has gone by."""
        queue = Queue()
        for ticket in (1, 2, 3):
            queue.add(waiter(ticket, client="flood"))
        queue.serve(1, now_s=29)
        queue.add(waiter(4, client="quiet", since_s=29))
        assert [one.ticket for one in queue.in_order(31)] == [2, 4, 3]
        assert [one.ticket for one in queue.in_order(59)] == [2, 3, 4]

    def test_all_is_forgotten_when_nobody_waits(self) -> None:
        queue = Queue()
        queue.add(waiter(1, client="a"))
        queue.add(waiter(2, client="a"))
        queue.serve(1, now_s=1)
        queue.serve(2, now_s=2)
        for ticket, client in ((3, "a"), (4, "a"), (5, "b"), (6, "b")):
            queue.add(waiter(ticket, client=client))
        assert [one.ticket for one in queue.in_order(3)] == [3, 5, 4, 6]

    def test_who_was_served_and_asks_again_does_not_begin_anew(self) -> None:
        queue = Queue()
        for ticket in (1, 2, 3):
            queue.add(waiter(ticket, client="many"))
        queue.add(waiter(4, client="one by one"))
        queue.serve(4, now_s=1)
        queue.add(waiter(5, client="one by one"))
        assert [one.ticket for one in queue.in_order(1)] == [1, 2, 5, 3]


class TestOvertaking:
    def test_a_small_model_that_fits_is_not_blocked_behind_a_large_one(self) -> None:
        """C18."""
        inn = Inn({"busy": 6, "large": 8, "small": 2})
        inn.busy("busy")
        assert [inn.ask("large"), inn.ask("small")] == ["", "load small"]

    def test_the_large_one_has_its_room_once_its_patience_is_over(self) -> None:
        """C18: small ones do not nibble at it any more, and busy ones in its way drain."""
        inn = Inn({"busy": 6, "large": 8, "small": 3})
        inn.busy("busy")
        inn.ask("large")
        inn.wait(30)
        assert inn.state("busy") is State.DRAINING
        assert inn.ask("small") == ""
        assert inn.give_back(1) == "unload busy"
        assert inn.gone("busy") == "load large"

    def test_its_room_is_kept_for_it_also_while_what_is_in_its_way_still_loads(self) -> None:
        """C18: nobody can be sent away for it yet, and still nobody overtakes it."""
        inn = Inn({"loading": 6, "large": 8, "small": 3})
        inn.ask("loading")
        inn.ask("large", patience_s=0)
        assert inn.ask("small") == ""

    def test_steady_traffic_does_not_starve_the_one_who_waits(self) -> None:
        """C20: a busy model is never idle, and still leaves within the patience of the other."""
        inn = Inn({"popular": model(6, slots=2), "rare": 6})
        inn.busy("popular")
        inn.ask("rare")
        previous = 1
        for _ in range(20):
            inn.wait(2)
            inn.ask("popular")
            inn.give_back(previous)
            previous = inn.served[-1]
            if inn.state("popular") is not State.READY:
                break
        assert inn.state("popular") is State.UNLOADING
        assert inn.now_s == 30
        assert inn.gone("popular") == "load rare"

    def test_those_who_come_back_for_the_popular_one_wait_behind(self) -> None:
        """C20."""
        inn = Inn({"popular": 6, "rare": 6})
        inn.busy("popular")
        inn.ask("rare", patience_s=0)
        inn.ask("popular", priority=9)
        inn.give_back(1)
        assert inn.gone("popular") == "load rare"
        assert inn.ready("rare") == "serve 2"

    def test_two_that_cannot_be_together_take_turns_and_each_is_served_each_time(self) -> None:
        """C06, C20: impatient callers on both sides never evict an unserved load."""
        inn = Inn({"a": 6, "b": 6})
        for _ in range(4):
            inn.ask("a", patience_s=0)
            inn.ask("b", patience_s=0)
        for ticket in range(1, 9):
            name = "a" if ticket % 2 else "b"
            assert inn.ready(name) == f"serve {ticket}"
            inn.give_back(ticket)
            inn.gone(name)
        assert inn.served == list(range(1, 9))


class TestLimits:
    def test_a_caller_beyond_the_models_limit_is_told_when_to_come_again(self) -> None:
        """C28: those who wait for its load count."""
        inn = Inn({"narrator": model(6, waiting_limit=2, load_s=7)})
        assert [inn.ask("narrator") for _ in range(3)] == ["load narrator", "", "refuse 3"]
        error = inn.refusal(3)
        assert isinstance(error, QueueFull)
        assert (error.status, error.retry_after_s, error.numbers["limit"]) == (429, 7, 2)

    def test_a_caller_who_leaves_makes_place(self) -> None:
        """C28."""
        inn = Inn({"narrator": model(6, waiting_limit=1)})
        inn.ask("narrator")
        inn.give_back(1)
        assert inn.ask("narrator") == ""

    def test_a_flood_is_answered_in_full_with_some_told_to_come_again(self) -> None:
        """C29: 26 callers, a queue of 16, and everybody has exactly one answer."""
        inn = Inn({"narrator": 6}, rules=Rules(queue_limit=16))
        for _ in range(26):
            inn.ask("narrator")
        refused = [ticket for ticket in range(1, 27) if ticket not in {one.ticket for one in inn.machine.books.queue}]
        assert refused == list(range(17, 27))
        assert all(isinstance(inn.refusal(ticket), QueueFull) for ticket in refused)
        inn.ready("narrator")
        for ticket in range(1, 17):
            inn.give_back(ticket)
        assert inn.served == list(range(1, 17))

    def test_a_full_queue_does_not_turn_away_whom_a_ready_model_can_serve(self) -> None:
        inn = Inn({"narrator": 6, "large": 6}, rules=Rules(queue_limit=1))
        inn.resident("narrator")
        inn.machine.books.residents["narrator"].held_until_s = 100.0
        inn.ask("large")
        assert inn.ask("narrator") == "serve 3"

    def test_nobody_waits_longer_than_it_is_willing_to(self) -> None:
        inn = Inn({"busy": 6, "large": 8})
        inn.busy("busy")
        inn.ask("large", wait_at_most_s=45)
        assert inn.wait(44) == ""
        assert inn.wait(1) == "refuse 2"
        assert isinstance(inn.refusal(2), WaitedTooLong)
        assert inn.state("busy") is State.READY

    def test_one_who_will_not_wait_at_all_is_served_by_a_ready_model_only(self) -> None:
        inn = Inn({"narrator": 6, "scribe": 2})
        inn.resident("narrator")
        assert inn.ask("narrator", wait_at_most_s=0) == "serve 2"
        assert inn.ask("scribe", wait_at_most_s=0) == "refuse 3"
        assert inn.loads == ["narrator"]


class TestThePosition:
    def test_it_counts_those_ahead_and_is_zero_from_the_load_on(self) -> None:
        """C27."""
        inn = Inn({"busy": 6, "a": 6, "b": 6})
        inn.busy("busy")
        inn.ask("a")
        inn.ask("b")
        assert [inn.machine.position(ticket) for ticket in (1, 2, 3)] == [0, 1, 2]
        inn.give_back(1)
        inn.gone("busy")
        assert [inn.machine.position(ticket) for ticket in (2, 3)] == [0, 2]
        inn.ready("a")
        assert [inn.machine.position(ticket) for ticket in (2, 3)] == [0, 1]

    def test_there_is_none_for_who_neither_waits_nor_is_served(self) -> None:
        """C27."""
        inn = Inn({"a": 6})
        inn.resident("a")
        assert inn.machine.position(1) is None
        assert inn.machine.position(99) is None
