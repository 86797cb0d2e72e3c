"""Settings become a runtime and a server: the only place where parts meet."""

from __future__ import annotations

import asyncio
import random
import shutil
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from importlib.metadata import version
from pathlib import Path
from typing import Final

import uvloop

from innkeeper.api.app import create_app
from innkeeper.api.exposure import check_exposure
from innkeeper.api.key_file import KeyFile
from innkeeper.api.options import ApiOptions
from innkeeper.api.server import Server, listen
from innkeeper.discovery.found import Found
from innkeeper.heeding import heeding_signals
from innkeeper.runtime.catalog import Catalog
from innkeeper.runtime.chain import Limits
from innkeeper.runtime.elsewhere import elsewhere
from innkeeper.runtime.engine import Adapter, ForeignAdapter
from innkeeper.runtime.engines.echo import Echo
from innkeeper.runtime.engines.hosted import Hosted
from innkeeper.runtime.engines.hosted_attempt import House
from innkeeper.runtime.engines.lexical import Lexical
from innkeeper.runtime.engines.llama_cpp import LlamaCpp
from innkeeper.runtime.engines.llama_server import LlamaServer
from innkeeper.runtime.engines.lmstudio import LmStudio
from innkeeper.runtime.engines.ollama import Ollama
from innkeeper.runtime.engines.placing import Placing
from innkeeper.runtime.engines.provider import Key, Provider
from innkeeper.runtime.engines.whisper import Whisper
from innkeeper.runtime.errors import BadSettings, EngineMissing, StateUnusable
from innkeeper.runtime.facts import Fact, Note
from innkeeper.runtime.journal.journal import Journal
from innkeeper.runtime.journal.log import LogSink
from innkeeper.runtime.journal.prometheus import PrometheusSink
from innkeeper.runtime.journal.sqlite import SqliteSink
from innkeeper.runtime.memory.host import Gpus, Host
from innkeeper.runtime.memory.learned import Learned
from innkeeper.runtime.memory.pools import Ceiling, PoolReading, budget_bytes, ceiling_bytes
from innkeeper.runtime.reception import Reception
from innkeeper.runtime.residency.callers import Rules
from innkeeper.runtime.residency.keeper import Keeper
from innkeeper.runtime.residency.machine import Residency
from innkeeper.runtime.residency.outside import Outside
from innkeeper.runtime.residency.readings import Readings
from innkeeper.runtime.runtime import Runtime
from innkeeper.runtime.spending.book import SpendBook
from innkeeper.runtime.spending.purse import Ceilings
from innkeeper.runtime.spending.spending import Spending
from innkeeper.settings.catalog import catalog_of, voice_file
from innkeeper.settings.hosted import ProviderSettings
from innkeeper.settings.load import Loaded
from innkeeper.settings.routing import targets_of
from innkeeper.settings.secrets import secret
from innkeeper.settings.values import Settings
from innkeeper.settings.words import read_vocabulary

OWN_GROWTH_BYTES: Final = 12 * 1024**2
"""Room kept for our own process to grow while its journal and its buffers fill: twice what the chaos benchmark sees."""

FACTS_IN_MEMORY: Final = 3_000
"""Facts that stories are told from without reading the file: the last minutes of a busy house, about 1.5 MB."""


def serve(loaded: Loaded, found: Found) -> None:
    """Run the server until SIGTERM or SIGINT. SIGHUP reads the settings again.

    Raises:
        BadSettings: The port is taken, or the address is open to others without keys.
        StateUnusable: The home folder cannot be used.
    """
    uvloop.run(_serve(loaded, found))


async def _serve(loaded: Loaded, found: Found) -> None:
    settings = loaded.settings
    home = prepared_home(settings.home)
    keys = KeyFile(home / "keys.json")
    check_exposure(settings.host, bool(keys.keys()), settings.api.consents_to_open_network)
    listener = listen(settings.host, settings.port)
    shutil.rmtree(uploads_of(settings), ignore_errors=True)  # of a server that was killed while it heard
    metrics = PrometheusSink()
    with closing(journal_of(settings, home, metrics)) as journal:
        async with opened_adapters(loaded, journal.record) as adapters:
            runtime = runtime_of(settings, catalog_of(settings, found), adapters, journal)
            metrics.watch(runtime.view)
            options = door_options(settings)
            app = create_app(runtime, options, keys, metrics.page, created_s=int(time.time()))
            server = Server(app, options, listener)
            async with heeding_signals(server, runtime, loaded), runtime.running():
                await server.run()


def _unheard(fact: Fact, /) -> None:
    """For commands that keep no journal."""


