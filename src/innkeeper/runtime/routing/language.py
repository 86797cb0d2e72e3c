"""Which language a text is in, by its script, and among Latin letters by its words."""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import Final

from innkeeper.runtime.routing.latin import votes_of
from innkeeper.runtime.routing.letters import Script, script_of, words_of
from innkeeper.runtime.routing.names import Language
from innkeeper.runtime.routing.prose import prose_of
from innkeeper.runtime.routing.told import Told, nothing_told
from innkeeper.runtime.routing.vocabulary import Vocabulary

GREEK_BESIDE_LATIN: Final = 0.375
"""Share of Greek words, of those that tell a language, from which a mixed text is Greek: three beside five."""

_BY_SCRIPT: Final = {
    Script.HEBREW: Language.HE,
    Script.ARABIC: Language.AR,
    Script.DEVANAGARI: Language.HI,
    Script.KANA: Language.JA,
    Script.HAN: Language.ZH,
    Script.HANGUL: Language.KO,
}
"""Scripts of one language, or of one that is by far the most written."""


def language_of(text: str, vocabulary: Vocabulary) -> Told:
    """The language a person wrote in `text`; code and links are left out."""
    prose = prose_of(unicodedata.normalize("NFC", text).replace("’", "'"))
    letters = Counter(script for letter in prose if (script := script_of(letter)) is not None)
    if not letters:
        return nothing_told("it has no words")
    alone = _told_by_script(prose, letters)
    if alone is not None:
        return alone
    words = [word for word in words_of(prose) if sum(map(str.isalpha, word)) * 2 > len(word)]  # 2d6 is none
    greek = [word for word in words if script_of(word[0]) is Script.GREEK]
    latin = votes_of([word for word in words if script_of(word[0]) is not Script.GREEK], vocabulary)
    if any(len(word) > 1 for word in greek):
        known_beside = sum(weight for language, weight in latin.votes.items() if language is not Language.EL)
        share = len(greek) / (len(greek) + known_beside)
        if share >= GREEK_BESIDE_LATIN:
            certain = 0.5 + 0.5 * (share - GREEK_BESIDE_LATIN) / (1 - GREEK_BESIDE_LATIN)
            return Told(Language.EL, certain, "by its letters" if share == 1 else "among Latin words")
    return latin.told()


def _told_by_script(prose: str, letters: Counter[Script]) -> Told | None:
    """What letters that are neither Greek nor Latin tell, where they are most of the text."""
    total = letters.total()
    if letters[Script.CYRILLIC] * 2 > total:
        is_ukrainian = any(letter in "іїєґ" for letter in prose.casefold())
        return Told(Language.UK if is_ukrainian else Language.RU, 0.8, "by its letters")
    asian = letters[Script.HAN] + letters[Script.KANA]
    if asian * 2 > total:  # Japanese writes its small words in kana
        language = Language.JA if letters[Script.KANA] * 10 > asian else Language.ZH
        return Told(language, 0.9, "by its letters")
    for script, language in _BY_SCRIPT.items():
        if letters[script] * 2 > total:
            return Told(language, 0.9, "by its letters")
    if letters[Script.OTHER] * 2 > total:
        return nothing_told("its script is not known here")
    return None
