"""The page of commands, from the command line itself."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import typer.main

from innkeeper.cli.app import build


def commands_page() -> str:
    """The whole page."""
    whole = typer.main.get_command(build())
    return "\n".join(["# Commands", "", _INTRODUCTION, "", *_commands(whole, "innkeeper"), _ENDING, ""])


def _commands(command: Any, words: str) -> Iterator[str]:  # typer's own copy of click has no public types
    inner: Mapping[str, Any] | None = getattr(command, "commands", None)
    if inner is None:
        yield from _command(command, words)
        return
    for name, one in inner.items():
        yield from _commands(one, f"{words} {name}")


def _command(command: Any, words: str) -> Iterator[str]:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option" and one.name != "help"]
    yield f"## `{' '.join([words, *(['[OPTIONS]'] if options else []), *(one.metavar for one in arguments)])}`"
    yield ""
    yield from inspect.cleandoc(command.help or "").splitlines()
    yield ""
    for one in arguments:
        yield f"- `{one.metavar}`: {one.help}"
    for one in options:
        spelled = ", ".join(f"`{word}`" for word in one.opts)
        told = "" if one.default in (None, False) else f" Default {one.default}."
        yield f"- {spelled}: {one.help}{told}"
    if arguments or options:
        yield ""


_INTRODUCTION = """\
`innkeeper COMMAND --help` says the same in the terminal. Commands that speak to a running server find it at the host
and port of the [settings](settings.md), and show it the key in `INNKEEPER_API_KEY`. `innkeeper --config FILE COMMAND`
uses another settings file.

Output that goes into a pipe or a file has no colours and no control codes."""

_ENDING = """\
## What the bars of `ps` show

A bar is the budget of one memory. `█` is promised to models, `▒` is what Innkeeper itself uses, a space is free, and
`x` is budget that other programs use now. Beside each size stands its kind: *declared* by its owner, *estimated* from
the file, *measured* on the running process, or *learned* from earlier runs. A size in brackets is what a model would
need; it is not in memory.

## Exit codes

| code | what it means |
| - | - |
| 0 | done |
| 1 | an error that is none of those below |
| 2 | the command was written wrongly |
| 3 | a setting, file, program or server must be put right first |
| 4 | the request must be changed: unknown model, model in use, no key |
| 5 | there is no room now; the same command may work later |
| 6 | the model failed |"""
