"""Everything this runtime raises.

InnkeeperError
├── RequestError              the caller must change the request
│   ├── InvalidRequest            400  invalid_request                 no
│   ├── Unauthorized              401  invalid_api_key                 no
│   ├── NotAllowed                403  not_allowed                     no
│   ├── MustStayHere              403  must_stay_here                  yes
│   ├── UnknownModel              404  model_not_found                 no
│   ├── ModelInUse                409  model_in_use                    no
│   ├── BodyTooLarge              413  body_too_large                  no
│   ├── BadAudio                  400  bad_audio                       no
│   ├── BadFeed                   400  bad_feed                        no
│   ├── AddressRefused            403  address_refused                 no
│   ├── NotSupported              400  not_supported                   yes
│   └── PromptTooLong             400  context_length_exceeded         yes
├── CapacityError             the caller may ask again later
│   ├── QueueFull                 429  queue_full                      no
│   ├── TooManyRequests           429  rate_limit_exceeded             no
│   ├── DoesNotFit                503  budget_too_small                yes
│   ├── AllPinned                 503  memory_pinned                   yes
│   ├── MemoryTaken               503  memory_taken                    yes
│   ├── WaitedTooLong             503  waited_too_long                 yes
│   ├── NotNow                    503  not_now                         no
│   ├── SpendingCeiling           402  spending_ceiling                yes
│   ├── FetchFailed               502  fetch_failed                    no
│   └── Closing                   503  shutting_down                   no
├── EngineError               a model failed; the next one may not
│   ├── LoadFailed                502  load_failed                     yes
│   ├── CoolingDown               503  load_cooling_down               yes
│   ├── EngineDied                502  engine_died                     yes
│   ├── EngineFailed              502  engine_failed                   yes
│   ├── ProviderRefused           502  provider_refused                yes
│   ├── ProviderPaused            503  provider_paused                 yes
│   ├── EngineUnreachable         502  engine_unreachable              yes
│   └── EngineTimedOut            504  engine_timed_out                yes
├── SetupError                the operator must change something
│   ├── BadSettings               500  bad_settings                    no
│   ├── BadModelFile              500  bad_model_file                  yes
│   ├── StateUnusable             500  state_unusable                  no
│   ├── EmbeddingsDiffer          500  embeddings_differ               no
│   ├── EngineMissing             500  engine_missing                  yes
│   ├── ServerAbsent              500  server_absent                   no
│   └── DownloadFailed            500  download_failed                 no
└── ChainExhausted            502  all_candidates_failed           no

The branches are sorted by who can act. The HTTP door and the fallback chain read the attributes of the
class; nothing asks for the type. The last column says whether a chain may move on to its next candidate.
"""

from __future__ import annotations

from typing import ClassVar

Number = int | float | str | None


