"""Reading the settings, and reading them again: file < `.env` < environment < command line, each with its origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from innkeeper.settings.given import Given, Name, from_env_file, from_environment, from_file, from_flags, merged, nested
from innkeeper.settings.problems import Problem, bad_settings, dotted, problems_of
from innkeeper.settings.section import Section
from innkeeper.settings.values import Settings

FILE_NAME: Final = "innkeeper.toml"
DEFAULT: Final = "default"

PATHS: Final[tuple[Name, ...]] = (("home",), ("models_dir",), ("llama_cpp", "server_program"))
"""Settings that are paths of their own; a model's `file` starts at `models_dir` instead."""

TAKEN_UP_WHILE_RUNNING: Final = frozenset(
    {"models", "default_model", "contexts", "models_dir", "find_models", "never_leave_this_machine"}
)
"""Settings, by the first part of their name, that a running server takes up; the others wait for its next start."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where settings come from; kept, so that they can be read again the same way."""

    folder: Path
    """The folder the command was given in: `innkeeper.toml` and `.env` are looked for here."""
    environ: Mapping[str, str]
    config: Path | None = None
    """The settings file named on the command line; it must exist."""
    flags: Mapping[Name, Any] = field(default_factory=dict)  # a flag's value is checked with all others

    @property
    def file(self) -> Path:
        """The settings file: the named one, else INNKEEPER_CONFIG, else `innkeeper.toml` here."""
        named = self.config or (
            Path(self.environ["INNKEEPER_CONFIG"]) if self.environ.get("INNKEEPER_CONFIG") else None
        )
        return self.folder / (named or FILE_NAME)

    @property
    def user_home(self) -> Path:
        """What `~` stands for."""
        return Path(self.environ["HOME"]) if self.environ.get("HOME") else Path.home()

    @property
    def file_is_named(self) -> bool:
        """Whether somebody asked for this very file, so that it must be there."""
        return self.config is not None or bool(self.environ.get("INNKEEPER_CONFIG"))


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings and where each of them was said."""

    settings: Settings
    origins: Mapping[Name, str]
    """By name; what is not in here has its default."""
    sources: Sources
    file: Path | None
    """The settings file that was read; None where there was none."""

    def origin(self, name: Name) -> str:
        """Where a setting was said, for people; "default" where nowhere. A table may come from several places."""
        if name in self.origins:
            return self.origins[name]
        parts = [origin for part, origin in self.origins.items() if part[: len(name)] == name]
        return ", ".join(dict.fromkeys(parts)) or DEFAULT


@dataclass(frozen=True, slots=True)
class Change:
    """One setting that is different after reading again."""

    name: str
    before: object
    after: object
    needs_restart: bool


def load(sources: Sources) -> Loaded:
    """Read all sources into one value.

    Raises:
        BadSettings: With every problem found, each with its file and line, variable or flag.
    """
    file = sources.file if sources.file_is_named or _is_there(sources.file) else None
    layers = [
        from_file(file) if file is not None else [],
        from_env_file(sources.folder / ".env"),
        from_environment(sources.environ, sources.folder),
        from_flags(sources.flags, sources.folder),
    ]
    standing = merged(layers)
    origins = {name: given.origin for name, given in standing.items()}
    user_home = sources.user_home
    placed = {name: _placed(given, user_home) if name in PATHS else given for name, given in standing.items()}
    for name in PATHS[:2]:
        default = Given(name, str(Settings.model_fields[name[0]].default), DEFAULT, sources.folder)
        placed.setdefault(name, _placed(default, user_home))
    try:
        settings = Settings.model_validate(nested(placed))
    except ValidationError as error:
        raise bad_settings(problems_of(error, Settings, origins)) from None
    return Loaded(settings, origins, sources, file)


def reload(before: Loaded) -> Loaded:
    """Read the same sources again.

    Raises:
        BadSettings: As `load` does, also when the file that was read before is gone; `before` is to be kept.
    """
    # a file that was there once must be there: its absence is an accident and no wish for the defaults
    return load(before.sources if before.file is None else replace(before.sources, config=before.file))


def changes(before: Settings, after: Settings) -> tuple[Change, ...]:
    """The settings that differ, by name; a model that came or went is one change."""
    olds, news = dict(leaves(before)), dict(leaves(after))
    for name in sorted(olds.keys() ^ news.keys()):
        olds.setdefault(name, None)
        news.setdefault(name, None)
    return tuple(
        Change(dotted(name), olds[name], news[name], name[0] not in TAKEN_UP_WHILE_RUNNING)
        for name in olds
        if olds[name] != news[name]
    )


def leaves(section: Section, before: Name = ()) -> list[tuple[Name, object]]:
    """Every setting by name with its value, tables taken apart."""
    found: list[tuple[Name, object]] = []
    for field_name in type(section).model_fields:
        name, value = (*before, field_name), getattr(section, field_name)
        if isinstance(value, Section):
            found.extend(leaves(value, name))
        elif isinstance(value, Mapping) and any(isinstance(inner, Section) for inner in value.values()):
            for key, inner in value.items():
                found.extend(leaves(inner, (*name, str(key))))
        else:
            found.append((name, value))
    return found


def _placed(given: Given, user_home: Path) -> Given:
    """The path made absolute, with `~` as the user's home."""
    if not isinstance(given.value, str | Path):
        return given
    path = Path(given.value)
    if path.parts[:1] == ("~",):
        path = user_home.joinpath(*path.parts[1:])
    return Given(given.name, str(given.folder / path), given.origin, given.folder)


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise bad_settings([Problem(str(path), f"cannot be read: {error.strerror}")]) from error
    return True
