"""Real texts cut into passages, with questions whose answers are known; from the folder beside the checkout."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from innkeeper.recall.passage import Passage

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
CHUNK_LETTERS = 900
"""About a minute of speech."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and which passages answer it."""

    text: str
    answers: frozenset[str]
    """Keys of passages."""
    source: str
    """The document it is asked of."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Passages and questions about them."""

    passages: tuple[Passage, ...]
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class _Chunk:
    text: str
    first: int
    last: int
    """Turns of the meeting it is made of."""


def meetings() -> Corpus:
    """QMSum, validation: 35 meetings, and the specific questions whose evidence is under half of their meeting."""
    passages: list[Passage] = []
    questions = []
    lines = (DATA / "retrieval" / "qmsum-val.jsonl").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        meeting: dict[str, Any] = json.loads(line)  # JSON of the data's makers
        source = f"meeting {number}"
        turns = [f"{turn['speaker']}: {turn['content']}" for turn in meeting["meeting_transcripts"]]
        chunks = _chunks(turns)
        own = [Passage(chunk.text, source, "qmsum", page=place) for place, chunk in enumerate(chunks)]
        passages += own
        for asked in meeting["specific_query_list"]:
            spans = [(int(first), int(last)) for first, last in asked["relevant_text_span"]]
            answers = frozenset(
                passage.key
                for passage, chunk in zip(own, chunks, strict=True)
                if any(chunk.first <= last and chunk.last >= first for first, last in spans)
            )
            if answers and 2 * sum(last - first + 1 for first, last in spans) < len(turns):
                questions.append(Question(asked["query"], answers, source))
    return Corpus(tuple(passages), tuple(questions))


def greek_paragraphs() -> Corpus:
    """XQuAD in Greek: 240 paragraphs, 1,190 questions."""
    passages: list[Passage] = []
    questions = []
    whole: dict[str, Any] = json.loads((DATA / "retrieval" / "xquad.el.json").read_text(encoding="utf-8"))
    for article in whole["data"]:
        for paragraph in article["paragraphs"]:
            passage = Passage(paragraph["context"], f"paragraph {len(passages)}", "xquad")
            passages.append(passage)
            answers = frozenset({passage.key})
            questions += [Question(asked["question"], answers, passage.source) for asked in paragraph["qas"]]
    return Corpus(tuple(passages), tuple(questions))


def podcasts() -> tuple[Passage, ...]:
    """Go Time: 24 episodes, without questions."""
    found = []
    for file in sorted((DATA / "transcripts" / "go-time").glob("*.md")):
        turns = [turn.strip() for turn in file.read_text(encoding="utf-8").split("\n\n") if turn.strip()]
        plain = [re.sub(r"\*\*(.+?):\*\*", r"\1:", turn) for turn in turns]
        found += [Passage(one.text, file.stem, "go-time", page=page) for page, one in enumerate(_chunks(plain))]
    return tuple(found)


def _chunks(turns: Sequence[str]) -> list[_Chunk]:
    """Whole turns joined until the next would make a chunk longer than `CHUNK_LETTERS`."""
    chunks: list[_Chunk] = []
    open_turns: list[str] = []
    for number, turn in enumerate(turns):
        if open_turns and sum(map(len, open_turns)) + len(turn) > CHUNK_LETTERS:
            chunks.append(_closed(open_turns, number - 1))
            open_turns = []
        open_turns.append(turn)
    return [*chunks, _closed(open_turns, len(turns) - 1)] if open_turns else chunks


def _closed(turns: Iterable[str], last: int) -> _Chunk:
    lines = list(turns)
    return _Chunk("\n".join(lines), last - len(lines) + 1, last)
