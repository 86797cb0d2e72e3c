"""The life of a model: the table, and the promises that can be read off it."""

from __future__ import annotations

from pathlib import Path

import pytest

from innkeeper.runtime.residency.diagram import mermaid
from innkeeper.runtime.residency.states import TRANSITIONS, Cause, State

PAGE = Path(__file__).parents[2] / "docs" / "residency.md"


class TestTheTable:
    def test_bytes_come_back_only_when_the_engine_is_known_to_be_gone(self) -> None:
        ways_to_cold = {cause for ways in TRANSITIONS.values() for cause, after in ways.items() if after is State.COLD}
        assert ways_to_cold == {Cause.GONE}

    def test_a_model_that_serves_is_drained_and_never_shot(self) -> None:
        """C05."""
        assert set(TRANSITIONS[State.READY].values()) == {State.DRAINING, State.COLD}
        assert TRANSITIONS[State.READY][Cause.GONE] is State.COLD

    def test_what_dies_while_it_loads_has_failed_first(self) -> None:
        assert Cause.GONE not in TRANSITIONS[State.LOADING]

    def test_what_was_told_to_go_does_not_come_back_to_life(self) -> None:
        """C07."""
        assert TRANSITIONS[State.UNLOADING] == {Cause.GONE: State.COLD}

    @pytest.mark.parametrize("state", State)
    def test_every_state_can_be_reached_and_left(self, state: State) -> None:
        assert TRANSITIONS[state]
        assert any(state in ways.values() for other, ways in TRANSITIONS.items() if other is not state)

    def test_every_cause_is_used(self) -> None:
        assert {cause for ways in TRANSITIONS.values() for cause in ways} == set(Cause)


class TestTheDiagram:
    def test_the_page_shows_the_table_as_it_is(self) -> None:
        """Mend with `python -m innkeeper.runtime.residency.diagram`, and paste."""
        assert f"```mermaid\n{mermaid()}\n```" in PAGE.read_text(encoding="utf-8")
