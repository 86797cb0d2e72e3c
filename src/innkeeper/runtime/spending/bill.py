"""The bill of one request to a provider: told how the answer goes, it says what that costs; pure."""

from __future__ import annotations

from collections.abc import Callable

from innkeeper.runtime.messages import Kind, Request, Usage
from innkeeper.runtime.price import Price
from innkeeper.runtime.spending.tokens import likely_prompt_tokens, likely_tokens


class Bill:
    """What one request to a provider costs; its engine tells how the answer goes."""

    def __init__(self, request: Request, price: Price | None, room_for: Callable[[float], bool]) -> None:
        """`room_for`: whether there is money for the whole answer beside so much that is lost."""
        self._request = request
        self._price = price
        self._room_for = room_for
        self._lost_tries = 0
        self._lost_s = 0.0
        self._is_charged = False
        self._said: list[str] = []
        self._counted = Usage()
        self._is_counted = False
        self._reported: float | None = None
        self._heard_s = 0.0
        self._on_its_way_s = 0.0

    def asked(self) -> None:
        """The request is on its way: from now on it may be charged, whatever becomes of the answer."""
        self._is_charged = True

    def refused(self) -> None:
        """The provider said that it will not answer: that is not charged, what it counted before is."""
        self._is_charged = self._is_counted or self._heard_s + self._lost_s > 0
        self._on_its_way_s = 0.0

    def may_repeat(self) -> bool:
        """Whether there is money for another try beside what the failed ones may have cost. Then they count."""
        if not self._is_charged:
            return True
        if self._request.kind is Kind.TRANSCRIPTION:
            return self._may_send_again()
        if not self._room_for(self.usage.cost or 0.0):
            return False
        if not self._is_counted:
            self._lost_tries += 1
            self._is_charged = False
        return True

    def _may_send_again(self) -> bool:
        lost_s = self._lost_s + self._on_its_way_s
        if not self._room_for((self._price.of_sound(lost_s) if self._price is not None else None) or 0.0):
            return False
        self._lost_s, self._on_its_way_s = lost_s, 0.0
        return True

    def sends_sound(self, seconds: float) -> None:
        """So much sound is on its way, and may be charged; of several parts one at a time."""
        self._is_charged = True
        self._on_its_way_s = seconds

    def heard(self, seconds: float, reported: float | None = None) -> None:
        """The sound that was on its way was heard. With `reported` the provider said the cost itself."""
        self._heard_s += seconds
        self._on_its_way_s = 0.0
        if reported is not None:
            self._reported = (self._reported or 0.0) + reported

    def said(self, text: str) -> None:
        """A part of the answer came, for the case that nobody will count it."""
        self._said.append(text)

    def counted(self, usage: Usage, reported: float | None = None) -> None:
        """The provider counted. With `reported` it said the cost itself; several counts of one answer add up."""
        before = self._counted
        self._is_charged = self._is_counted = True
        self._counted = Usage(
            prompt_tokens=before.prompt_tokens + usage.prompt_tokens,
            answer_tokens=before.answer_tokens + usage.answer_tokens,
            cached_tokens=before.cached_tokens + usage.cached_tokens,
        )
        if reported is not None:
            self._reported = (self._reported or 0.0) + reported

    @property
    def usage(self) -> Usage:
        """Tokens or seconds of sound, and cost: as counted, else as estimated from what was sent and came."""
        if not self._is_charged and not self._lost_tries:
            return Usage(cost=0.0)
        if self._request.kind is Kind.TRANSCRIPTION:
            return self._of_sound()
        likely_prompt = likely_prompt_tokens(self._request.body) if self._lost_tries or not self._is_counted else 0
        lost_tokens = self._lost_tries * likely_prompt
        counted = self._counted
        if self._is_charged and not self._is_counted:
            counted = Usage(likely_prompt, likely_tokens("".join(self._said)))
        prompt_tokens = counted.prompt_tokens + lost_tokens
        cost = self._reported
        if cost is not None and self._price is not None:
            cost += self._price.cost(lost_tokens, 0) or 0.0
        elif self._price is not None:
            cost = self._price.cost(prompt_tokens, counted.answer_tokens)
        return Usage(
            prompt_tokens=prompt_tokens,
            answer_tokens=counted.answer_tokens,
            cached_tokens=counted.cached_tokens,
            cost=cost,
            is_estimated=not self._is_counted or self._lost_tries > 0,
        )

    def _of_sound(self) -> Usage:
        unsure_s = self._on_its_way_s + self._lost_s
        audio_s, is_estimated = self._heard_s + unsure_s, unsure_s > 0
        by_price = self._price.of_sound(audio_s) if self._price is not None else None
        cost = by_price if self._reported is None or is_estimated else self._reported
        return Usage(cost=cost, is_estimated=is_estimated, audio_s=audio_s)
