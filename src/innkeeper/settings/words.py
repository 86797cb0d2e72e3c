"""The word lists of the router, read from the package."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import PurePath

from innkeeper.runtime import routing
from innkeeper.runtime.routing.names import Language
from innkeeper.runtime.routing.vocabulary import Vocabulary, vocabulary_of


def read_vocabulary() -> Vocabulary:
    """All the words the package brings. Takes some milliseconds: read them once."""
    lists = (files(routing) / "words").iterdir()
    return vocabulary_of(
        {Language(PurePath(one.name).stem): tomllib.loads(one.read_text(encoding="utf-8")) for one in lists}
    )