@asynccontextmanager
async def opened_adapters(loaded: Loaded, note: Note = _unheard) -> AsyncIterator[Mapping[str, Adapter]]:
    """Every adapter of this installation, open for the length of the block. `note` hears what hosted models cost."""
    made = adapters(loaded, note)
    async with AsyncExitStack() as opened:
        for adapter in made.values():
            if isinstance(adapter, LlamaCpp):
                await adapter.open()
            if isinstance(adapter, LlamaCpp | Ollama | LmStudio | Hosted):
                opened.push_async_callback(adapter.close)
        yield made


def adapters(loaded: Loaded, note: Note = _unheard) -> dict[str, Adapter]:
    """Every adapter of this installation by name; nothing is started.

    Raises:
        EngineMissing: The llama-server that was set is not one.
    """
    settings = loaded.settings.llama_cpp
    learned = Learned(loaded.settings.home / "learned.sqlite")
    llama_cpp = LlamaCpp(
        server=_llama_server(settings.server_program, dict(loaded.sources.environ)),
        has_spare=settings.spare_child,
        threads=settings.threads,
        learned=learned,
    )
    whisper = Whisper(threads=loaded.settings.speech.threads, voice_file=voice_file(loaded.settings), learned=learned)
    ollama = Ollama(
        loaded.settings.ollama.url,
        _placing(loaded.settings.ollama.url, loaded.settings.ollama.holds_our_memory),
        learned=learned,
    )
    every = (llama_cpp, ollama, _lmstudio(loaded), whisper, _hosted(loaded, note), Lexical(), Echo())
    return {adapter.name: adapter for adapter in every}


def _lmstudio(loaded: Loaded) -> LmStudio:
    settings = loaded.settings.lmstudio
    token = secret(loaded.sources, settings.token_from) if settings.token_from is not None else None
    placing = _placing(settings.url, settings.holds_our_memory)
    return LmStudio(settings.url, placing, token=Key(token) if token is not None else None)


def _placing(url: str, holds_our_memory: bool | None) -> Placing:
    """Where the models of a server that is not ours lie: as set, else by its address."""
    return Placing(elsewhere(url) is None if holds_our_memory is None else holds_our_memory, gpus=_gpus)


def _gpus() -> dict[str, int]:
    return {name: reading.total_bytes for name, reading in Gpus().pools(frozenset()).items()}


def _hosted(loaded: Loaded, note: Note) -> Hosted:
    """The APIs of others, with their keys and with the money for them."""
    settings = loaded.settings
    money = settings.spending
    ceilings = Ceilings(money.currency, money.per_day, money.per_user_per_day)
    house = House(
        Spending(ceilings, SpendBook(settings.home / "spend.sqlite"), clock=time.time, note=note),
        note,
        seconds=time.monotonic,
        clock=time.time,
        chance=random.random,
        uploads=uploads_of(settings),
    )
    return Hosted([_provider(loaded, name, provider) for name, provider in settings.hosted.items()], house)


def _provider(loaded: Loaded, name: str, settings: ProviderSettings) -> Provider:
    found = secret(loaded.sources, settings.key_from) if settings.key_from is not None else None
    return Provider(
        name,
        settings.url,
        key_from=settings.key_from,
        key=Key(found) if found is not None else None,
        headers=settings.headers,
        first_words_within_s=settings.first_words_within_s,
        whole_answer_within_s=settings.whole_answer_within_s,
        silence_s=settings.silence_s,
        retries=settings.retries,
        answer_tokens_at_most=settings.answer_tokens_at_most,
        embed_at_once=settings.embed_at_once,
        upload_limit_bytes=settings.upload_limit,
        upload_longest_s=settings.upload_longest_s,
        counts_dollars=loaded.settings.spending.currency == "USD",
    )


def _llama_server(wanted: Path | None, environment: dict[str, str]) -> LlamaServer | None:
    """The program that was set, else the one on the PATH; None takes our own worker.

    One that merely lies on the PATH and does not work is passed over; `innkeeper doctor` says so.
    """
    if wanted is not None:
        return LlamaServer.probe(wanted, environment)
    on_path = shutil.which("llama-server", path=environment.get("PATH"))
    if on_path is None:
        return None
    try:
        return LlamaServer.probe(Path(on_path), environment)
    except EngineMissing:
        return None


