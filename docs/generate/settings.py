"""The page of settings, from the docstrings under their fields."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from enum import Enum
from fractions import Fraction
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from innkeeper.discovery.places import OLLAMA_AS_A_SERVICE
from innkeeper.discovery.search import MOST_MODELS
from innkeeper.discovery.walk import Limits
from innkeeper.settings.problems import dotted
from innkeeper.settings.section import Section
from innkeeper.settings.values import Settings
from innkeeper.settings.written import as_written

_ID = "<id>"

_KINDS: Mapping[str, str] = {
    "Path": "path",
    "Size": "size",
    "Amount": "size or share",
    "Budget": "size, share or table",
    "Memory": "size or table",
    "Seconds": "seconds",
    "Money": "money",
    "KeepFor": "seconds or words",
    "Count": "whole number",
    "YesNo": "true or false",
    "str": "text",
    "Finding": "one word",
    "EmbeddingProvider": "one word",
}


def settings_page() -> str:
    """The whole page."""
    return "\n".join(["# Settings", "", _INTRODUCTION, "", *_tables(Settings, ()), _ending()])


def _tables(section: type[Section], before: tuple[str, ...]) -> Iterator[str]:
    """Plain settings of a table first, then the tables within it."""
    written = dict(as_written(section()))
    inner: list[tuple[str, type[Section]]] = []
    for name, info in section.model_fields.items():
        table = _table_of(info.annotation)
        if table is not None:
            inner.append((name, table))
            continue
        default = written[(name,)]
        shown = "" if default == "not set" else f", default `{default}`"
        yield f"### `{dotted((*before, name)).replace(chr(34) + _ID + chr(34), _ID)}`"
        yield ""
        yield f"*{_kind_of(section, name)}{shown}*"
        yield ""
        yield _joined(info.description or "")
        yield ""
    for name, table in inner:
        is_by_id = get_origin(section.model_fields[name].annotation) is Mapping
        path = (*before, name, _ID) if is_by_id else (*before, name)
        yield f"## `[{'.'.join(path)}]`"
        yield ""
        yield _joined((table.__doc__ or "").strip())
        yield ""
        yield from _tables(table, path)


def _table_of(annotation: Any) -> type[Section] | None:  # a type expression
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, Section):
            return kind
    return None


def _kind_of(section: type[Section], name: str) -> str:
    """What may be written there, in words: by the type's name in the source, so that an alias keeps its meaning."""
    source = str(section.__annotations__[name])
    for word, told in _KINDS.items():
        if source.removeprefix("Annotated[").startswith(word):
            return told
    return _kind_of_type(section.model_fields[name].annotation)


def _kind_of_type(annotation: Any) -> str:  # a type expression
    if get_origin(annotation) is Annotated:
        return _kind_of_type(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return _kind_of_type(next(kind for kind in get_args(annotation) if kind is not type(None)))
    if get_origin(annotation) is Literal:
        return (
            "one of " + ", ".join(f'"{word}"' for word in get_args(annotation))
            if len(get_args(annotation)) > 1
            else "words"
        )
    if get_origin(annotation) in (frozenset, tuple):
        return "list"
    if isinstance(get_origin(annotation), type) and issubclass(get_origin(annotation), Mapping):
        return "table"
    assert not isinstance(annotation, type) or not issubclass(annotation, Enum | Fraction), annotation
    return "text"


def _joined(text: str) -> str:
    return " ".join(text.split())


def _ending() -> str:
    limits = Limits()
    return f"""\
## Which files are found

| whose folder | where |
| - | - |
| yours | `models_dir` |
| Hugging Face | `HF_HUB_CACHE`, else `HF_HOME`/hub, else `~/.cache/huggingface/hub` |
| LM Studio | `~/.lmstudio/models` and `~/.cache/lm-studio/models` |
| Ollama | `OLLAMA_MODELS`, else `~/.ollama/models` and `{OLLAMA_AS_A_SERVICE}` |

Only headers are read, and nothing is changed in anybody's folder. Links are followed, subfolders to a depth of
{limits.depth}. A folder is given up after {limits.entries:,} entries or {limits.time_s:g} seconds; what was found by
then counts, and it is told. At most {MOST_MODELS} models are offered. What a model can do is read from its header. Left
out are files that belong to a model without being one: `mmproj` files, adapters, the later parts of a split model.

A model's id is the name of its file without the ending; in Ollama's folder it is Ollama's name, without `:latest`.
Where two files would have one id, the later gets the names of its folders before it: `org/repo/name`. The order is that
of the table, then nearest to the top, then by name. A file that is reached by several names counts once.
"""


_INTRODUCTION = """\
Nothing has to be set. What is set is read from these places; a later one wins:

1. `innkeeper.toml` in the folder of the command, or the file named by `innkeeper --config FILE` or `INNKEEPER_CONFIG`
2. `.env` in the folder of the command
3. the environment
4. the options of `innkeeper up`

Every setting has a variable: `INNKEEPER_` and its name in capitals, with two underscores between a table and what is
in it. `queue.limit` is `INNKEEPER_QUEUE__LIMIT`; the slots of the model `Qwen3-0.6B` are
`INNKEEPER_MODELS__QWEN3_0_6B__SLOTS`. Lists are written with commas between.

A size is written with its unit: `"12 GiB"`, `"500 MB"`. A share is part of a pool: `"80 %"`. A relative path in the
file starts at the folder of the file; in a variable or option, at the folder of the command.

A name that is unknown, or a value that cannot be meant, stops the start. All such problems are told at once, each with
its file and line, variable or option. `innkeeper settings --where` shows every value and where it was said.

When the server gets SIGHUP it reads everything again. Models come, change and go at once; those that did not change
keep running. All other settings wait for the next start. When the new settings are bad, the old ones stay.

```toml
budget = "12 GiB"
default_model = "narrator"

[models.narrator]
file = "Qwen3-0.6B-Q8_0.gguf"
context = 4096
slots = 2

[models.embedder]
file = "nomic-embed-text-v1.5.Q8_0.gguf"
keep_for_s = "until needed"
```"""
