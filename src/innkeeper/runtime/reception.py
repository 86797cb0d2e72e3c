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

    def choice(self, request: Request, catalog: Catalog) -> Choice:
        """Who answers `request`; changes nothing.

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
        if not way.may_yield and request.waits:  # nothing is left to weigh
            return Choice(way.candidates, way.because, way.candidates[0], due, (), task=task)
        seen = catalog if request.may_use is None else catalog.only(request.may_use)

        @cache
        def standing_of(model: str) -> Standing:
            return self._standing(model, is_hosted=seen.get(model).provider is not None)

        question = Question(due, prompt_tokens(request), request.waits, last)
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
            return Standing(model, Presence.COLD, refusal=trouble or UnknownModel(f"There is no model {model!r} yet."))
        return self._residency.standing(model, self._seconds(), is_hosted=is_hosted)
