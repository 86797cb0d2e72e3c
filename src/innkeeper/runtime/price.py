"""What a hosted model costs: a price for what it reads and one for what it writes."""

from __future__ import annotations

from dataclasses import dataclass

_TOKENS_OF_A_PRICE = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """Money for a million tokens, in the currency that `spending.currency` names. Free is a price of 0."""

    input_per_million: float
    output_per_million: float

    def cost(self, prompt_tokens: int, answer_tokens: int) -> float:
        """Money for so many tokens read and written."""
        whole = prompt_tokens * self.input_per_million + answer_tokens * self.output_per_million
        return whole / _TOKENS_OF_A_PRICE
