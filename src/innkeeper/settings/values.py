"""Every setting there is: its type with its unit, its default and one sentence why it is there.

The docstrings under the fields are the reference page. Nothing here reads a file or a variable.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from innkeeper.settings.embedding import EmbeddingProvider
from innkeeper.settings.foreign import LmStudioSettings, OllamaSettings
from innkeeper.settings.forms import Budget, CacheType, KeepFor, KindName, Memory, OneOption, YesNo
from innkeeper.settings.hosted import Money, ProviderSettings, SpendingSettings
from innkeeper.settings.names import Languages, Tasks, names
from innkeeper.settings.quantities import Amount, Count, Seconds, Size
from innkeeper.settings.routing import Quality, RoutingSettings, TargetTable
from innkeeper.settings.section import Section

CONSENT: Final = "yes, anyone who can reach this port may use it"
"""The words that open a door without keys to the network."""

READS_FILES: Final = frozenset({"llama_cpp", "whisper"})
"""Engines that cannot do without a file."""


class Finding(Enum):
    """When model files are looked for on the disk."""

    AUTOMATIC = "automatic"
    ALWAYS = "always"
    NEVER = "never"


class MemorySettings(Section):
    """How much memory is left to others, and when to warn."""

    reserve: Amount | None = None
    """Memory of each pool that is left to other programs when no `budget` is given, e.g. `"2 GiB"` or `"10 %"`. Not
    given: 10 % of the pool, at most 1 GiB."""

    alarm: Amount = Fraction(5, 100)
    """When less than this is free in a pool, whoever filled it, a warning is recorded before anything is killed."""

    poll_s: Annotated[Seconds, Field(ge=0.1, le=60)] = 1.0
    """Seconds between two readings of what the pools and the models really hold."""

    def reserve_of(self, total_bytes: int) -> int:
        """Bytes of a pool of `total_bytes` that are left to others."""
        if self.reserve is None:
            return min(total_bytes // 10, 1024**3)
        return self.reserve if isinstance(self.reserve, int) else int(total_bytes * self.reserve)

    def alarm_of(self, total_bytes: int) -> int:
        """Free bytes of a pool of `total_bytes` below which the alarm is raised."""
        return self.alarm if isinstance(self.alarm, int) else int(total_bytes * self.alarm)


class QueueSettings(Section):
    """How many may wait for memory or a slot, and how long."""

    limit: Annotated[Count, Field(ge=0, le=100_000)] = 256
    """Requests that may wait before new ones are refused with 429."""

    patience_s: Annotated[Seconds, Field(le=86_400)] = 30.0
    """Seconds a request lets models that are held for another caller's next turn stand in its way."""

    longest_wait_s: Annotated[Seconds, Field(gt=0, le=86_400)] = 300.0
    """Seconds a request waits for memory and a slot, loading included, before it is refused with 503."""

    longest_load_s: Annotated[Seconds, Field(gt=0, le=86_400)] = 600.0
    """Seconds a model may take to become ready before its load counts as failed."""

    longest_silence_s: Annotated[Seconds, Field(gt=0, le=86_400)] = 120.0
    """Seconds a model that streams may say nothing, reading a long prompt left out, before it counts as failed."""

    longest_answer_s: Annotated[Seconds, Field(gt=0, le=86_400)] = 3600.0
    """Seconds an answer may take that does not stream."""


class ApiSettings(Section):
    """The HTTP door."""

    body_limit: Size = 16 * 1024**2
    """The largest request body that is read; a larger one is refused with 413."""

    requests_at_once: Annotated[Count, Field(ge=1, le=100_000)] = 512
    """Requests in the house at the same time, waiting ones included; more are refused with 429."""

    audio_limit: Size = 512 * 1024**2
    """The largest upload of sound; a larger one is refused with 413."""

    allowed_hosts: Annotated[tuple[str, ...], BeforeValidator(names)] = ()
    """Names this server is called by, beside localhost and its address, e.g. behind a proxy; without API keys requests
    under other names are refused, because a web page could have sent them."""

    shutdown_within_s: Annotated[Seconds, Field(le=3600)] = 10.0
    """Seconds that answers under way may take to end when the server closes."""

    heartbeat_s: Annotated[Seconds, Field(ge=0.1, le=300)] = 2.0
    """Seconds of silence after which a waiting stream is sent a comment, so that nothing between gives up on it."""

    open_to_network_without_keys: Literal["yes, anyone who can reach this port may use it"] | None = None
    """Without API keys the server listens on this machine alone, unless this says in full:
    `"yes, anyone who can reach this port may use it"`."""

    @property
    def consents_to_open_network(self) -> bool:
        """Whether the operator said in words that other machines need no key."""
        return self.open_to_network_without_keys == CONSENT


