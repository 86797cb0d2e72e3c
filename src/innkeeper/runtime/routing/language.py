"""Which language a text is in, by its script, its words and its letters.

Greek letters are told by themselves. Among Latin letters the small words of a language decide; Greeklish is known
by how its words sound. A word no list knows counts by its letters, and a name counts for nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from innkeeper.runtime.routing.greeklish import sounds_of
from innkeeper.runtime.routing.letters import Script, script_of, words_of
from innkeeper.runtime.routing.names import Language
from innkeeper.runtime.routing.prose import prose_of
from innkeeper.runtime.routing.vocabulary import Vocabulary

GREEK_BESIDE_LATIN: Final = 0.375
"""Share of Greek words, of those that tell a language, from which a mixed text is Greek: three beside five."""

KNOWN_AT_LEAST: Final = 0.33
"""Share of the words that must speak for a language written in Latin letters."""

BY_LETTERS: Final = 0.5
"""What the letters of an unknown word weigh, against 1 for a known one."""

WORDS_LOOKED_AT: Final = 100
"""Words in Latin letters that vote; more would not change the outcome."""

_WORDS_TO_BE_SURE: Final = 4


@dataclass(frozen=True, slots=True)
class Told:
    """What a text tells of its language."""

    language: Language | None
    """None where nothing tells it: names, numbers, code, a language we do not know."""

    confidence: float
    """From 0 to 1. One word in Latin letters gives little, one in Greek letters all."""

    because: str
    """In words an operator can read."""


_BY_SCRIPT: Final = {
    Script.HEBREW: Language.HE,
    Script.ARABIC: Language.AR,
    Script.DEVANAGARI: Language.HI,
    Script.KANA: Language.JA,
    Script.HAN: Language.ZH,
    Script.HANGUL: Language.KO,
}
"""Scripts of one language, or of one that is by far the most written."""

_ORDER: Final = {language: place for place, language in enumerate(Language)}

_ENGLISH_LETTERS: Final = re.compile(
    r"(?:ing|ness|ful|less|ship|tion|ght|ck|wn|ly|ould|ee[nptkd]|oo[nmktd])s?$|^(?:wh|sh|kn)"
)
_GREEKLISH_LETTERS: Final = re.compile(
    r"(?:ei|ai|oun|oume|ontas|omai|etai|ame|ate|ete|iko|iki|ika|idi|idia|aki|akia|ia|io|istes|aei|ao|aw|izo|izw|eis|ous|ias|sa|thike|thikan|menos|menh?i?)$"
    r"|[a-z][893][a-z]|^[83][a-z]|w$|^(?:ks|ps|mp|nt|gk|pn|fth|xt|xr|kt)"
)
_FOREIGN_LETTERS: Final = re.compile(r"[ßäöüñçãõàèìòùâêîôûëïáéíóúąęłńśźżčřšžěůőűășțğışåøæðþđ]")


def language_of(text: str, vocabulary: Vocabulary) -> Told:
    """The language a person wrote in `text`; code and links are left out."""
    prose = prose_of(unicodedata.normalize("NFC", text).replace("’", "'"))
    letters = Counter(script for letter in prose if (script := script_of(letter)) is not None)
    if not letters:
        return Told(None, 0.0, "it has no words")
    alone = _told_by_script(prose, letters)
    if alone is not None:
        return alone
    words = [word for word in words_of(prose) if not word.isdecimal()]
    greek = [word for word in words if script_of(word[0]) is Script.GREEK]
    latin = _weighed([word for word in words if script_of(word[0]) is not Script.GREEK], vocabulary)
    if any(len(word) > 1 for word in greek):
        known_beside = sum(weight for language, weight in latin.votes.items() if language is not Language.EL)
        share = len(greek) / (len(greek) + known_beside)
        if share >= GREEK_BESIDE_LATIN:
            certain = 0.5 + 0.5 * (share - GREEK_BESIDE_LATIN) / (1 - GREEK_BESIDE_LATIN)
            return Told(Language.EL, certain, "Greek letters" if share == 1 else "Greek among Latin words")
    return latin.told()


def _told_by_script(prose: str, letters: Counter[Script]) -> Told | None:
    """What letters that are neither Greek nor Latin tell, where they are most of the text."""
    total = letters.total()
    if letters[Script.CYRILLIC] * 2 > total:
        is_ukrainian = any(letter in "іїєґ" for letter in prose.casefold())
        return Told(Language.UK if is_ukrainian else Language.RU, 0.8, "Cyrillic letters")
    asian = letters[Script.HAN] + letters[Script.KANA]
    if asian * 2 > total:  # Japanese writes its small words in kana
        language = Language.JA if letters[Script.KANA] * 10 > asian else Language.ZH
        return Told(language, 0.9, f"{'kana' if language is Language.JA else 'Han'} letters")
    for script, language in _BY_SCRIPT.items():
        if letters[script] * 2 > total:
            return Told(language, 0.9, f"{script.value} letters")
    if letters[Script.OTHER] * 2 > total:
        return Told(None, 0.0, "letters of a script we do not know")
    return None


@dataclass(frozen=True, slots=True)
class _Votes:
    """How the words of a text in Latin letters vote."""

    votes: Mapping[Language, float]
    counted: int
    """Words that could vote: all but names."""

    def told(self) -> Told:
        if not self.votes:
            return Told(None, 0.0, "names or unknown words")
        (language, most), *others = sorted(self.votes.items(), key=lambda vote: (-vote[1], _ORDER[vote[0]]))
        share = most / self.counted
        if share < KNOWN_AT_LEAST:
            return Told(None, 0.0, f"only {share:.0%} of the words are {language.english_name}")
        against = others[0][1] if others else 0.0
        certain = (
            most / (most + against) * min(1.0, share + 0.25) * min(1.0, (self.counted + 2) / (_WORDS_TO_BE_SURE + 2))
        )
        how = "Greek in Latin letters" if language is Language.EL else f"words of {language.english_name}"
        return Told(language, certain, how)


def _weighed(words: list[str], vocabulary: Vocabulary) -> _Votes:
    votes: defaultdict[Language, float] = defaultdict(float)
    counted = 0
    all_capitals = all(word.isupper() for word in words)
    for word, times in Counter(words[:WORDS_LOOKED_AT]).items():
        languages = _languages_of(word.lower(), vocabulary)
        if not languages and word[0].isupper() and not all_capitals:
            continue  # a name, most likely
        counted += times
        for language in languages:
            votes[language] += times / len(languages)
        by_letters = None if languages else _by_letters(word.lower())
        if by_letters is not None:
            votes[by_letters] += times * BY_LETTERS
    return _Votes(votes, counted)


def _languages_of(word: str, vocabulary: Vocabulary) -> set[Language]:
    """The languages whose lists know the word, or a part of it at an apostrophe."""
    known = {language for language, words in vocabulary.languages.items() if word in words}
    if Language.EN not in known and any(plain in vocabulary.languages.get(Language.EN, ()) for plain in _plain(word)):
        known.add(Language.EN)
    if not vocabulary.greek_sounds.isdisjoint(sounds_of(word)):
        known.add(Language.EL)
    if not known and "'" in word:
        return set().union(*(_languages_of(part, vocabulary) for part in word.split("'")))
    return known


def _plain(word: str) -> set[str]:
    """What an English word may be without its ending."""
    plain = set()
    for ending, instead in (
        ("'s", ""), ("s", ""), ("es", ""), ("ies", "y"), ("ed", ""), ("d", ""), ("ied", "y"), ("ing", ""), ("ing", "e"),
        ("er", ""), ("r", ""), ("ers", ""), ("est", ""), ("ly", ""), ("ily", "y"), ("n", ""), ("y", ""), ("n't", ""),
    ):  # fmt: skip
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            stem = word[: -len(ending)] + instead
            plain.add(stem)
            if len(stem) > 3 and stem[-1] == stem[-2]:
                plain.add(stem[:-1])  # stopped, running
    return plain


def _by_letters(word: str) -> Language | None:
    if _FOREIGN_LETTERS.search(word) or len(word) < 3:
        return None
    greeklish, english = _GREEKLISH_LETTERS.search(word), _ENGLISH_LETTERS.search(word)
    if greeklish and not english:
        return Language.EL
    return Language.EN if english and not greeklish else None
