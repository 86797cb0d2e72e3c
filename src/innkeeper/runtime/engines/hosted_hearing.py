"""One try of one piece of sound: it is sent to the provider, and the words come back with the times of the whole."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import TYPE_CHECKING

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engines import hosted_failure
from innkeeper.runtime.engines.form import Form
from innkeeper.runtime.engines.hosted_answer import counted
from innkeeper.runtime.engines.hosted_attempt import Attempts, Until
from innkeeper.runtime.engines.hosted_failure import Failed
from innkeeper.runtime.engines.hosted_form import Fields, FormDrift, path_of, refused_in, transcript_in
from innkeeper.runtime.engines.provider import Provider
from innkeeper.runtime.errors import BadAudio, InvalidRequest
from innkeeper.runtime.messages import Request
from innkeeper.runtime.spending.bill import Bill
from innkeeper.runtime.wire.openai.transcripts import Transcript

if TYPE_CHECKING:
    from innkeeper.runtime.engines.hosted_sound import Upload


class Hearing:
    """The tries of one engine that are about sound. Nothing here decides whether there is another one."""

    def __init__(self, model: Model, provider: Provider, drift: FormDrift, attempts: Attempts) -> None:
        self._model = model
        self._provider = provider
        self._drift = drift
        self._attempts = attempts

    def fields(self, request: Request) -> Fields:
        """What is sent beside the sound."""
        return self._drift.fields(request, self._model.source or self._model.id)

    async def attempt(
        self, upload: Upload, request: Request, bill: Bill, until: Until
    ) -> AsyncGenerator[Transcript, None]:
        """What is said in it: once, and in time.

        Raises:
            Failed: There is no answer, or it is none.
            EngineDied: The engine was stopped meanwhile.
            BadAudio: The file cannot be read any more.
        """
        bill.sends_sound(upload.length_s or 0.0)
        document = self._attempts.understood(await self._answered(upload, request, until))
        try:
            heard = transcript_in(document, upload.length_s, translates=bool(request.body.get("translate")))
        except ValueError:
            what = "answered with something that is no transcript"
            raise Failed(hosted_failure.of_nonsense(self._provider, self._model, what)) from None
        figures = counted(document)
        told = figures.cost if figures is not None and self._provider.counts_dollars else None
        bill.heard(heard.end_s, told)
        heard = heard.within(upload.start_s, upload.start_s + heard.end_s)
        yield heard if upload.is_whole else replace(heard, resume_s=heard.end_s)

    async def _answered(self, upload: Upload, request: Request, until: Until) -> bytes:
        form = Form(self.fields(request), upload.path, upload.name, upload.media_type)
        try:
            return await self._attempts.answered(path_of(request), form, until)
        except OSError as error:
            raise BadAudio(f"The sound file cannot be read: {error.strerror}.", param="file") from error
        except Failed as failed:
            failure = failed.failure
            if failure.parameter is None and isinstance(failure.error, InvalidRequest):
                raise Failed(replace(failure, parameter=refused_in(failure.error.message))) from failed
            raise
