"""Requests to come, and the models there are for them, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from innkeeper.runtime.catalog import Bytes, Catalog, Model
from innkeeper.runtime.messages import Body, Kind, Request
from innkeeper.runtime.routing.choice import Worth
from innkeeper.runtime.routing.deadlines import Targets
from innkeeper.runtime.routing.prompt_size import BYTES_PER_TOKEN

GB: Final = 1_000_000_000
HOUR_S: Final = 3600.0
MEMORY: Final = "memory"
"""The one pool of a generated workload."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What a model needs, and how fast it is."""

    needs: Bytes
    load_s: float
    """Seconds a load takes on an idle channel."""
    prompt_tokens_per_s: float
    answer_tokens_per_s: float
    """For one answer. Others that run beside it, in slots of their own, are taken not to slow it."""
    delay_s: float = 0.0
    """Seconds before the prompt is read, as of a network."""

    def first_s(self, arrival: Arrival) -> float:
        """Seconds from the lease to the first words: the prompt is read, and a token made."""
        first_token_s = 1 / self.answer_tokens_per_s if arrival.answer_tokens else 0.0
        return self.delay_s + self.read_s(arrival) + first_token_s

    def service_s(self, arrival: Arrival) -> float:
        """Seconds from the lease to the end of the answer."""
        return self.delay_s + self.read_s(arrival) + self.write_s(arrival)

    def read_s(self, arrival: Arrival) -> float:
        """Of that, the part that reads the prompt."""
        return arrival.prompt_tokens / self.prompt_tokens_per_s

    def write_s(self, arrival: Arrival) -> float:
        """Of that, the part that writes the answer."""
        return arrival.answer_tokens / self.answer_tokens_per_s


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request to come."""

    at_s: float
    model: str
    """The model that is right for it: what the router chooses, where the request does not name it."""
    prompt_tokens: int
    """Those the engine has to read: what it finds in its cache is not counted."""
    answer_tokens: int
    """0 for work whose answer is not made token by token, as vectors."""
    task: str | None = None
    kind: Kind = Kind.CHAT
    text: str = ""
    """What the router reads of it; the length of the prompt is another matter."""
    is_named: bool = False
    """Whether it names its model; another may then answer only with `allows_substitute`."""
    allows_substitute: bool = False
    deadline_s: float | None = None
    """Seconds within which its caller wants the first words; None takes the target of what it is for."""
    client: str = ""
    context: str | None = None
    """The campaign or feed it belongs to; None where it belongs to none."""

    def request(self, number: int) -> Request:
        """It, as the router sees it."""
        return Request(
            f"r-{number}",
            self.kind,
            self._body(),
            self.model if self.is_named else None,
            client=self.client,
            task=self.task,
            deadline_s=self.deadline_s,
            allows_substitute=self.allows_substitute,
        )

    def _body(self) -> Body:
        """As long as its tokens say: what was said before goes before what the router reads."""
        before = "." * (BYTES_PER_TOKEN * self.prompt_tokens)
        match self.kind:
            case Kind.EMBEDDING:
                return {"input": before}
            case Kind.RERANK:
                return {"query": self.text, "documents": [before]}
            case _:
                return {"messages": [{"role": "system", "content": before}, {"role": "user", "content": self.text}]}


@dataclass(frozen=True, slots=True)
class Workload:
    """Who comes, what there is for them, and what counts as in time."""

    name: str
    budget: Bytes
    catalog: Catalog
    paces: Mapping[str, Pace]
    arrivals: tuple[Arrival, ...]
    targets: Targets = field(default_factory=Targets)
    worth: Worth = field(default_factory=Worth)

    @property
    def lasts_s(self) -> float:
        """From the first moment to the last arrival."""
        return self.arrivals[-1].at_s if self.arrivals else 0.0

    def local(self) -> list[Model]:
        """The models that are loaded here."""
        return [model for model in self.catalog if not is_hosted(model)]


def is_hosted(model: Model) -> bool:
    """Whether it runs on a machine of others."""
    return model.provider is not None