def runtime_of(settings: Settings, catalog: Catalog, engines: Mapping[str, Adapter], journal: Journal) -> Runtime:
    """The runtime over the pools of this machine.

    Raises:
        BadSettings: A budget is larger than its pool, or for a pool that is not there.
    """
    host = Host()
    seconds = asyncio.get_running_loop().time
    pools = host.pools()
    budgets = budgets_of(settings, pools)
    queue = settings.queue
    residency = Residency(
        budgets,
        note=journal.record,
        rules=Rules(queue_limit=queue.limit, patience_s=queue.patience_s, longest_wait_s=queue.longest_wait_s),
    )
    keeper = Keeper(
        catalog,
        engines,
        residency,
        note=journal.record,
        seconds=seconds,
        longest_load_s=queue.longest_load_s,
    )
    hosted = next((adapter for adapter in engines.values() if isinstance(adapter, Hosted)), None)
    reception = Reception(
        residency,
        vocabulary=read_vocabulary(),
        seconds=seconds,
        trouble=lambda model: keeper.trouble(model) or (hosted.refusal(model) if hosted is not None else None),
        targets=targets_of(settings.targets),
        worth=settings.routing.worth(),
    )
    spares = [adapter for adapter in engines.values() if isinstance(adapter, LlamaCpp)]
    readings = Readings(
        keeper,
        residency,
        host,
        note=journal.record,
        seconds=seconds,
        spare_bytes=lambda: sum(adapter.overhead_bytes for adapter in spares),
        growth_bytes=OWN_GROWTH_BYTES,
        ceilings={pool: Ceiling(size, _reserve(settings, pool, pools[pool])) for pool, size in budgets.items()},
        alarm_bytes=settings.memory.alarm_of,
        poll_s=settings.memory.poll_s,
        outside=Outside(keeper, residency, _foreign(settings, engines)),
    )
    return Runtime(
        catalog,
        keeper,
        readings,
        residency,
        journal,
        reception,
        limits=Limits(queue.longest_wait_s, queue.longest_silence_s, queue.longest_answer_s),
        seconds=seconds,
        version=version("innkeeper"),
        spending=hosted.spending if hosted is not None else None,
    )


def _foreign(settings: Settings, engines: Mapping[str, Adapter]) -> dict[str, tuple[ForeignAdapter, float]]:
    """The adapters whose servers are not ours, and how often those are asked what they hold."""
    polls_s = {Ollama.name: settings.ollama.poll_s, LmStudio.name: settings.lmstudio.poll_s}
    return {
        adapter.name: (adapter, polls_s[adapter.name])
        for adapter in engines.values()
        if isinstance(adapter, Ollama | LmStudio)
    }


def budgets_of(settings: Settings, pools: Mapping[str, PoolReading]) -> dict[str, int]:
    """Bytes models may hold in each pool of this machine.

    Raises:
        BadSettings: A budget is larger than its pool, or for a pool that is not there.
    """
    if isinstance(settings.budget, Mapping):
        for pool in settings.budget.keys() - pools.keys():
            raise BadSettings(
                f"`budget` names the pool {pool!r}; this machine has {', '.join(sorted(pools))}.", param="budget"
            )
    return {
        pool: budget_bytes(pool, reading, settings.budget_of(pool), _reserve(settings, pool, reading))
        for pool, reading in pools.items()
    }


def left_of(settings: Settings, pools: Mapping[str, PoolReading]) -> dict[str, int]:
    """Bytes of those budgets that other programs leave at the moment.

    Raises:
        BadSettings: As `budgets_of`.
    """
    budgets = budgets_of(settings, pools)
    return {
        pool: ceiling_bytes(reading, budgets[pool], _reserve(settings, pool, reading))
        for pool, reading in pools.items()
    }


def _reserve(settings: Settings, pool: str, reading: PoolReading) -> int:
    """What is left to others: a budget that was said has thought of them already."""
    return 0 if settings.budget_of(pool) is not None else settings.memory.reserve_of(reading.total_bytes)


def journal_of(settings: Settings, home: Path, metrics: PrometheusSink) -> Journal:
    """The journal with its three sinks: the file, the numbers, the terminal."""
    kept = settings.journal
    archive = SqliteSink(home / "journal.sqlite", clock=time.time, keep_days=kept.keep_days, keep_bytes=kept.keep)
    log = LogSink(lambda line: print(line, flush=True))  # noqa: T201  the terminal of `innkeeper up`
    return Journal(time.time, (archive, metrics, log), keep=FACTS_IN_MEMORY, archive=archive)


def door_options(settings: Settings) -> ApiOptions:
    """How the HTTP door behaves."""
    api = settings.api
    return ApiOptions(
        host=settings.host,
        port=settings.port,
        allowed_hosts=api.allowed_hosts,
        heartbeat_s=api.heartbeat_s,
        body_limit_bytes=api.body_limit,
        audio_limit_bytes=api.audio_limit,
        uploads=uploads_of(settings),
        requests_at_once=api.requests_at_once,
        shutdown_within_s=api.shutdown_within_s,
    )


def uploads_of(settings: Settings) -> Path:
    """Where sound lies while it is heard, and its parts while they are sent."""
    return settings.home / "uploads"


def prepared_home(home: Path) -> Path:
    """The folder that holds all state, made private to its owner.

    Raises:
        StateUnusable: It cannot be made, or nothing can be written there.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = home / ".can-write"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise StateUnusable(
            f"{home} cannot be used for our state: {error.strerror}. Set `home` or INNKEEPER_HOME to a folder that "
            "can be written.",
        ) from error
    return home
