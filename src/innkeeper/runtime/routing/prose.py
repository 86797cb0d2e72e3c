"""What a person wrote in a text that also holds code: the sentences around it, and its comments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from innkeeper.runtime.routing.letters import Script, script_of, words_of

_ADDRESS: Final = re.compile(r"\b\w{1,20}://\S+|\b[\w.+-]{1,64}@[\w.-]+|(?<!\S)~?(?:/[\w.-]+){2,}")
"""Links, addresses of mail, paths of files: nobody's language."""

_LINE: Final = 200
"""Characters of a line that are looked at for signs of code."""

_QUOTED_CODE: Final = re.compile(r"`[^`\n]+`")

_CODE: Final = (
    re.compile(r"^\s*(?:[{}\[\]<]|/[*/])|[{}]\s*$"),  # blocks, JSON, markup, a comment
    re.compile(r"^\s*(?:\w+\s+){0,3}[\w.\[\]]+\s*(?:[-+*/|&]?=|:=)\s*\S"),  # an assignment
    re.compile(r"\w\([^)]*\)\s*(?:[;:{.]|$|\s+[-{#/])|\w\.\w+\("),  # a call
    re.compile(r"==|!=|=>|->|&&|\|\||\w\+\+[;)]|::|</?\w+>"),
    re.compile(r"^\s*(?:def|class|import|from|return|elif|except|const|let|var|function|void|int|public) .*[(:;,=]"),
    re.compile(r"^\s*(?:import|from) \w[\w.]*(?:, \w+| import .*)*\s*$"),
    re.compile(r"^\s*(?:for \w+ in .*|(?:if|while|with) .*|else|try):\s*(?:#.*)?$"),
    re.compile(r"^[ \t]+(?:return|yield|raise|break|continue|pass)\b"),
    re.compile(r"^\s*(?:SELECT|INSERT|UPDATE|DELETE|CREATE) .*;"),
    re.compile(r"^\s*[a-z][\w.-]* .*(?:\s--?[a-z][\w-]*\b|\s\|\s)"),  # a command of a shell
)

_COMMENT: Final = re.compile(r"(?:(?<!\S)#+|(?<![:\S])//|(?<!\S)--(?=\s)|/\*|<!--)(.*?)(?:\*/|-->|$)")


def prose_of(text: str) -> str:
    """`text` without code, links and paths. Of code the comments stay, and every word that is not in Latin letters."""
    return "\n".join(_lines(_ADDRESS.sub(" ", text)))


def _lines(text: str) -> Iterator[str]:
    is_fenced = False
    for line in text.split("\n"):
        if line.lstrip().startswith("```"):
            is_fenced = not is_fenced
            continue
        sentence = _QUOTED_CODE.sub(" ", line)
        if is_fenced or any(sign.search(sentence[:_LINE]) for sign in _CODE):
            yield " ".join((*_foreign_words(_COMMENT.sub(" ", line)), *_COMMENT.findall(line)))
        else:
            yield sentence


def _foreign_words(code: str) -> Iterator[str]:
    return (word for word in words_of(code) if script_of(word[0]) not in (None, Script.LATIN))
