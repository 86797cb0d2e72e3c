"""The bill of one request to a provider: told how the answer goes, it says what that costs; pure."""

from __future__ import annotations

from innkeeper.runtime.messages import Kind, Request, Usage
from innkeeper.runtime.price import Price
from innkeeper.runtime.spending.tokens import likely_prompt_tokens, likely_tokens


class Bill:
    """What one request to a provider costs; its engine tells how the answer goes."""

    def __init__(self, request: Request, price: Price | None) -> None:
        self._request = request
        self._price = price
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
        self._is_charged = self._is_counted or self._heard_s > 0
        self._on_its_way_s = 0.0

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
        if not self._is_charged:
            return Usage(cost=0.0)
        if self._request.kind is Kind.TRANSCRIPTION:
            return self._of_sound()
        if self._is_counted:
            counted, is_estimated = self._counted, False
        else:
            prompt, answer = likely_prompt_tokens(self._request.body), likely_tokens("".join(self._said))
            counted, is_estimated = Usage(prompt, answer), True
        cost = self._reported
        if cost is None and self._price is not None:
            cost = self._price.cost(counted.prompt_tokens, counted.answer_tokens)
        return Usage(
            prompt_tokens=counted.prompt_tokens,
            answer_tokens=counted.answer_tokens,
            cached_tokens=counted.cached_tokens,
            cost=cost,
            is_estimated=is_estimated,
        )

    def _of_sound(self) -> Usage:
        audio_s, is_estimated = self._heard_s + self._on_its_way_s, self._on_its_way_s > 0
        by_price = self._price.of_sound(audio_s) if self._price is not None else None
        cost = by_price if self._reported is None or is_estimated else self._reported
        return Usage(cost=cost, is_estimated=is_estimated, audio_s=audio_s)
