"""Greek in Latin letters, by its sound: "thelo", "8elw" and "θέλω" sound the same."""

from __future__ import annotations

import re
from itertools import islice, product
from typing import Final

from innkeeper.text.folding import folded

_LONGEST: Final = 24
"""Letters of the longest word that is tried."""

_READINGS: Final = 16
"""Readings of one word that are tried: most have one or two, a made-up one could have thousands."""

_GREEK: Final = (
    {"ου": "U", "αι": "E", "ει": "I", "οι": "I", "υι": "I", "αυ": "AF", "ευ": "EF", "μπ": "MP", "ντ": "NT"}
    | {"γγ": "G", "γκ": "G", "α": "A", "β": "F", "γ": "G", "δ": "D", "ε": "E", "ζ": "Z", "η": "I", "θ": "8"}
    | {"ι": "I", "κ": "K", "λ": "L", "μ": "M", "ν": "N", "ξ": "KS", "ο": "O", "π": "P", "ρ": "R", "σ": "S"}
    | {"τ": "T", "υ": "I", "φ": "F", "χ": "X", "ψ": "PS", "ω": "O"}
)
"""Greek letters to sounds. β, φ and the second letter of αυ are one sound here, because people write them alike."""

_LATIN: Final[dict[str, tuple[str, ...]]] = (
    {"ou": ("U",), "oy": ("U",), "ai": ("E",), "ei": ("I",), "oi": ("I",), "yi": ("I",), "au": ("AF",), "ay": ("AF",)}
    | {"eu": ("EF",), "ey": ("EF",), "th": ("8",), "ch": ("X",), "kh": ("X",), "ph": ("F",), "gg": ("G",)}
    | {"gk": ("G",), "gh": ("G",), "a": ("A",), "b": ("F", "MP"), "c": ("K",), "d": ("D", "NT"), "e": ("E",)}
    | {"f": ("F",), "g": ("G",), "h": ("I", "X"), "i": ("I",), "j": ("KS", "I"), "k": ("K",), "l": ("L",)}
    | {"m": ("M",), "n": ("N",), "o": ("O",), "p": ("P",), "q": ("8",), "r": ("R",), "s": ("S",), "t": ("T",)}
    | {"u": ("I", "U"), "v": ("F",), "w": ("O",), "x": ("X", "KS"), "y": ("I",), "z": ("Z",), "3": ("KS",)}
    | {"8": ("8",), "9": ("8",)}
)
"""How Latin letters and digits are read, the likelier reading first."""

_GREEK_PARTS: Final = re.compile("|".join(sorted(_GREEK, key=len, reverse=True)))
_LATIN_PARTS: Final = re.compile("|".join(sorted(_LATIN, key=len, reverse=True)))


def sound_of(greek_word: str) -> str:
    """How a word in Greek letters sounds. Doubled sounds are one."""
    return _once("".join(_GREEK[part] for part in _GREEK_PARTS.findall(folded(greek_word))))


def sounds_of(latin_word: str) -> frozenset[str]:
    """How a word in Latin letters may sound, if it is Greek; empty where it cannot be."""
    word = folded(latin_word)
    parts = _LATIN_PARTS.findall(word)
    if len(word) > _LONGEST or sum(map(len, parts)) != len(word):
        return frozenset()
    readings = islice(product(*(_LATIN[part] for part in parts)), _READINGS)
    return frozenset(_once("".join(reading)) for reading in readings)


def _once(sounds: str) -> str:
    return re.sub(r"(.)\1+", r"\1", sounds)
