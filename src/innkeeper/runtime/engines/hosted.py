"""Models of OpenAI-compatible APIs elsewhere: no bytes of any memory, and money for every answer."""

from __future__ import annotations

from collections.abc import Iterable

from innkeeper.runtime.catalog import Model
from innkeeper.runtime.engine import Engine, Footprint, Holding, Sizing
from innkeeper.runtime.engines.hosted_attempt import House
from innkeeper.runtime.engines.hosted_engine import Drifts, HostedEngine, refuse_to_send
from innkeeper.runtime.engines.hosted_link import Link
from innkeeper.runtime.engines.provider import Provider
from innkeeper.runtime.errors import EngineMissing, ProviderPaused, SpendingCeiling
from innkeeper.runtime.spending.spending import Spending


class Hosted:
    """The adapter. Nothing is connected before the first request; `close` after the last."""

    name = "hosted"

    def __init__(self, providers: Iterable[Provider], house: House) -> None:
        self._house = house
        self._links = {provider.name: Link(provider, note=house.note, seconds=house.seconds) for provider in providers}
        self._drifts: dict[tuple[str, str], Drifts] = {}
        """By provider and the model's name there."""
        self._models: dict[str, Model] = {}
        """Those that were sized, as the catalogue has them now."""

    def engine(self, model: Model, context: int | None = None) -> HostedEngine:  # noqa: ARG002  # the port's
        """See `Adapter.engine`."""
        link = self._link(model)
        drifts = self._drifts.setdefault((link.provider.name, model.source or model.id), Drifts())
        return HostedEngine(model, link, drifts, self._house)

    def footprint(self, model: Model, context: int | None = None) -> Footprint:  # noqa: ARG002  # the port's
        """Nothing: it is held elsewhere.

        Raises:
            MustStayHere: It would send prompts elsewhere, and nothing may leave this machine.
            EngineMissing: Its provider or its provider's key is not known.
        """
        link = self._link(model)
        self._models[model.id] = model
        refuse_to_send(model, link)
        link.provider.check()
        return Footprint({}, Sizing.DECLARED)

    def load_s(self, model: Model) -> float:  # noqa: ARG002  # the port's
        """None at all."""
        return 0.0

    def learn(self, model: Model, engine: Engine, holding: Holding) -> None:
        """There is nothing to learn: it holds nothing here."""

    @property
    def spending(self) -> Spending | None:
        """The money of its models; None where there is no provider, so that none can cost any."""
        return self._house.spending if self._links else None

    def provider(self, name: str) -> Provider:
        """The provider of that name. It must be there."""
        return self._links[name].provider

    def refusal(self, model_id: str) -> ProviderPaused | SpendingCeiling | None:
        """Why a model would be refused now whatever is asked of it: it is left alone, or the money of the day is spent.

        None where it may be asked, and for models that are not hosted.
        """
        model = self._models.get(model_id)
        if model is None:
            return None
        return self._link(model).refusal(model_id) or self._house.spending.refusal(model)

    async def close(self) -> None:
        """Close every connection, and the book of what was spent. Safe to repeat."""
        for link in self._links.values():
            await link.close()
        self._house.spending.close()

    def _link(self, model: Model) -> Link:
        link = self._links.get(model.provider or "")
        if link is None:
            known = ", ".join(sorted(self._links)) or "none"
            raise EngineMissing(
                f"{model.id} names the provider {model.provider!r}; when the server started there were: {known}. "
                "Providers are taken up at the next start."
            )
        return link
