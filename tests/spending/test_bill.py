"""The bill of one answer whose tries are lost."""

from __future__ import annotations

import pytest

from innkeeper.runtime.messages import Kind, Request
from innkeeper.runtime.price import Price
from innkeeper.runtime.spending.bill import Bill

SOUND = Request("r-1", Kind.TRANSCRIPTION, {"file": "talk.wav"})
BY_THE_MINUTE = Price(0.0, 0.0, minute=0.6)


def test_sound_that_was_lost_and_sent_again_is_paid_twice() -> None:
    asked_for: list[float] = []

    def room_for(lost: float) -> bool:
        asked_for.append(lost)
        return True

    bill = Bill(SOUND, BY_THE_MINUTE, room_for)
    bill.sends_sound(60.0)
    assert bill.may_repeat()
    bill.sends_sound(60.0)
    bill.heard(60.0)

    assert asked_for == [pytest.approx(0.6)]
    assert bill.usage.cost == pytest.approx(1.2)
    assert bill.usage.is_estimated


def test_sound_is_not_sent_again_where_there_is_no_money_for_both() -> None:
    bill = Bill(SOUND, BY_THE_MINUTE, lambda _: False)
    bill.sends_sound(60.0)

    assert not bill.may_repeat()
    assert bill.usage.cost == pytest.approx(0.6)
