"""The way to one provider, shared by all its models: the connections, and who is left alone for a while."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

from innkeeper.runtime import facts
from innkeeper.runtime.engines.breaker import Breaker
from innkeeper.runtime.engines.hosted_failure import Failure, Scope
from innkeeper.runtime.engines.provider import Provider
from innkeeper.runtime.errors import ProviderPaused
from innkeeper.runtime.facts import Note

if TYPE_CHECKING:
    from innkeeper.runtime.engines.remote_http import RemoteHttp


class Link:
    """One provider: a breaker for all of it and one for each model, because one model may be full and others not."""

    def __init__(self, provider: Provider, *, note: Note, seconds: Callable[[], float]) -> None:
        self.provider = provider
        self._note = note
        self._seconds = seconds
        self._http: RemoteHttp | None = None
        self._whole = Breaker()
        self._models: defaultdict[str, Breaker] = defaultdict(Breaker)
        self._why: dict[str | None, str] = {}
        """Why each is left alone, by model; None is the whole provider."""

    @property
    def http(self) -> RemoteHttp:
        """The connections; opened with the first use, because what they need takes a tenth of a second to import."""
        if self._http is None:
            from innkeeper.runtime.engines.remote_http import RemoteHttp

            provider = self.provider
            self._http = RemoteHttp(
                provider.name,
                provider.url,
                fix=f"Look at the network and at hosted.{provider.name}.url.",
                headers=provider.all_headers(),
            )
        return self._http

    def refusal(self, model: str) -> ProviderPaused | None:
        """Why that model is left alone now, and for how long; None where it may be asked."""
        now_s = self._seconds()
        for subject, breaker in ((None, self._whole), (model, self._models[model])):
            wait_s = breaker.wait_s(now_s)
            if wait_s is not None:
                whom = self.provider.name if subject is None else f"{model} at {self.provider.name}"
                why = self._why.get(subject, "it failed a moment ago.")
                return ProviderPaused(
                    f"{whom} is left alone for another {wait_s:.0f} s: {why}", retry_after_s=max(wait_s, 1.0)
                )
        return None

    def pass_through(self, model: str) -> None:
        """A request is about to be sent; one of the three below must be told of its end.

        Raises:
            ProviderPaused: The provider or the model is left alone.
        """
        refusal = self.refusal(model)
        if refusal is not None:
            raise refusal
        now_s = self._seconds()
        self._whole.pass_through(now_s)
        self._models[model].pass_through(now_s)

    def succeeded(self, model: str) -> None:
        """It answered."""
        for subject, breaker in ((None, self._whole), (model, self._models[model])):
            if breaker.succeeded():
                self._why.pop(subject, None)
                self._note(facts.ProviderBack(self.provider.name, subject))

    def failed(self, model: str, failure: Failure) -> None:
        """It did not."""
        if failure.verdict is None:
            self.abandoned(model)
            return
        subject = None if failure.scope is Scope.PROVIDER else model
        breaker, other = self._whole, self._models[model]
        if subject is not None:
            breaker, other = other, breaker
        other.abandoned(self._seconds())
        pause_s = breaker.failed(failure.verdict, self._seconds(), failure.retry_after_s)
        if pause_s is not None:
            self._why[subject] = failure.error.message
            self._note(facts.ProviderPaused(self.provider.name, subject, failure.error.message, pause_s))

    def abandoned(self, model: str) -> None:
        """Its end says nothing about the provider."""
        for breaker in (self._whole, self._models[model]):
            breaker.abandoned(self._seconds())

    async def close(self) -> None:
        """Close every connection."""
        http, self._http = self._http, None
        if http is not None:
            await http.close()
