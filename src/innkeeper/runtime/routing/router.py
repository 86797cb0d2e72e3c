"""Chooses who may answer a request; pure. The first rule that matches wins.

1. A model that is named answers; nobody stands in for it unless the caller says so.
2. In the middle of a tool call the conversation stays with its model.
3. The task the caller names, in the language of the text where a model of that task declares it.
4. The language of the text.
5. The words of the text: what it is for.
6. The model the conversation spoke with last.
7. The default model.

Sound has no words yet: of those who know the language that is named any model here may hear it, and behind them those
elsewhere, for when none here can.

What the caller leaves open, rules 4 and 5 guess. A guess must be likelier than not, and in a conversation that has
its model it must be rather sure. Where no model declares a task or a language, only rules 1 and 7 are left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from innkeeper.runtime.catalog import Catalog, Model
from innkeeper.runtime.errors import InvalidRequest, NotSupported
from innkeeper.runtime.messages import Kind, Request
from innkeeper.runtime.routing.asked_text import asked_text, is_in_tool_loop
from innkeeper.runtime.routing.language import language_of
from innkeeper.runtime.routing.names import Language, Task, language_named, task_named
from innkeeper.runtime.routing.tasks import Meant, task_of
from innkeeper.runtime.routing.told import Told
from innkeeper.runtime.routing.vocabulary import Vocabulary

ENOUGH: Final = 0.5
"""Confidence from which a guess chooses a model."""

ENOUGH_TO_SWITCH: Final = 0.7
"""Confidence from which a guess takes a conversation away from its model."""


class Rule(Enum):
    """Which of the rules matched."""

    NAMED = "named"
    TOOL_LOOP = "tool loop"
    TASK = "task"
    LANGUAGE = "language"
    WORDS = "words"
    CONVERSATION = "conversation"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Route:
    """Who may answer, in this order, and why."""

    candidates: tuple[str, ...]
    because: str
    """The rule that matched, in words an operator can read."""

    rule: Rule
    task: Task | None = None
    """What the request is for, as it says or as its words do; None where nothing does."""
    language: Language | None = None
    """What its text is in; None where nothing tells it, or where nobody had to ask."""
    may_yield: bool = False
    """Whether another model may answer for lack of time: never in a tool loop, nor for vectors, nor for sound whose
    caller waits: minutes are usual there."""


def route(request: Request, catalog: Catalog, vocabulary: Vocabulary, last: str | None = None) -> Route:
    """The candidates for `request`, best first; the default model stands in last. For vectors nobody stands in.

    `last` is the model that the request's conversation spoke with last. What the caller may not use is as if it were
    not there.

    Raises:
        UnknownModel: It names a model that is not in the catalogue.
        MustStayHere: It names a model elsewhere, and nothing may leave this machine.
        NotSupported: The model it names cannot do this kind of work.
        InvalidRequest: It names none, and none can be chosen.
    """
    if request.may_use is not None:
        catalog = catalog.only(request.may_use)
    if request.model is not None:
        return _named(request, request.model, catalog, vocabulary)
    able = able_of(catalog, request.kind)
    if request.kind is Kind.TRANSCRIPTION and able:
        return _hearing(request, able, catalog)
    if request.kind is Kind.EMBEDDING and any(model.id == catalog.embeds for model in able):
        assert catalog.embeds is not None, "a model has an id"
        return Route((catalog.embeds,), "the embedding provider", Rule.DEFAULT)
    if not any(model.tasks or model.languages or model.quality for model in able):
        return replace(_default(request.kind, catalog, able), task=_task_of(request))
    stays = next((model for model in able if model.id == last), None)
    if stays is not None and is_in_tool_loop(request):
        because = f"in the middle of a tool call; the conversation stays with {stays.id}"
        chosen = Route((stays.id,), because, Rule.TOOL_LOOP)
    else:
        chosen = _chosen(request, catalog, vocabulary, able, stays)
    if request.kind is Kind.EMBEDDING:  # vectors of two models cannot be compared
        return replace(chosen, candidates=chosen.candidates[:1], may_yield=False)
    default = [model.id for model in able if model.id == catalog.default]
    return replace(chosen, candidates=tuple(dict.fromkeys([*chosen.candidates, *default])))


def able_of(catalog: Catalog, kind: Kind) -> list[Model]:
    """The models that may be asked for that kind of work."""
    return [model for model in catalog if kind in model.kinds and not model.is_barred]


@dataclass(frozen=True, slots=True)
class _Guess:
    """What the request tells about itself without saying it."""

    told: Told
    """The language."""

    meant: Meant | None
    """The task, where words speak of one."""

    @classmethod
    def of(cls, request: Request, vocabulary: Vocabulary) -> _Guess:
        text = asked_text(request)
        return cls(language_of(text, vocabulary), _meant(request.kind, text, vocabulary))

    @property
    def language(self) -> Language | None:
        """The language, where it is likelier than not."""
        return self.told.language if self.told.confidence >= ENOUGH else None

    @property
    def task(self) -> Task | None:
        """The task, where it is likelier than not."""
        return self.meant.task if self.meant is not None and self.meant.confidence >= ENOUGH else None

    def is_for(self, model: Model) -> bool:
        """Whether nothing says that the model is for something else: of tasks and languages both must be met."""
        is_general = not model.tasks or Task.GENERAL.value in model.tasks
        return is_general or (self.meant is not None and self.meant.task.value in model.tasks)

    def fit(self, model: Model) -> tuple[bool, bool, bool]:
        """How well a model suits, to sort the best first: false before true."""
        task = self.meant.task.value if self.meant is not None else Task.GENERAL.value
        return (
            not _declares(model, self.language),
            task not in model.tasks,
            bool(model.tasks) and task not in model.tasks,
        )


def _meant(kind: Kind, text: str, vocabulary: Vocabulary) -> Meant | None:
    if kind is Kind.EMBEDDING:
        return Meant(Task.EMBEDDING, 1.0, ())
    return task_of(text, vocabulary)


def _hearing(request: Request, able: list[Model], catalog: Catalog) -> Route:
    """Everybody who hears, those on this machine first: the others are there for failures."""
    task, said = _task_of(request), request.body.get("language")
    language = language_named(said) if isinstance(said, str) else None

    def fit(model: Model) -> tuple[bool, ...]:
        """To sort the best first: false before true."""
        is_elsewhere = model.sent_to is not None or model.provider is not None
        is_for_it = task is not None and task.value in model.tasks
        speaks = _speaks(model, language)
        return model.id != request.model, not speaks, is_elsewhere, not is_for_it, model.id != catalog.default

    best = sorted(able, key=fit)
    if request.model is not None:
        because, rule = "asked for by name", Rule.NAMED
    elif len(best) == 1:
        because, rule = f"the only model that does {request.kind.value}", Rule.DEFAULT
    else:
        because, rule = f"{best[0].id} hears; those elsewhere stand behind those here", Rule.WORDS
    candidates = tuple(model.id for model in best)
    # whoever waits is not sent elsewhere for lack of time
    return Route(candidates, because, rule, task, language, may_yield=not request.waits)


def _chosen(
    request: Request, catalog: Catalog, vocabulary: Vocabulary, able: list[Model], stays: Model | None
) -> Route:
    """The first rule from the named task on that matches."""
    guess = _Guess.of(request, vocabulary)
    needed = ENOUGH if stays is None else ENOUGH_TO_SWITCH
    chosen = (
        (None if request.task is None else _by_named_task(request.task, guess, able, stays))
        or _by_language(guess, needed, able, stays)
        or _by_words(guess, needed, able, stays)
        or _by_conversation(guess, stays)
        or _default(request.kind, catalog, able)
    )
    because = chosen.because
    if request.task is not None and chosen.rule is not Rule.TASK:
        because = f"nobody does {request.task}; {because}"
    task = _task_of(request) or guess.task
    return replace(chosen, because=because, task=task, language=guess.language, may_yield=True)


def _task_of(request: Request) -> Task | None:
    """What the caller says it is for, if that is a task."""
    return None if request.task is None else task_named(request.task)


def _by_named_task(name: str, guess: _Guess, able: list[Model], stays: Model | None) -> Route | None:
    task, language = task_named(name), language_named(name)
    if task is not None:
        those = [model for model in able if task.value in model.tasks]
        return _route(those, guess, stays, f"the task is {task.value}; {{}} does it", Rule.TASK)
    if language is not None:
        those = [model for model in able if language.value in model.languages]
        return _route(those, guess, stays, f"the task is {language.english_name}; {{}} speaks it", Rule.TASK)
    return None


def _by_language(guess: _Guess, needed: float, able: list[Model], stays: Model | None) -> Route | None:
    told = guess.told
    if told.language is None or told.confidence < needed:
        return None
    if stays is not None and told.language.value in stays.languages:
        return None  # another that speaks it is no gain
    those = [model for model in able if told.language.value in model.languages and guess.is_for(model)]
    because = f"the text is {told.language.english_name} {told.because}; {{}} speaks it"
    return _route(those, guess, stays, because, Rule.LANGUAGE)


def _by_words(guess: _Guess, needed: float, able: list[Model], stays: Model | None) -> Route | None:
    meant = guess.meant
    if meant is None or meant.confidence < needed:
        return None
    those = [model for model in able if meant.task.value in model.tasks and _speaks(model, guess.language)]
    quoted = ", ".join(f'"{word}"' for word in meant.words)
    why = f"the words speak of {meant.task.value} ({quoted})" if quoted else f"the request is for {meant.task.value}"
    return _route(those, guess, stays, f"{why}; {{}} does it", Rule.WORDS)


def _by_conversation(guess: _Guess, stays: Model | None) -> Route | None:
    if stays is None:
        return None
    speaks_another = guess.told.confidence >= ENOUGH_TO_SWITCH and not _speaks(stays, guess.language)
    is_for_another = guess.meant is not None and guess.meant.confidence >= ENOUGH_TO_SWITCH and not guess.is_for(stays)
    if speaks_another or is_for_another:
        return None
    return Route((stays.id,), f"the conversation stays with {stays.id}", Rule.CONVERSATION)


def _route(those: list[Model], guess: _Guess, stays: Model | None, because: str, rule: Rule) -> Route | None:
    """`those` in order: the conversation's own model, then by how well they suit, then as in the catalogue."""
    if not those:
        return None
    best = sorted(those, key=lambda model: (model is not stays, *guess.fit(model)))
    return Route(tuple(model.id for model in best), because.replace("{}", best[0].id), rule)


