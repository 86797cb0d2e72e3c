"""Lets hosted models be asked while there is money for it, and writes down what they cost.

The one way to a provider leads through `bill`: it refuses before anything is sent, sets the most aside that the answer
can cost, and settles what it did cost when the answer is over, however it ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.errors import InnkeeperError, SpendingCeiling, StateUnusable
from innkeeper.runtime.facts import Note, Spent
from innkeeper.runtime.messages import Kind, Request, Usage
from innkeeper.runtime.spending.bill import Bill
from innkeeper.runtime.spending.book import KEEP_DAYS, Row, SpendBook
from innkeeper.runtime.spending.purse import Ceilings, Purse, Short
from innkeeper.runtime.spending.tokens import most_answer_tokens, most_prompt_tokens
from innkeeper.runtime.views import SpendingView


class Spending:
    """The ceilings, today's money, and the book."""

    def __init__(self, ceilings: Ceilings, book: SpendBook, *, clock: Callable[[], float], note: Note) -> None:
        """`clock` gives unix seconds; days begin at midnight UTC."""
        self._purse = Purse(ceilings)
        self._book = book
        self._clock = clock
        self._note = note
        self._tickets = count(-1, -1)  # for what could not be written down; the book's own are above zero
        self.trouble: str | None = None
        """Why the book cannot be kept, in words; None while all is well."""

    @contextmanager
    def bill(
        self, request: Request, model: Model, answer_tokens_at_most: int, *, audio_s: float | None = None
    ) -> Iterator[Bill]:
        """For the length of the block the most that it can cost is set aside; afterwards what it did cost is settled.

        `audio_s` is how long the sound of a transcription is; None where that is not known.

        Raises:
            SpendingCeiling: A ceiling or the caller's own limit leaves no room for it, or its cost has no bound.
        """
        most = self.most(request, model, answer_tokens_at_most, audio_s=audio_s)
        if request.max_cost is not None and (most is None or most > request.max_cost):
            raise self._above_the_callers_ceiling(request.max_cost, model, most)
        ticket = self._set_aside(request, model, most)

        def room_for(spent: float) -> bool:
            if most is None:
                return True
            is_in_bounds = request.max_cost is None or spent + most <= request.max_cost
            return is_in_bounds and self._purse.raise_aside(ticket, spent + most)

        bill = Bill(request, model.price, room_for)
        try:
            yield bill
        except InnkeeperError as error:
            error.numbers["cost"] = bill.usage.cost or 0.0  # so that the next candidate is left with less
            raise
        finally:
            self._settle(ticket, request, model, bill.usage)

    def most(
        self, request: Request, model: Model, answer_tokens_at_most: int, *, audio_s: float | None = None
    ) -> float | None:
        """The most that `model` can cost for `request`; None where it has no price, or nobody knows how long it is."""
        if model.price is None:
            return None
        if request.kind is Kind.TRANSCRIPTION:
            return model.price.of_sound(audio_s)
        answer = 0 if request.kind is Kind.EMBEDDING else most_answer_tokens(request.body, answer_tokens_at_most)
        return model.price.cost(most_prompt_tokens(request.body), answer)

    def refusal(self, model: Model) -> SpendingCeiling | None:
        """Why not even a token or a second of `model` can be paid today; None where some can, or where it is free."""
        with suppress(StateUnusable):  # then it is found out when it is asked
            self._turn_the_page()
        least = model.price.least if model.price is not None else 0.0
        short = self._purse.short("", least)
        return self._refusal(model, short, least) if short is not None else None

    def view(self) -> SpendingView:
        """Today's money."""
        with suppress(StateUnusable):  # then what was known last is shown
            self._turn_the_page()
        purse = self._purse
        return SpendingView(
            currency=purse.ceilings.currency,
            day=purse.day or "",
            spent=purse.spent(),
            set_aside=purse.set_aside(),
            per_day=purse.ceilings.per_day,
            per_user_per_day=purse.ceilings.per_client_per_day,
            resets_in_s=self._resets_in_s(),
        )

    def close(self) -> None:
        """Close the book."""
        self._book.close()

    def _set_aside(self, request: Request, model: Model, most: float | None) -> int:
        try:
            self._turn_the_page()
            self._refuse_if_short(request, model, most)
            row = Row(self._clock(), self._purse.day or "", request.client, model.id, request.id, most or 0.0)
            ticket = self._book.open_row(row)
            self.trouble = None
        except StateUnusable as error:
            self.trouble = error.message
            if self._purse.ceilings.are_set:
                raise SpendingCeiling(
                    f"{model.id} is not asked: there is a ceiling, and what is spent cannot be written down: "
                    f"{error.message}. Make the file writable, or take the ceilings out."
                ) from error
            if self._purse.day is None:
                self._purse.begin(self._now().date().isoformat(), {})
            ticket = next(self._tickets)
        self._purse.put_aside(ticket, request.client, most or 0.0)
        return ticket

    def _refuse_if_short(self, request: Request, model: Model, most: float | None) -> None:
        if not self._purse.ceilings.are_set:
            return
        if most is None:
            raise SpendingCeiling(_without_bound(request, model))
        short = self._purse.short(request.client, most)
        if short is not None:
            raise self._refusal(model, short, most)

    def _settle(self, ticket: int, request: Request, model: Model, usage: Usage) -> None:
        cost = usage.cost or 0.0
        self._purse.settle(ticket, cost)
        if ticket > 0:
            try:
                self._book.settle(
                    ticket, cost, usage.prompt_tokens, usage.answer_tokens, is_estimated=usage.is_estimated
                )
            except StateUnusable as error:  # its row stands with the most: too much rather than too little
                self.trouble = error.message
        if usage.prompt_tokens or usage.answer_tokens or usage.audio_s or cost:
            currency = self._purse.ceilings.currency
            self._note(Spent(request.id, model.id, request.client, usage.cost, currency, usage.is_estimated))

    def _turn_the_page(self) -> None:
        """Begin a new day where it is one, with what the book says was spent on it.

        Raises:
            StateUnusable: It cannot be read; the day before goes on.
        """
        day = self._now().date()
        if day.isoformat() != self._purse.day:
            spent = self._book.of_day(day.isoformat())
            self._book.forget((day - timedelta(days=KEEP_DAYS)).isoformat())
            self._purse.begin(day.isoformat(), spent)

    def _above_the_callers_ceiling(self, left: float, model: Model, most: float | None) -> SpendingCeiling:
        costs = "has no price" if most is None else f"may cost {_told(most)} {self._purse.ceilings.currency}"
        return SpendingCeiling(
            f"{model.id} is not asked: it {costs}, and this request may cost {_told(left)} more at most. Raise its "
            "max_cost, lower its max_tokens, or name a model that runs here.",
            param="max_cost",
            most=most,
            ceiling=left,
        )

    def _refusal(self, model: Model, short: Short, most: float) -> SpendingCeiling:
        currency, resets_in_s = self._purse.ceilings.currency, self._resets_in_s()
        aside = f" and {_told(short.set_aside)} set aside for answers under way" if short.set_aside else ""
        return SpendingCeiling(
            f"{model.id} is not asked: it may cost {_told(most)} {currency}, and of the {_told(short.ceiling)} a day "
            f"for {short.whose} {_told(short.spent)} are spent{aside}. The day ends at midnight UTC, in "
            f"{resets_in_s / 3600:.1f} hours; models that run here still answer.",
            retry_after_s=resets_in_s,
            most=most,
            ceiling=short.ceiling,
            spent=short.spent,
            set_aside=short.set_aside,
        )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def _resets_in_s(self) -> float:
        now = self._now()
        tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return (tomorrow - now).total_seconds()


def _without_bound(request: Request, model: Model) -> str:
    """Why nobody can say what it costs at most, and what to do about it."""
    if request.kind is not Kind.TRANSCRIPTION:
        prices = "`input_price` and `output_price`"
    elif model.price is None or model.price.minute is None:
        prices = "`minute_price`"
    else:
        return (
            f"{model.id} is paid by the minute, and nothing on this server can tell how long the sound is, so that no "
            "ceiling can hold for it. Install the package `av`, or ffmpeg, or send WAV, MP3, FLAC or Ogg."
        )
    return f"{model.id} has no price, so that no ceiling can hold for it. Set its {prices}; where it is free, 0."


def _told(amount: float) -> str:
    """Cents where that says enough, else two digits that do: "1.50", "0.0031"."""
    return f"{amount:.2f}" if amount >= 0.1 or amount == 0 else f"{amount:.2g}"
