"""The words the router knows, ready to be looked up; made once of the lists in the folder words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from innkeeper.runtime.routing.greeklish import sound_of
from innkeeper.runtime.routing.letters import lowered, words_of
from innkeeper.runtime.routing.names import Language, Task
from innkeeper.text.folding import folded

WordList: TypeAlias = Mapping[str, Any]  # a parsed file of the folder words; checked by `vocabulary_of`

STRONG: Final = 2
"""Points of words that mostly mean one task."""

WEAK: Final = 1
"""Points of words that alone prove nothing."""

LONGEST_ENDING: Final = 5
"""Letters that may follow a stem."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words in a row that speak for a task. A word with an asterisk is a stem."""

    words: tuple[str, ...]
    task: Task
    points: int

    def stands_at(self, place: int, text: list[str]) -> bool:
        """Whether `text`, words that are folded, has the phrase at that place."""
        heard = text[place : place + len(self.words)]
        return len(heard) == len(self.words) and all(map(_is_meant, self.words, heard))


def _is_meant(known: str, heard: str) -> bool:
    if not known.endswith("*"):
        return known == heard
    return heard.startswith(known[:-1]) and len(heard) - len(known) + 1 <= LONGEST_ENDING


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Empty it knows no words: tasks are not heard, and only scripts tell a language."""

    languages: Mapping[Language, frozenset[str]] = field(default_factory=dict)
    """Words in Latin letters that tell a language, in small letters, with their accents."""

    greek_sounds: frozenset[str] = frozenset()
    """How the common words of Greek sound, to know Greek in Latin letters."""

    phrases: Mapping[str, tuple[Phrase, ...]] = field(default_factory=dict)
    """By the first word, where that is a whole one."""

    stems: tuple[Phrase, ...] = ()
    """Phrases whose first word is a stem."""


def vocabulary_of(lists: Mapping[Language, WordList]) -> Vocabulary:
    """The vocabulary that the word lists of some languages make together."""
    phrases: defaultdict[str, list[Phrase]] = defaultdict(list)
    stems = []
    for phrase in _phrases(lists.values()):
        if phrase.words[0].endswith("*"):
            stems.append(phrase)
        else:
            phrases[phrase.words[0]].append(phrase)
    return Vocabulary(
        languages={
            language: frozenset(lowered(words["words"]).split())
            for language, words in lists.items()
            if language is not Language.EL
        },
        greek_sounds=frozenset(map(sound_of, lists.get(Language.EL, {"words": ""})["words"].split())),
        phrases={first: tuple(those) for first, those in phrases.items()},
        stems=tuple(stems),
    )


def _phrases(lists: Iterable[WordList]) -> Iterable[Phrase]:
    for words in lists:
        for task, spoken in words.get("tasks", {}).items():
            for points, phrases in ((STRONG, spoken["strong"]), (WEAK, spoken["weak"])):
                for phrase in phrases:
                    yield Phrase(tuple(_known(phrase)), Task(task), points)


def _known(phrase: str) -> Iterable[str]:
    for word in phrase.split():
        stem, asterisk, _ = word.partition("*")
        *before, last = words_of(folded(stem))
        yield from before
        yield last + asterisk
