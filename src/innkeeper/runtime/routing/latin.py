"""Which language words in Latin letters are in: every word has a vote.

The small words of a language decide, and Greeklish is known by how its words sound. A word that no list knows votes
by its letters, with less weight. A name votes for nothing.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from innkeeper.runtime.routing.greeklish import sounds_of
from innkeeper.runtime.routing.names import Language
from innkeeper.runtime.routing.told import Told, nothing_told
from innkeeper.runtime.routing.vocabulary import Vocabulary

KNOWN_AT_LEAST: Final = 0.33
"""Share of the words that must speak for a language written in Latin letters."""

BY_LETTERS: Final = 0.5
"""What the letters of an unknown word weigh, against 1 for a known one."""

WORDS_LOOKED_AT: Final = 100
"""Words in Latin letters that vote; more would not change the outcome."""

WORDS_TO_BE_SURE: Final = 4
"""Words from which the confidence is full; one alone gives half of it."""

_ORDER: Final = {language: place for place, language in enumerate(Language)}

_ENGLISH_LETTERS: Final = re.compile(
    r"(?:ing|ness|ful|less|ship|tion|ght|ck|wn|ly|ould|ee[nptkd]|oo[nmktd])s?$|^(?:wh|sh|kn)"
)
_GREEKLISH_LETTERS: Final = re.compile(
    r"(?:ei|ai|eis|ous|oun|oume|ame|ate|ete|ontas|omai|etai|thike|thikan|izo|izw|aei|ao|aw|sa)$"  # verbs
    r"|(?:iko|iki|ika|idi|idia|aki|akia|ia|ias|io|istes|menos|menh?i?)$"  # nouns
    r"|[a-z][893][a-z]|^[83][a-z]|w$|^(?:ks|ps|mp|nt|gk|pn|fth|xt|xr|kt)"
)
_FOREIGN_LETTERS: Final = re.compile(r"[ßäöüñçãõàèìòùâêîôûëïáéíóúąęłńśźżčřšžěůőűășțğışåøæðþđ]")


@dataclass(frozen=True, slots=True)
class Votes:
    """How the words of a text in Latin letters vote."""

    votes: Mapping[Language, float]
    counted: int
    """Words that could vote: all but names."""

    def told(self) -> Told:
        """What the vote comes to."""
        if not self.votes:
            return nothing_told("names or unknown words")
        (language, most), *others = sorted(self.votes.items(), key=lambda vote: (-vote[1], _ORDER[vote[0]]))
        share = most / self.counted
        if share < KNOWN_AT_LEAST:
            return nothing_told(f"only {share:.0%} of the words are {language.english_name}")
        against = others[0][1] if others else 0.0
        certain = (
            most / (most + against) * min(1.0, share + 0.25) * min(1.0, (self.counted + 2) / (WORDS_TO_BE_SURE + 2))
        )
        return Told(language, certain, "by its sound" if language is Language.EL else "by its words")


def votes_of(words: list[str], vocabulary: Vocabulary) -> Votes:
    """How `words`, as they were written, vote. Of very many the first ones count."""
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
    return Votes(votes, counted)


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