class LlamaCppSettings(Section):
    """The engine that runs GGUF files."""

    server_program: Path | None = None
    """A `llama-server` program to run models with. Not given: the one on the PATH, else the worker that comes with
    Innkeeper."""

    threads: Annotated[Count, Field(ge=1, le=1024)] | None = None
    """Threads one model computes with. Not given: the cores this process may use."""

    spare_child: YesNo = True
    """Whether one empty worker waits ready, which makes every load quicker and costs its memory."""


class SpeechSettings(Section):
    """The engine that hears: Whisper models."""

    threads: Annotated[Count, Field(ge=1, le=1024)] | None = None
    """Threads one model computes with. Not given: the cores this process may use."""

    voice_file: Path | None = None
    """Weights that tell voices from noise, `ggml-silero-….bin`. Not given: such a file in `models_dir`, else voices are
    told by their loudness."""


class JournalSettings(Section):
    """What is remembered of what happened."""

    keep_days: Annotated[Count, Field(ge=1, le=3660)] = 14
    """Days a fact is kept."""

    keep: Size = 256 * 1024**2
    """The most the journal's file may hold; the oldest facts go first."""


class ModelSettings(Section):
    """One model. The table's name is its id, which callers put into the field `model`."""

    engine: str = "llama_cpp"
    """What runs it: `"llama_cpp"` for GGUF files, `"whisper"` for Whisper's ggml files, `"ollama"` and `"lmstudio"` for
    models inside those servers, `"hosted"` for an API elsewhere, `"lexical"` for vectors without a model, `"echo"` to
    try things out. Not given: what its file is."""

    file: Path | None = None
    """The model file, the first part of a split one; not absolute: below `models_dir`."""

    source: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """What the server that runs it calls the model. Not given: its id here."""

    provider: str | None = None
    """For the engine `"hosted"`: whose API it is, by the name of a table `[hosted.<id>]`."""

    input_price: Money | None = None
    """Money for a million tokens read. Not given: the provider's."""

    output_price: Money | None = None
    """Money for a million tokens written. Not given: the provider's."""

    minute_price: Money | None = None
    """Money for a minute of sound that it hears. Not given: the provider's."""

    kinds: Annotated[frozenset[KindName], BeforeValidator(names)] | None = None
    """What it can do: `"chat"`, `"completion"`, `"embedding"`, `"rerank"`, `"transcription"`. Not given: what its
    file says."""

    tasks: Tasks = frozenset()
    """What it is good at: `"roleplay"`, `"dialogue"`, `"mechanics"`, `"combat"`, `"character_creation"`,
    `"worldbuilding"`, `"story"`, `"summary"`, `"extraction"`, `"translation"`, `"embedding"`, `"transcription"`,
    `"general"`. A request that names no model goes by it; not given: it is nobody's first choice."""

    languages: Languages = frozenset()
    """What it speaks: `"el"`, `"en"`, `"de"`, `"es"`, `"fr"`, `"it"`, `"nl"`, `"pt"`, `"ru"`, `"uk"`, `"ar"`, `"he"`,
    `"hi"`, `"ja"`, `"ko"`, `"zh"`. A text in one of them goes here; not given: any language may."""

    quality: Quality = Field(default_factory=dict)
    """How well it does what it stands in for, from 0 to 1: a number, or a table by task and language such as
    `{story = 0.7, greek = 0.35}`. Not given: 1 for what it declares, 0.8 for a task where it declares none, 0.5 where
    it declares others, 0.35 for a language that others declare and it does not."""

    context: Annotated[Count, Field(ge=16, le=16_777_216)] | None = None
    """Tokens one request may use, prompt and answer together. Not given: as the engine finds fit."""

    slots: Annotated[Count, Field(ge=1, le=256)] | None = None
    """Requests it answers at the same time; each has `context` tokens of its own. Not given: 1, and 16 for an
    embedding or rerank model that remembers nothing of what it has read, because they cost it little memory."""

    cache_type: CacheType = "f16"
    """Number format of the context's memory; `"q8_0"` needs about half of `"f16"`."""

    keep_for_s: KeepFor = 300.0
    """Seconds an idle model stays in memory, or `"until needed"`."""

    hold_s: Annotated[Seconds, Field(le=3600)] = 0.0
    """Seconds after an answer in which only an impatient caller may displace it."""

    pinned: YesNo = False
    """Whether it is never chosen to make room."""

    waiting_limit: Annotated[Count, Field(ge=0, le=100_000)] | None = None
    """Requests that may wait for this model before new ones are refused. Not given: `queue.limit` alone."""

    memory: Memory = None
    """Memory it needs at full use, e.g. `"2 GiB"` or `{ram = "1 GiB", gpu0 = "6 GiB"}`. Not given: computed from the
    file and then measured."""

    options: Mapping[str, OneOption] = Field(default_factory=dict)
    """What only this engine understands, e.g. `{gpu_layers = 20}`."""

    @property
    def names_engine(self) -> bool:
        """Whether it says itself what runs it; otherwise its file does."""
        return "engine" in self.model_fields_set

    @property
    def adjusts_a_found_one(self) -> bool:
        """Whether it brings no model itself, but changes how a found one is run."""
        return self.file is None and self.engine in READS_FILES


