"""One hosted model: its requests are tried again where that helps, and paid for; the model itself never loads.

A start takes no time and a stop only ends what is under way. Until the first words have left, a try that failed may be
repeated; afterwards never. Of a long recording each part is tried like that by itself.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from innkeeper.runtime import facts
from innkeeper.runtime.catalog import Model
from innkeeper.runtime.elsewhere import elsewhere
from innkeeper.runtime.engine import Holding
from innkeeper.runtime.engines import hosted_failure
from innkeeper.runtime.engines.hosted_answer import TARGETS
from innkeeper.runtime.engines.hosted_attempt import Attempts, House, Until
from innkeeper.runtime.engines.hosted_drift import Change, Drift
from innkeeper.runtime.engines.hosted_failure import Failed, Failure
from innkeeper.runtime.engines.hosted_form import FormDrift
from innkeeper.runtime.engines.hosted_hearing import Hearing
from innkeeper.runtime.engines.hosted_link import Link
from innkeeper.runtime.errors import LoadFailed, NotSupported, SetupError
from innkeeper.runtime.messages import Chunk, Done, Kind, Piece, Request
from innkeeper.runtime.spending.bill import Bill
from innkeeper.runtime.wire.openai.transcripts import Transcript, transcript_piece

if TYPE_CHECKING:
    from innkeeper.runtime.engines.hosted_sound import Upload

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Drifts:
    """What one model was found to take otherwise."""

    bodies: Drift = field(default_factory=Drift)
    forms: FormDrift = field(default_factory=FormDrift)


class HostedEngine:
    """One hosted model."""

    def __init__(self, model: Model, link: Link, drifts: Drifts, house: House) -> None:
        self._model = model
        self._link = link
        self._drifts = drifts
        self._house = house
        self._attempts = Attempts(model, link, drifts.bodies, house)
        self._hearing = Hearing(model, link.provider, drifts.forms, self._attempts)

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
        hears = request.kind is Kind.TRANSCRIPTION
        if request.kind not in self._model.kinds or not (hears or request.kind in TARGETS):
            does = ", ".join(sorted(kind.value for kind in self._model.kinds))
            raise NotSupported(f"{self._model.id} does not do {request.kind.value}; it does {does}.", param="model")
        refuse_to_send(self._model, self._link)
        self._attempts.refuse_when_stopped()
        async with aclosing(self._hear(request) if hears else self._say(request)) as chunks:
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

    async def _say(self, request: Request) -> AsyncGenerator[Chunk, None]:
        provider = self._link.provider
        with self._house.spending.bill(request, self._model, provider.answer_tokens_at_most) as bill:
            began_s = self._house.seconds()
            until = self._until(request, began_s)
            tries = self._tried(
                lambda: self._attempts.attempt(request, bill, until),
                lambda parameter: self._drifts.bodies.adapt(parameter, self._attempts.body(request)),
                bill,
                began_s + _least(provider.first_words_within_s, request.first_words_within_s, request.wait_at_most_s),
            )
            async with aclosing(tries) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def _hear(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """A piece is what was heard in one upload: in the whole recording, where that fits."""
        from innkeeper.runtime.engines.hosted_sound import Sound  # numpy comes with it, and text needs none

        refusal = self._link.refusal(self._model.id)
        if refusal is not None:  # before a long recording is looked at in vain
            raise refusal
        body, provider = request.body, self._link.provider
        sound = await self._attempts.within(lambda: Sound.of(Path(body["file"]), body.get("from_s") or 0.0), None)
        whole = Transcript(translates=bool(body.get("translate")), language=body.get("language"))
        with self._house.spending.bill(request, self._model, 0, audio_s=sound.length_s) as bill:
            async with aclosing(sound.uploads(provider, self._house.uploads)) as uploads:
                while (upload := await self._attempts.within(lambda: anext(uploads, None), None)) is not None:
                    async with aclosing(self._heard(upload, request, bill)) as transcripts:
                        async for heard in transcripts:
                            if request.streams:
                                yield Piece(transcript_piece(heard, first_id=len(whole.segments)))
                            whole = whole.joined(heard)
            audio_s = whole.end_s if sound.length_s is None else sound.from_s + sound.length_s
            if not request.streams or not whole.end_s:  # of no sound at all there is one empty piece
                yield Piece(transcript_piece(whole.lasting(audio_s)))
            yield Done(replace(bill.usage, audio_s=audio_s))

    def _heard(self, upload: Upload, request: Request, bill: Bill) -> AsyncGenerator[Transcript, None]:
        provider, now_s = self._link.provider, self._house.seconds()
        longer = f"If it only needs longer, raise hosted.{provider.name}.whole_answer_within_s."
        until = Until(now_s + provider.whole_answer_within_s, provider.whole_answer_within_s, longer)
        return self._tried(
            lambda: self._hearing.attempt(upload, request, bill, until),
            lambda parameter: self._drifts.forms.adapt(parameter, self._hearing.fields(request)),
            bill,
            until.at_s,
        )

    async def _tried(
        self,
        attempt: Callable[[], AsyncGenerator[Answer, None]],
        adapt: Callable[[str], Change | None],
        bill: Bill,
        retry_until_s: float,
    ) -> AsyncGenerator[Answer, None]:
        """Try until there are first words, an error that trying again does not cure, or no time left.

        `adapt` is told of a parameter that is refused, and changes what the next try sends if it can.
        """
        link, model = self._link, self._model
        retries = 0
        link.pass_through(model.id)
        is_settled = said_something = False
        try:
            while True:
                try:
                    async with aclosing(attempt()) as answers:
                        async for answer in answers:
                            if not said_something:
                                said_something = is_settled = True
                                link.succeeded(model.id)
                            yield answer
                except Failed as failed:
                    failure = failed.failure
                else:
                    return
                if not said_something:
                    if not failure.is_charged:
                        bill.refused()
                    if self._has_adapted(failure, adapt):
                        continue
                    pause_s = hosted_failure.pause_s(retries, failure.retry_after_s, self._house.chance())
                    has_time = self._house.seconds() + pause_s < retry_until_s
                    is_worth_it = failure.may_be_retried and retries < link.provider.retries and has_time
                    if is_worth_it and bill.may_repeat():
                        retries += 1
                        await self._attempts.pause(pause_s)
                        continue
                is_settled = True
                link.failed(model.id, failure)
                raise failure.error
        finally:
            if not is_settled:  # the caller left
                link.abandoned(model.id)

    def _until(self, request: Request, began_s: float) -> Until:
        provider = self._link.provider
        setting = "first_words_within_s" if request.streams else "whole_answer_within_s"
        within_s = provider.first_words_within_s if request.streams else provider.whole_answer_within_s
        if request.first_words_within_s is not None and request.first_words_within_s < within_s:
            within_s = request.first_words_within_s
            return Until(began_s + within_s, within_s, "The rest of the time is for the next candidate.")
        longer = f"If it only needs longer, raise hosted.{provider.name}.{setting}."
        return Until(began_s + within_s, within_s, longer)

    def _has_adapted(self, failure: Failure, adapt: Callable[[str], Change | None]) -> bool:
        """Whether the request can be sent in another form than the one that was refused."""
        change = adapt(failure.parameter) if failure.parameter is not None else None
        if change is not None:
            self._house.note(facts.Adapted(self._model.id, change.parameter, change.sent_as, failure.error.message))
        return change is not None


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
