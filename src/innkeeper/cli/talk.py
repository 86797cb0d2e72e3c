"""`run`: a question to a model, or a conversation with it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from innkeeper.cli.invocation import console, is_interactive
from innkeeper.runtime.errors import InnkeeperError, InvalidRequest

if TYPE_CHECKING:
    from innkeeper.client.operator import Operator

Message = dict[str, str]


def run(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model's id, as `innkeeper ps` shows it.")],
    prompt: Annotated[list[str] | None, typer.Argument(metavar="[PROMPT]", help="The question.")] = None,
    system: Annotated[str | None, typer.Option(help="What the model is told before everything else.")] = None,
) -> None:
    """Ask a model. Without a prompt: the text from a pipe, else a conversation."""
    server = context.obj.server()
    said: list[Message] = [{"role": "system", "content": system}] if system else []
    question = " ".join(prompt or ())
    if not sys.stdin.isatty():
        question = "\n\n".join(part for part in (question, sys.stdin.read().strip()) if part)
    if question:
        answer(server, model, [*said, {"role": "user", "content": question}])
    elif is_interactive():
        converse(server, model, said)
    else:
        raise InvalidRequest(f'There is no prompt. Give one: `innkeeper run {model} "Hello"`, or pipe it in.')


def answer(server: Operator, model: str, messages: list[Message]) -> str:
    """Print the answer as it comes; returns the whole of it."""
    from contextlib import closing

    from innkeeper.client.operator import Waiting, Words

    screen = console(stderr=True)
    status = screen.status(f"{model} …")
    parts: list[str] = []
    status.start()
    try:
        with closing(server.chat(model, messages)) as heard:
            for one in heard:
                match one:
                    case Waiting(what):
                        status.update(f"{model}: {what} …")
                    case Words(text):
                        status.stop()
                        parts.append(text)
                        sys.stdout.write(_printable(text))
                        sys.stdout.flush()
    finally:
        status.stop()
        if parts:
            sys.stdout.write("\n")
    return "".join(parts)


def converse(server: Operator, model: str, said: list[Message]) -> None:
    """Question and answer until Ctrl-D. Ctrl-C ends an answer, not the conversation."""
    from prompt_toolkit import PromptSession

    screen = console()
    screen.print(f"Talking to {model}. Ctrl-C stops an answer, Ctrl-D ends.", style="dim", markup=False)
    session: PromptSession[str] = PromptSession()
    while True:
        try:
            question = session.prompt("> ").strip()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if not question:
            continue
        asked = [*said, {"role": "user", "content": question}]
        try:
            reply = answer(server, model, asked)
        except KeyboardInterrupt:
            continue
        except InnkeeperError as error:
            screen.print(f"Error: {error.message}", style="red", markup=False)
            continue
        said = [*asked, {"role": "assistant", "content": reply}]


def _printable(text: str) -> str:
    """What a model says cannot steer the terminal: control characters but newline and tab are left away."""
    return "".join(letter for letter in text if letter in "\n\t" or letter.isprintable() or letter == "\u200d")
