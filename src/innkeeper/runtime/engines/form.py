"""A form with one file, to be sent to a server that is not ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Form:
    """Goes out as multipart/form-data; the file is read from the disk while it is sent."""

    fields: Sequence[tuple[str, str]]
    """Names with their texts; a name may come more than once."""
    file: Path
    file_name: str
    """What it is called there."""
    media_type: str