def _declares(model: Model, language: Language | None) -> bool:
    return language is None or language.value in model.languages


def _speaks(model: Model, language: Language | None) -> bool:
    """Whether nothing says that the model does not speak it."""
    return not model.languages or _declares(model, language)


def _named(request: Request, name: str, catalog: Catalog, vocabulary: Vocabulary) -> Route:
    model, kind = catalog.get(name), request.kind
    if model.is_barred:
        raise model.barred()
    if kind not in model.kinds:
        others = ", ".join(sorted(one.id for one in catalog if kind in one.kinds)) or "no model here"
        raise NotSupported(
            f"{model.id} does not do {kind.value} ({', '.join(sorted(one.value for one in model.kinds))} only). "
            f"Able to: {others}.",
            param="model",
        )
    named = Route((model.id,), "asked for by name", Rule.NAMED, _task_of(request))
    if kind is Kind.EMBEDDING or is_in_tool_loop(request) or not request.may_substitute:
        return named
    if kind is Kind.TRANSCRIPTION:
        return _hearing(request, able_of(catalog, kind), catalog)
    guess = _Guess.of(request, vocabulary)
    return replace(named, task=named.task or guess.task, language=guess.language, may_yield=True)


def _default(kind: Kind, catalog: Catalog, able: list[Model]) -> Route:
    if any(model.id == catalog.default for model in able):
        assert catalog.default is not None, "a model has an id"
        return Route((catalog.default,), "the default model", Rule.DEFAULT)
    if len(able) == 1:
        return Route((able[0].id,), f"the only model that does {kind.value}", Rule.DEFAULT)
    if not able:
        for model in catalog:
            if kind in model.kinds:
                raise model.barred()
        raise InvalidRequest(f"No model here does {kind.value}. Add one to the catalogue.", param="model")
    names = ", ".join(sorted(model.id for model in able)[:8])
    raise InvalidRequest(
        f"Name a model, or set default_model: {len(able)} models do {kind.value} ({names}).", param="model"
    )
