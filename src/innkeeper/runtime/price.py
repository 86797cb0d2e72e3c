"""What a hosted model costs: for what it reads and writes, or for the sound it hears."""

from __future__ import annotations

from dataclasses import dataclass

_TOKENS_OF_A_PRICE = 1_000_000
_SECONDS_OF_A_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Price:
    """In the currency that `spending.currency` names. Free is a price of 0; None is a price that nobody said."""

    input_per_million: float | None = None
    """Money for a million tokens; the two are known together or not at all."""

    output_per_million: float | None = None

    minute: float | None = None
    """Money for a minute of sound."""

    def cost(self, prompt_tokens: int, answer_tokens: int) -> float | None:
        """Money for so many tokens read and written."""
        if self.input_per_million is None or self.output_per_million is None:
            return None
        whole = prompt_tokens * self.input_per_million + answer_tokens * self.output_per_million
        return whole / _TOKENS_OF_A_PRICE

    def of_sound(self, audio_s: float | None) -> float | None:
        """Money for so many seconds; None of seconds that nobody knows, unless they are free."""
        if self.minute == 0.0:
            return 0.0
        return None if self.minute is None or audio_s is None else audio_s / _SECONDS_OF_A_MINUTE * self.minute

    @property
    def least(self) -> float:
        """Money for the least that can be asked: a token each way, or a second; 0 where no price is known."""
        return min((cost for cost in (self.cost(1, 1), self.of_sound(1.0)) if cost is not None), default=0.0)
