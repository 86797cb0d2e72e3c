"""Receives a request: who answers it, from the rules, the state of the house and what was learned of every model."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from innkeeper.runtime.catalog import Catalog
from innkeeper.runtime.errors import InnkeeperError, UnknownModel
from innkeeper.runtime.messages import Request
from innkeeper.runtime.residency.machine import Residency
from innkeeper.runtime.routing.choice import Choice, Debts, Question, Worth
from innkeeper.runtime.routing.choosing import choose
from innkeeper.runtime.routing.conversations import Conversations
from innkeeper.runtime.routing.deadlines import Targets
from innkeeper.runtime.routing.prompt_size import prompt_tokens
from innkeeper.runtime.routing.router import Rule, able_of, route
from innkeeper.runtime.routing.timing import Answered, Timing
from innkeeper.runtime.routing.vocabulary import Vocabulary
from innkeeper.runtime.standing import Presence, Standing
from innkeeper.runtime.views import Explanation, OptionView


class Reception:
    """Owns what choosing needs to remember: conversations, times, debts."""

    def __init__(
        self,
        residency: Residency,
        *,
        vocabulary: Vocabulary,
        seconds: Callable[[], float],
        trouble: Callable[[str], InnkeeperError | None],
        targets: Targets | None = None,
        worth: Worth | None = None,
    ) -> None:
        """`trouble` tells why a model cannot even be sized, None where it can."""
        self.timing = Timing()
        self._residency = residency
        self._vocabulary = vocabulary
        self._seconds = seconds
        self._trouble = trouble
        self._targets = targets or Targets()
        self._worth = worth or Worth()
        self._conversations = Conversations()
        self._debts = Debts()

    def explanation(self, request: Request, catalog: Catalog) -> Explanation:
        """Who would answer `request` now, and what speaks for and against each model; changes nothing.

        Raises:
            InnkeeperError: As `choice` does.
        """
        choice = self.choice(request, catalog, looks_at_all=True)
        states = self._residency.books.residents
        options = (
            OptionView(
                model=one.model,
                state=states[one.model].state.value if one.model in states else "cold",
                quality=one.quality,
                first_words_s=one.expected.first_words_s if one.expected is not None else None,
                queue_s=one.expected.queue_s if one.expected is not None else None,
                load_s=one.expected.load_s if one.expected is not None else None,
                prompt_s=one.expected.prefill_s if one.expected is not None else None,
                decode_s=one.expected.decode_s if one.expected is not None else None,
                cost_s=one.cost_s,
                owed_s=self._debts.owed_s.get(one.model, 0.0),
                skipped=one.skipped,
            )
            for one in choice.options
        )
        refused = {one.model for one in choice.options if one.is_refused}
        return Explanation(
            answers=next((model for model in choice.candidates if model not in refused), None),
            candidates=choice.candidates,
            because=choice.because,
            right=choice.right,
            task=choice.task,
            due_s=choice.due.within_s,
            due_because=choice.due.because,
            loads_next=choice.loads_next,
            options=tuple(options),
        )

    def choice(self, request: Request, catalog: Catalog, *, looks_at_all: bool = False) -> Choice:
        """Who answers `request`; changes nothing. `looks_at_all`: the choice tells of every model, for an explanation.

        Raises:
            UnknownModel: It names a model that is not in the catalogue, or not in the caller's.
            MustStayHere: It names a model elsewhere, and nothing may leave this machine.
            NotSupported: The model it names cannot do this kind of work.
            InvalidRequest: It names none, and none can be chosen.
        """
        last = self._conversations.last(request)
        way = route(request, catalog, self._vocabulary, last)
        due = self._targets.due(
            way.task,
            way.language,
            goes_by_language=way.rule is Rule.LANGUAGE,
            is_for_default=way.candidates[0] == catalog.default,
            asked_s=request.deadline_s,
        )
        task = request.task if way.task is None else way.task.value
        if not way.may_yield and request.waits and not looks_at_all:  # nothing is left to weigh
            return Choice(way.candidates, way.because, way.candidates[0], due, (), task=task)
        seen = catalog if request.may_use is None else catalog.only(request.may_use)

        @cache
        def standing_of(model: str) -> Standing:
            return self._standing(model, is_hosted=seen.get(model).provider is not None)

        question = Question(due, prompt_tokens(request), request.waits, last, looks_at_all)
        able = able_of(seen, request.kind)
        return choose(way, question, able, standing_of, self.timing, self._debts.owed_s, self._worth, task)

    def answers(self, request: Request, choice: Choice, model: str) -> None:
        """`model` has begun to answer: its conversation and its debts go on from there.

        A conversation that another model answers for lack of time still belongs to the right one.
        """
        stands_in = choice.is_substituted and model == choice.candidates[0]
        self._conversations.answered(request, choice.right if stands_in else model)
        self._debts.note(choice)
        if stands_in:
            self.timing.doubt(choice.right)

    def learn(self, answered: Answered) -> None:
        """Take note of how long an answer took."""
        self.timing.learn(answered)

    def _standing(self, model: str, *, is_hosted: bool) -> Standing:
        trouble = self._trouble(model)
        if trouble is not None or model not in self._residency.books.residents:
            error = trouble or UnknownModel(f"There is no model {model!r} yet.")
            return Standing(model, Presence.COLD, refusal=error, is_worth_a_try=True)
        return self._residency.standing(model, self._seconds(), is_hosted=is_hosted)
