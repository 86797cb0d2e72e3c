"""The words of the package, read once."""

from __future__ import annotations

import pytest

from innkeeper.runtime.routing.vocabulary import Vocabulary
from innkeeper.settings.words import read_vocabulary


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    return read_vocabulary()
