"""One hosted model: its requests are tried again where that helps, and paid for; the model itself never loads.

A start takes no time and a stop only ends what is under way. Until the first words have left, a try that failed may be
repeated; afterwards never.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from innkeeper.runtime import facts
from innkeeper.runtime.catalog import Model
from innkeeper.runtime.elsewhere import elsewhere
from innkeeper.runtime.engine import Holding
from innkeeper.runtime.engines import hosted_failure
from innkeeper.runtime.engines.hosted_answer import TARGETS
from innkeeper.runtime.engines.hosted_attempt import Attempts, House
from innkeeper.runtime.engines.hosted_drift import Drift
from innkeeper.runtime.engines.hosted_failure import Failed, Failure
from innkeeper.runtime.engines.hosted_link import Link
from innkeeper.runtime.errors import LoadFailed, NotSupported, SetupError
from innkeeper.runtime.messages import Chunk, Request
from innkeeper.runtime.spending.spending import Bill


class HostedEngine:
    """One hosted model."""

    def __init__(self, model: Model, link: Link, drift: Drift, house: House) -> None:
        self._model = model
        self._link = link
        self._drift = drift
        self._house = house
        self._attempts = Attempts(model, link, drift, house)

    async def start(self) -> None:
        """See `Engine.start`. Sends nothing.

        Raises:
            MustStayHere: It would send prompts elsewhere, and nothing may leave this machine.
        """
        if self._attempts.is_stopped:
            raise LoadFailed(f"{self._model.id} was stopped before it was started.")
        refuse_to_send(self._model, self._link)
        try:
            self._link.provider.check()
        except SetupError as error:
            raise LoadFailed(f"{self._model.id} cannot be asked: {error.message}") from error
        self._attempts.begin()

    async def run(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """See `Engine.run`.

        Raises:
            SpendingCeiling: Before anything is sent.
            ProviderPaused: Before anything is sent, or when the provider is full.
            ProviderRefused: It does not take the key, or there is no credit.
            EngineUnreachable: There is no connection.
            EngineTimedOut: There were no first words in time, or a long silence later.
        """
        if request.kind not in self._model.kinds or request.kind not in TARGETS:
            does = ", ".join(sorted(kind.value for kind in self._model.kinds))
            raise NotSupported(f"{self._model.id} does not do {request.kind.value}; it does {does}.", param="model")
        refuse_to_send(self._model, self._link)
        self._attempts.refuse_when_stopped()
        provider = self._link.provider
        with self._house.spending.bill(request, self._model, provider.answer_tokens_at_most) as bill:
            async with aclosing(self._answer(request, bill)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def stop(self) -> None:
        """See `Engine.stop`."""
        self._attempts.end()

    async def gone(self) -> str:
        """See `Engine.gone`. It is never gone by itself: a provider that does not answer may do so the next time."""
        await self._attempts.ended()
        return "stopped"

    def holding(self) -> Holding | None:
        """None: it holds nothing here."""
        return None

    async def _answer(self, request: Request, bill: Bill) -> AsyncGenerator[Chunk, None]:
        """Try until there are first words, an error that trying again does not cure, or no time left."""
        link, model = self._link, self._model
        began_s = self._house.seconds()
        retry_until_s = began_s + _least(
            link.provider.first_words_within_s, request.first_words_within_s, request.wait_at_most_s
        )
        until_s = began_s + _least(
            link.provider.first_words_within_s if request.streams else link.provider.whole_answer_within_s,
            request.first_words_within_s,
        )
        retries = 0
        link.pass_through(model.id)
        is_settled = said_something = False
        try:
            while True:
                try:
                    async with aclosing(self._attempts.attempt(request, bill, until_s)) as chunks:
                        async for chunk in chunks:
                            if not said_something:
                                said_something = is_settled = True
                                link.succeeded(model.id)
                            yield chunk
                except Failed as failed:
                    failure = failed.failure
                else:
                    return
                if not said_something:
                    if not failure.is_charged:
                        bill.refused()
                    if self._has_adapted(request, failure):
                        continue
                    pause_s = hosted_failure.pause_s(retries, failure.retry_after_s, self._house.chance())
                    has_time = self._house.seconds() + pause_s < retry_until_s
                    if failure.may_be_retried and retries < link.provider.retries and has_time:
                        retries += 1
                        await self._attempts.pause(pause_s)
                        continue
                is_settled = True
                link.failed(model.id, failure)
                raise failure.error
        finally:
            if not is_settled:  # the caller left
                link.abandoned(model.id)

    def _has_adapted(self, request: Request, failure: Failure) -> bool:
        """Whether the request can be sent in another form than the one that was refused."""
        if failure.parameter is None:
            return False
        change = self._drift.change_for(failure.parameter, self._attempts.body(request))
        if change is None:
            return False
        self._drift.remember(change)
        self._house.note(facts.Adapted(self._model.id, change.parameter, change.sent_as, failure.error.message))
        return True


def _least(limit_s: float, *others_s: float | None) -> float:
    return min([limit_s, *(other_s for other_s in others_s if other_s is not None)])


def refuse_to_send(model: Model, link: Link) -> None:
    """Nothing leaves this machine where nothing may: the last gate, behind the router's and the keeper's.

    Raises:
        MustStayHere: It would.
    """
    for host in (model.sent_to, elsewhere(link.provider.url)):  # as the catalogue has it, and where it really goes
        if model.must_stay and host is not None:
            raise replace(model, sent_to=host).barred()
