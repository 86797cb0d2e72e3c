"""From settings and found files to the catalogue of models."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from innkeeper.discovery.found import Found, FoundModel
from innkeeper.discovery.places import usual_places
from innkeeper.discovery.search import find_models
from innkeeper.runtime.catalog import Catalog, Model
from innkeeper.runtime.elsewhere import elsewhere
from innkeeper.runtime.messages import Kind
from innkeeper.runtime.price import Price
from innkeeper.settings.embedding import with_provider
from innkeeper.settings.hosted import ProviderSettings
from innkeeper.settings.load import Loaded
from innkeeper.settings.problems import Problem, bad_settings, dotted
from innkeeper.settings.values import ModelSettings, Settings

HOSTED: Final = "hosted"
"""The engine whose models are an API elsewhere."""

SPEAKS: Final = frozenset({Kind.CHAT, Kind.COMPLETION})
"""What a model is taken to do of which nothing is known."""

_KINDS_OF: Final = {"lexical": frozenset({Kind.EMBEDDING})}
"""What engines do whose models have no file to say it."""

ONLY_READS: Final = frozenset({Kind.EMBEDDING, Kind.RERANK})
"""What a model does that writes no text."""

SLOTS_THAT_COST_LITTLE: Final = 16
"""Of a model that reads texts whole: batches of eight for 20 to 30 MB, benchmarks/batching.py."""


def search(loaded: Loaded) -> Found:
    """What the disk holds of what these settings want: headers of the named files, and the usual folders if asked for.

    Takes milliseconds for each file; at most ten seconds for each folder.
    """
    settings, environ = loaded.settings, loaded.sources.environ
    named = tuple(settings.models_dir / model.file for model in settings.models.values() if model.file is not None)
    wants_found = settings.looks_for_models or any(model.adjusts_a_found_one for model in settings.models.values())
    places = usual_places(settings.models_dir, environ, loaded.sources.user_home) if wants_found else ()
    return find_models(places, named)


def catalog_of(settings: Settings, found: Found) -> Catalog:
    """The models of the settings, and those found where the settings want them.

    A table `[models.<id>]` without a file adjusts the found model of that id. When no default is named and just one
    model can chat, it is the default.

    Raises:
        BadSettings: A model has no file, or the default is no model.
    """
    problems = []
    models = []
    for model_id, entry in settings.models.items():
        file = _file_of(model_id, entry, settings, found)
        if file is None and entry.adjusts_a_found_one:
            wanted = f"names no `file`, and no file of that name was found{_near(model_id, found)}"
            problems.append(Problem(dotted(("models", model_id)), wanted))
        problems += _hosting_problems(model_id, entry, settings)
        models.append(_model(model_id, entry, file, found, settings))
    if settings.looks_for_models:
        known = {model.id for model in models}
        files = {model.file for model in models}
        models.extend(
            Model(id=one.id, engine=one.engine, kinds=one.kinds, file=one.file, slots=_slots(one.kinds, one))
            for one in found.models
            if one.id not in known and one.file not in files
        )
    chosen, embeds, wrong = with_provider(settings.embedding_provider, models)
    problems += wrong
    default = settings.default_model or _only_chat_model(chosen)
    if default is not None and all(model.id != default for model in chosen):
        names = get_close_matches(default, [model.id for model in chosen], n=1) or [model.id for model in chosen][:1]
        hint = f"; did you mean `{names[0]}`?" if names else ", because there are no models"
        problems.append(Problem("default_model", f"there is no model {default!r}{hint}"))
    problems += _context_problems(settings, [model.id for model in chosen])
    if problems:
        raise bad_settings(problems)
    return Catalog(chosen, default, embeds, {name: one.models for name, one in settings.contexts.items()})


def voice_file(settings: Settings) -> Path | None:
    """The weights of the voice detector: those that were set, else the newest of that name among the models."""
    if settings.speech.voice_file is not None:
        return settings.models_dir / settings.speech.voice_file
    return max(settings.models_dir.glob("ggml-silero*.bin"), default=None)


def _context_problems(settings: Settings, known: list[str]) -> list[Problem]:
    problems = []
    for name, context in settings.contexts.items():
        for model in context.models:
            if model not in known:
                near = get_close_matches(model, known, n=1)
                hint = f"; did you mean `{near[0]}`?" if near else ""
                problems.append(Problem(dotted(("contexts", name, "models")), f"there is no model {model!r}{hint}"))
    return problems


def _file_of(model_id: str, entry: ModelSettings, settings: Settings, found: Found) -> Path | None:
    if entry.file is not None:
        return settings.models_dir / entry.file
    same = found.named(model_id) if entry.adjusts_a_found_one else None
    return same.file if same else None


def _model(model_id: str, entry: ModelSettings, file: Path | None, found: Found, settings: Settings) -> Model:
    provider = settings.hosted.get(entry.provider) if entry.provider is not None else None
    told = found.of_file(file) if file is not None else None
    named = frozenset(Kind(kind) for kind in entry.kinds) if entry.kinds is not None else None
    kinds = named or (told.kinds if told else _KINDS_OF.get(entry.engine, SPEAKS))
    return Model(
        id=model_id,
        engine=told.engine if told is not None and not entry.names_engine else entry.engine,
        kinds=kinds,
        tasks=entry.tasks,
        languages=entry.languages,
        quality=entry.quality,
        file=file,
        source=entry.source,
        provider=entry.provider,
        price=_price(entry, provider),
        sent_to=_sent_to(entry, provider, settings),
        must_stay=settings.never_leave_this_machine,
        context=entry.context,
        slots=entry.slots or _slots(kinds, told),
        cache_type=entry.cache_type,
        keep_for_s=None if entry.engine == HOSTED else entry.keep_for_s,  # it holds nothing that could be freed
        hold_s=entry.hold_s,
        pinned=entry.pinned,
        waiting_limit=entry.waiting_limit,
        declared=entry.memory,
        options=entry.options,
    )


def _sent_to(entry: ModelSettings, provider: ProviderSettings | None, settings: Settings) -> str | None:
    """The other machine that what is asked of it goes to; None where it stays here."""
    urls = {"ollama": settings.ollama.url, "lmstudio": settings.lmstudio.url}
    url = provider.url if provider is not None else urls.get(entry.engine)
    return elsewhere(url) if url is not None else None


def _price(entry: ModelSettings, provider: ProviderSettings | None) -> Price | None:
    """Its own, else its provider's; half a price is none."""
    costs_in, costs_out, minute = entry.input_price, entry.output_price, entry.minute_price
    if provider is not None:
        costs_in = provider.input_price if costs_in is None else costs_in
        costs_out = provider.output_price if costs_out is None else costs_out
        minute = provider.minute_price if minute is None else minute
    if costs_in is None or costs_out is None:
        return Price(minute=minute) if minute is not None else None
    return Price(costs_in, costs_out, minute)


