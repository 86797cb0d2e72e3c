"""What was said where: single values with their origin, from the file, `.env`, the environment and the command line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from dotenv.parser import Binding, Original, parse_stream

from innkeeper.settings.problems import Problem, bad_settings
from innkeeper.settings.toml_lines import lines_of

Name: TypeAlias = tuple[str, ...]
"""The names that lead to a setting, outermost first: `("queue", "limit")`."""

PREFIX: Final = "INNKEEPER_"

ALSO: Final = {"EMBEDDING_PROVIDER": "INNKEEPER_EMBEDDING_PROVIDER"}
"""Variables that other services of this sort go by, and ours that mean the same. Where both are there ours wins."""

NOT_SETTINGS: Final = frozenset({"INNKEEPER_CONFIG", "INNKEEPER_API_KEY"})
"""Variables of ours that say where the settings are and who asks, and are no settings themselves."""

LARGEST_FILE_BYTES: Final = 1024**2
"""A larger settings file is taken for another file given by mistake."""


@dataclass(frozen=True, slots=True)
class Given:
    """One value as it was written."""

    name: Name
    value: Any  # what TOML, a variable or a flag can hold; the settings check it
    origin: str
    """For people: "innkeeper.toml line 12", ".env line 3", "environment INNKEEPER_PORT", "command line --port"."""
    folder: Path
    """Where a relative path in `value` starts: the file's own folder, else the folder of the command."""


def from_file(path: Path) -> list[Given]:
    """What a TOML file says.

    Raises:
        BadSettings: It cannot be read, is no TOML or is over 1 MiB.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_FILE_BYTES + 1)
    except FileNotFoundError:
        raise bad_settings([Problem(str(path), "there is no such file; give its right name with --config")]) from None
    except OSError as error:
        raise bad_settings([Problem(str(path), f"cannot be read: {error.strerror}")]) from error
    if len(raw) > LARGEST_FILE_BYTES:
        raise bad_settings([Problem(str(path), f"is over {LARGEST_FILE_BYTES} bytes; is it a settings file?")])
    try:
        text = raw.decode()
        said = tomllib.loads(text)
        lines = lines_of(text)
    except UnicodeDecodeError as error:
        raise bad_settings([Problem(str(path), f"is not UTF-8 text (byte {error.start})")]) from error
    except (ValueError, RecursionError) as error:
        raise bad_settings([Problem(str(path), f"is not TOML: {error}")]) from error
    folder = path.absolute().parent
    return [Given(name, value, f"{path.name} line {lines[name]}", folder) for name, value in _leaves(said)]


def from_env_file(path: Path) -> list[Given]:
    """What a `.env` file says under names that begin with INNKEEPER_, or that are in `ALSO`.

    Nothing where there is no such file.

    Raises:
        BadSettings: It cannot be read, one of our lines assigns nothing, or names what is no setting.
    """
    try:
        with path.open(encoding="utf-8") as file:
            bindings = [line for line in parse_stream(file) if PREFIX in line.original.string or line.key in ALSO]
    except FileNotFoundError:
        return []
    except UnicodeDecodeError as error:
        raise bad_settings([Problem(str(path), f"is not UTF-8 text (byte {error.start})")]) from error
    except OSError as error:
        raise bad_settings([Problem(str(path), f"cannot be read: {error.strerror}")]) from error
    problems = [
        Problem(f"{path.name} line {_line_of(line.original)}", what)
        for line in bindings
        if (what := _wrong_with(line)) is not None
    ]
    if problems:
        raise bad_settings(problems)
    return [
        Given(_name_of(name), binding.value, f"{path.name} line {_line_of(binding.original)}", path.parent)
        for binding in sorted(bindings, key=lambda binding: binding.key not in ALSO)  # ours win
        if (name := ALSO.get(binding.key or "", binding.key)) and name.startswith(PREFIX) and binding.value
    ]


def from_environment(environ: Mapping[str, str], folder: Path) -> list[Given]:
    """What the variables say whose names begin with INNKEEPER_, and those of `ALSO`; an empty one says nothing."""
    also = [
        Given(_name_of(ours), environ[variable], f"environment {variable}", folder)
        for variable, ours in ALSO.items()
        if environ.get(variable) and not environ.get(ours)
    ]
    return also + [
        Given(_name_of(variable), value, f"environment {variable}", folder)
        for variable, value in sorted(environ.items())
        if variable.startswith(PREFIX) and variable not in NOT_SETTINGS and value
    ]


def from_flags(flags: Mapping[Name, Any], folder: Path) -> list[Given]:
    """What was said on the command line; None says nothing."""
    return [
        Given(name, value, f"command line --{name[-1].replace('_', '-')}", folder)
        for name, value in flags.items()
        if value is not None
    ]


def merged(layers: Iterable[Sequence[Given]]) -> dict[Name, Given]:
    """One value for each name; later layers win.

    A value for a whole table and one for a part of it cannot both stand (`budget` and `budget.ram`): the later wins.
    """
    standing: dict[Name, Given] = {}
    for layer in layers:
        for given in layer:
            name = _as_spelled_before(given.name, standing)
            for other in [other for other in standing if _one_holds_the_other(name, other)]:
                del standing[other]
            standing[name] = Given(name, given.value, given.origin, given.folder)
    return standing


def nested(standing: Mapping[Name, Given]) -> dict[str, Any]:
    """The values as tables within tables."""
    whole: dict[str, Any] = {}
    for name, given in standing.items():
        table = whole
        for part in name[:-1]:
            table = table.setdefault(part, {})
        table[name[-1]] = given.value
    return whole


def _leaves(table: Mapping[str, Any], before: Name = ()) -> Iterator[tuple[Name, Any]]:
    for key, value in table.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*before, key))
        else:
            yield (*before, key), value


def _wrong_with(line: Binding) -> str | None:
    if line.key in NOT_SETTINGS:
        return f"{line.key} is read from the environment alone; export it instead"
    is_ours = line.original.string.lstrip().startswith(PREFIX)
    return "is not NAME=value" if line.error and is_ours else None


def _line_of(original: Original) -> int:
    """The line of the assignment itself; dotenv counts from the blank lines before it."""
    before = len(original.string) - len(original.string.lstrip())
    return original.line + original.string[:before].count("\n")


def _name_of(variable: str) -> Name:
    return tuple(variable[len(PREFIX) :].lower().split("__"))


def _as_spelled_before(name: Name, standing: Iterable[Name]) -> Name:
    """A variable cannot spell `Qwen3-0.6B`; `MODELS__QWEN3_0_6B` means that model where the file has it."""
    if name[0] != "models" or len(name) < 2:
        return name
    same = (other[1] for other in standing if other[0] == "models" and len(other) > 1 and _bare(other[1]) == name[1])
    return ("models", next(same, name[1]), *name[2:])


def _bare(model_id: str) -> str:
    return re.sub(r"[^a-z0-9]", "_", model_id.lower())


def _one_holds_the_other(name: Name, other: Name) -> bool:
    shorter = min(len(name), len(other))
    return name != other and name[:shorter] == other[:shorter]