class ContextSettings(Section):
    """A campaign, a feed or another context. The table's name is what callers put into `x-innkeeper-context`."""

    models: Annotated[tuple[str, ...], BeforeValidator(names)] = ()
    """The models it will probably need, most likely first: opening it loads them, as far as there is room."""


class Settings(Section):
    """All settings, as one frozen value."""

    home: Path = Path("~/.innkeeper")
    """The one folder that holds all state: keys, what was learned, the journal."""

    host: Annotated[str, Field(min_length=1, max_length=255)] = "127.0.0.1"
    """The address the server listens on. Anything but this machine asks for API keys."""

    port: Annotated[Count, Field(ge=0, le=65_535)] = 8000
    """The port the server listens on; 0 takes any free one."""

    budget: Budget = None
    """Memory that all models together may hold in each pool: a size such as `"12 GiB"`, a share such as `"80 %"`, or a
    table with one of them for each pool: `{ram = "12 GiB", gpu0 = "80 %"}`. Not given: all
    that other programs leave, less `memory.reserve`, as that changes."""

    models_dir: Path = Path("models")
    """The folder of your own model files, searched with its subfolders; `innkeeper pull` writes here."""

    find_models: Finding = Finding.AUTOMATIC
    """Whether model files are looked for in `models_dir` and in the folders of Hugging Face, LM Studio and Ollama:
    `"always"`, `"never"`, or `"automatic"`, which is when the settings name no file or other engine themselves."""

    embedding_provider: EmbeddingProvider | None = None
    """Who makes vectors when a request names no model: `"local"` without a model, by hashed words;
    `"sentence_transformers"` a model of this machine such as MiniLM; `"openai"` a hosted one. The variable
    EMBEDDING_PROVIDER says it too. Not given: the default model, or the only one that makes vectors."""

    default_model: str | None = None
    """The model that answers when a request names none."""

    never_leave_this_machine: YesNo = False
    """Whether nothing that is asked may be sent to another machine. Models elsewhere are then never asked, however a
    request names them."""

    memory: MemorySettings = MemorySettings()
    """How much memory is left to others, and when to warn."""

    queue: QueueSettings = QueueSettings()
    """How many may wait for memory or a slot, and how long."""

    targets: TargetTable = Field(default_factory=dict)
    """Seconds within which the first words are due, a load included, by task and by language:
    `{mechanics = 1, greek = 8, default_model = 2, other = 3}`. Not named: mechanics and combat 1, roleplay, dialogue
    and general 2, story, worldbuilding and character creation 5, Greek 8; what else goes to the default model 2, all
    others 3. A language counts where it decides who answers."""

    routing: RoutingSettings = RoutingSettings()
    """Who answers when the right model cannot be in time."""

    api: ApiSettings = ApiSettings()
    """The HTTP door."""

    llama_cpp: LlamaCppSettings = LlamaCppSettings()
    """The engine that runs GGUF files."""

    speech: SpeechSettings = SpeechSettings()
    """The engine that hears."""

    ollama: OllamaSettings = OllamaSettings()
    """An Ollama server, for models whose engine is `"ollama"`."""

    lmstudio: LmStudioSettings = LmStudioSettings()
    """An LM Studio server, for models whose engine is `"lmstudio"`."""

    journal: JournalSettings = JournalSettings()
    """What is remembered of what happened."""

    contexts: Mapping[str, ContextSettings] = Field(default_factory=dict)
    """What is loaded when a campaign, a feed or another context is opened, by its name."""

    hosted: Mapping[str, ProviderSettings] = Field(default_factory=dict)
    """The providers of hosted models by name."""

    spending: SpendingSettings = SpendingSettings()
    """How much money hosted models may cost."""

    models: Mapping[str, ModelSettings] = Field(default_factory=dict)
    """The models by id."""

    @property
    def looks_for_models(self) -> bool:
        """Whether the disk is searched for model files."""
        return self.find_models is Finding.ALWAYS or (
            self.find_models is Finding.AUTOMATIC and all(model.adjusts_a_found_one for model in self.models.values())
        )

    def budget_of(self, pool: str) -> int | Fraction | None:
        """What models may hold in that pool: bytes, a share of it, or None where nothing is said of it."""
        return self.budget.get(pool) if isinstance(self.budget, Mapping) else self.budget
