"""Settings that were checked for a kind of machine and work, shipped to begin with."""

from __future__ import annotations

from importlib.resources import files
from pathlib import PurePath

from innkeeper import settings
from innkeeper.runtime.errors import InvalidRequest


def profile_names() -> tuple[str, ...]:
    """All of them."""
    return tuple(sorted(PurePath(one.name).stem for one in (files(settings) / "profiles").iterdir()))


def profile_text(name: str) -> str:
    """A settings file, with comments that say why.

    Raises:
        InvalidRequest: There is none of that name.
    """
    if name not in profile_names():
        raise InvalidRequest(f"There is no profile {name[:40]!r}. There are: {', '.join(profile_names())}.")
    return (files(settings) / "profiles" / f"{name}.toml").read_text(encoding="utf-8")