def _hosting_problems(model_id: str, entry: ModelSettings, settings: Settings) -> list[Problem]:
    where = dotted(("models", model_id))
    if entry.engine != HOSTED:
        named = entry.provider is not None
        return (
            [Problem(where, f"names a `provider`, and its engine is {entry.engine!r}, not {HOSTED!r}")] if named else []
        )
    provider = settings.hosted.get(entry.provider) if entry.provider is not None else None
    if provider is None:
        there = ", ".join(settings.hosted) or "none"
        said = "names no `provider`" if entry.provider is None else f"names the provider {entry.provider!r}"
        return [Problem(where, f"{said}; it must be one of the tables [hosted.<id>], of which there are: {there}")]
    has_one_price = (entry.input_price is None) != (entry.output_price is None)
    price = _price(entry, provider)
    if has_one_price and (price is None or price.input_per_million is None):
        return [Problem(where, "has one price; give both `input_price` and `output_price`")]
    return []


def _slots(kinds: frozenset[Kind], told: FoundModel | None) -> int:
    """How many it has where nobody says."""
    return SLOTS_THAT_COST_LITTLE if kinds <= ONLY_READS and told is not None and told.looks_both_ways else 1


def _near(model_id: str, found: Found) -> str:
    names = get_close_matches(model_id, [model.id for model in found.models], n=1)
    return f"; did you mean `{names[0]}`?" if names else ""


def _only_chat_model(models: Sequence[Model]) -> str | None:
    chatting = [model.id for model in models if Kind.CHAT in model.kinds]
    return chatting[0] if len(chatting) == 1 else None