class InnkeeperError(Exception):
    """Base of every error this package raises on purpose.

    The message is written for the person who can act: it names the thing, the numbers and the fix.
    """

    status: ClassVar[int] = 500
    """HTTP status the API answers with."""

    code: ClassVar[str] = "internal"
    """Stable machine-readable name; part of the public API."""

    try_next: ClassVar[bool] = False
    """Whether a fallback chain may move on to its next candidate."""

    def __init__(
        self, message: str, *, param: str | None = None, retry_after_s: float | None = None, **numbers: Number
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        """The field of the request that is wrong, where one is."""
        self.retry_after_s = retry_after_s
        """Seconds after which asking again may help, where that is known."""
        self.numbers = numbers
        """The figures in the message, by name with their unit: needed_bytes, limit_tokens, …"""


class RequestError(InnkeeperError):
    """The caller must change the request."""

    status = 400
    code = "request_error"


class InvalidRequest(RequestError):
    """A field is missing, of the wrong type or out of range."""

    status = 400
    code = "invalid_request"


class Unauthorized(RequestError):
    """No API key, or one that is not known here."""

    status = 401
    code = "invalid_api_key"


class NotAllowed(RequestError):
    """The key is known but may not do this."""

    status = 403
    code = "not_allowed"


class MustStayHere(RequestError):
    """To answer, what was asked would have to leave this machine, and the settings forbid that."""

    status = 403
    code = "must_stay_here"
    try_next = True


class UnknownModel(RequestError):
    """No model of that name is in the catalogue."""

    status = 404
    code = "model_not_found"


class ModelInUse(RequestError):
    """The model answers requests now and was asked to leave without force."""

    status = 409
    code = "model_in_use"


class BodyTooLarge(RequestError):
    """The request's body is larger than the limit."""

    status = 413
    code = "body_too_large"


class BadAudio(RequestError):
    """The sound file is damaged, empty, or of a kind that nothing here can read."""

    status = 400
    code = "bad_audio"


class BadFeed(RequestError):
    """There is no podcast feed at an address."""

    status = 400
    code = "bad_feed"


class AddressRefused(RequestError):
    """An address of the web leads into a private network."""

    status = 403
    code = "address_refused"


class NotSupported(RequestError):
    """The model is there but cannot do this kind of work."""

    status = 400
    code = "not_supported"
    try_next = True


class PromptTooLong(RequestError):
    """Prompt and requested answer do not fit the context of a slot."""

    status = 400
    code = "context_length_exceeded"
    try_next = True


class CapacityError(InnkeeperError):
    """There is no room now; the caller may ask again later."""

    status = 503
    code = "capacity_error"


class QueueFull(CapacityError):
    """As many callers wait as are allowed to."""

    status = 429
    code = "queue_full"


class TooManyRequests(CapacityError):
    """This caller is over its own limit."""

    status = 429
    code = "rate_limit_exceeded"


class DoesNotFit(CapacityError):
    """The model is larger than the whole budget."""

    status = 503
    code = "budget_too_small"
    try_next = True


class AllPinned(CapacityError):
    """The model would fit, but not beside the models that are pinned."""

    status = 503
    code = "memory_pinned"
    try_next = True


class MemoryTaken(CapacityError):
    """The model would fit the budget, but other programs use that memory now."""

    status = 503
    code = "memory_taken"
    try_next = True


class WaitedTooLong(CapacityError):
    """The request waited for memory or a slot as long as it was willing to."""

    status = 503
    code = "waited_too_long"
    try_next = True


class NotNow(CapacityError):
    """The request does not wait, and no model that could answer it well is free."""

    status = 503
    code = "not_now"


class SpendingCeiling(CapacityError):
    """Asking the hosted model could cost more than the ceilings leave, or than can be told."""

    status = 402
    code = "spending_ceiling"
    try_next = True


class FetchFailed(CapacityError):
    """A document of the web could not be fetched now."""

    status = 502
    code = "fetch_failed"


class Closing(CapacityError):
    """The server is shutting down."""

    status = 503
    code = "shutting_down"


class EngineError(InnkeeperError):
    """A model failed; the next candidate may not."""

    status = 502
    code = "engine_error"
    try_next = True


class LoadFailed(EngineError):
    """The engine did not become ready."""

    status = 502
    code = "load_failed"


class CoolingDown(EngineError):
    """The model failed to load a moment ago and is not tried again yet."""

    status = 503
    code = "load_cooling_down"


class EngineDied(EngineError):
    """The engine's process went away during the request."""

    status = 502
    code = "engine_died"


class EngineFailed(EngineError):
    """The engine is there but answered with an error of its own."""

    status = 502
    code = "engine_failed"


class ProviderRefused(EngineError):
    """The provider of a hosted model does not take our key, or there is no credit with it."""

    status = 502
    code = "provider_refused"


class ProviderPaused(EngineError):
    """The provider of a hosted model failed a moment ago, or is full, and is not asked again yet."""

    status = 503
    code = "provider_paused"


class EngineUnreachable(EngineError):
    """The engine is a server elsewhere, and no connection to it can be made or it broke before the answer began."""

    status = 502
    code = "engine_unreachable"


class EngineTimedOut(EngineError):
    """The engine said nothing for as long as it may be silent."""

    status = 504
    code = "engine_timed_out"


class SetupError(InnkeeperError):
    """The operator must change a setting, a file or the machine."""

    status = 500
    code = "setup_error"


class BadSettings(SetupError):
    """A setting is unknown, of the wrong type or contradicts another."""

    status = 500
    code = "bad_settings"


class BadModelFile(SetupError):
    """A model file is missing, truncated or not what it says."""

    status = 500
    code = "bad_model_file"
    try_next = True


class StateUnusable(SetupError):
    """The folder or file that keeps our state cannot be read or written."""

    status = 500
    code = "state_unusable"


class EmbeddingsDiffer(SetupError):
    """Vectors of two makers were to be compared or kept together."""

    status = 500
    code = "embeddings_differ"


class EngineMissing(SetupError):
    """The program or library an engine needs is not on this machine."""

    status = 500
    code = "engine_missing"
    try_next = True


class ServerAbsent(SetupError):
    """No server answers where a command looked for one."""

    status = 500
    code = "server_absent"


class DownloadFailed(SetupError):
    """A model file could not be fetched whole."""

    status = 500
    code = "download_failed"


class ChainExhausted(InnkeeperError):
    """Every candidate failed; `failures` says how, in order, and the message says what to do."""

    status = 502
    code = "all_candidates_failed"

    def __init__(self, failures: tuple[tuple[str, InnkeeperError], ...]) -> None:
        told = " ".join(f"{model}: {_sentence(error.message)}" for model, error in failures)
        pauses_s = [error.retry_after_s for _, error in failures if error.retry_after_s is not None]
        passes = any(error.status in (429, 503) for _, error in failures)
        first = failures[0][0] if failures else "MODEL"
        advice = (
            "Ask again in a while."
            if passes
            else f"See `innkeeper story {first}`, and `innkeeper doctor` for the machine."
        )
        super().__init__(
            f"No model could answer. {told} {advice}",
            retry_after_s=min(pauses_s, default=None),
            tried=len(failures),
        )
        self.failures = failures


def _sentence(message: str) -> str:
    return message if message.endswith((".", "!", "?")) else f"{message}."
