"""Letters made comparable: small, without accents, the final sigma like any other."""

from __future__ import annotations

import unicodedata
from typing import Final


class _Marks(dict[int, int | None]):
    """What becomes of each character: accents go, everything else stays. Fills itself as characters are met."""

    def __missing__(self, point: int) -> int | None:
        kept = None if unicodedata.combining(chr(point)) else point
        if len(self) < 4096:  # a text of random characters must not make it large
            self[point] = kept
        return kept


_MARKS: Final = _Marks()


def folded(text: str) -> str:
    """`text` in small letters without accents; ς is σ: "Ἰησοῦς" and "ΙΗΣΟΥΣ" are the same.

    It does not matter whether accents came as letters of their own or with the letter they stand on.
    """
    if text.isascii():
        return text.lower()
    # Marks go before letters are taken apart too: a long run of them would be sorted, in the square of its length.
    apart = unicodedata.normalize("NFKD", text.casefold().translate(_MARKS))
    return apart.translate(_MARKS).casefold().replace("ς", "σ").replace("’", "'")
