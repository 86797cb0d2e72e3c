"""The tasks and the languages there are."""

from __future__ import annotations

from enum import Enum


class Task(Enum):
    """What a request is for. Where the words of a text speak for two alike, the earlier one is meant."""

    MECHANICS = "mechanics"
    COMBAT = "combat"
    CHARACTER_CREATION = "character_creation"
    TRANSLATION = "translation"
    SUMMARY = "summary"
    EXTRACTION = "extraction"
    TRANSCRIPTION = "transcription"
    STORY = "story"
    WORLDBUILDING = "worldbuilding"
    DIALOGUE = "dialogue"
    ROLEPLAY = "roleplay"
    EMBEDDING = "embedding"
    GENERAL = "general"


class Language(Enum):
    """The languages that are told apart, by their ISO 639-1 codes."""

    EL = "el"
    EN = "en"
    DE = "de"
    ES = "es"
    FR = "fr"
    IT = "it"
    NL = "nl"
    PT = "pt"
    RU = "ru"
    UK = "uk"
    AR = "ar"
    HE = "he"
    HI = "hi"
    JA = "ja"
    KO = "ko"
    ZH = "zh"

    @property
    def english_name(self) -> str:
        """Its name in English: "Greek"."""
        return _ENGLISH_NAMES[self]


_ENGLISH_NAMES = {
    Language.EL: "Greek",
    Language.EN: "English",
    Language.DE: "German",
    Language.ES: "Spanish",
    Language.FR: "French",
    Language.IT: "Italian",
    Language.NL: "Dutch",
    Language.PT: "Portuguese",
    Language.RU: "Russian",
    Language.UK: "Ukrainian",
    Language.AR: "Arabic",
    Language.HE: "Hebrew",
    Language.HI: "Hindi",
    Language.JA: "Japanese",
    Language.KO: "Korean",
    Language.ZH: "Chinese",
}


def task_named(name: str) -> Task | None:
    """The task of that name, written with any of _ - and capitals; None where there is none."""
    plain = name.casefold().replace("-", "_")
    return next((task for task in Task if task.value == plain), None)


def language_named(name: str) -> Language | None:
    """The language of that code or English name: "el", "Greek"; None where there is none."""
    plain = name.casefold()
    return next((one for one in Language if plain in (one.value, one.english_name.casefold())), None)
