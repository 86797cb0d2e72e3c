"""Facts in words: one plain English sentence for each, for `innkeeper story` and the terminal of `innkeeper up`."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Final, assert_never

from innkeeper.runtime.facts import (
    Adapted,
    Alarm,
    Asked,
    AttemptFailed,
    CeilingMoved,
    Closed,
    EngineLeft,
    Evicted,
    Fact,
    Finished,
    FirstWords,
    Leased,
    LoadRefused,
    ModelLoaded,
    ModelMoved,
    Opened,
    OperatorDid,
    Overdrawn,
    Preloaded,
    ProviderBack,
    ProviderPaused,
    Routed,
    SettingsReloaded,
    SizeCorrected,
    Slowed,
    Spent,
)
from innkeeper.runtime.journal.entry import Entry
from innkeeper.runtime.sizes import told

_LONGEST: Final = 300
"""Characters of a sentence that are shown; names from outside can be of any length."""


def sentence(entry: Entry) -> str:
    """What happened, on one line that is safe to print: control characters are spelled out, length is bounded."""
    words = _words(entry.fact)
    if not words.isprintable():
        words = "".join(character if character.isprintable() else repr(character)[1:-1] for character in words)
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"


def _words(fact: Fact) -> str:
    match fact:
        case Asked() | Routed() | Leased() | FirstWords() | AttemptFailed() | Finished():
            return _of_a_request(fact)
        case Spent() | ProviderPaused() | ProviderBack() | Adapted():
            return _of_a_provider(fact)
        case ModelMoved() | ModelLoaded() | LoadRefused() | Evicted() | EngineLeft() | Preloaded() | Slowed():
            return _of_a_model(fact)
        case SizeCorrected() | CeilingMoved() | Overdrawn() | Alarm():
            return _of_memory(fact)
        case SettingsReloaded(accepted, what):
            return f"The settings were read again: {what}." if accepted else f"The old settings were kept: {what}."
        case OperatorDid(what, model, who):
            return f"{who or 'An operator'} asked for {what}{f' of {model}' if model else ''}."
        case Opened(version, pools):
            return f"Innkeeper {version} opened with {_sizes(pools)}."
        case Closed(after_s):
            return f"Innkeeper closed after {seconds(after_s)}."
        case _:
            assert_never(fact)


def _of_a_request(fact: Asked | Routed | Leased | FirstWords | AttemptFailed | Finished) -> str:
    match fact:
        case Asked(request, kind, model, task, client):
            whom = f"asked {model or 'whoever can'} for {_article(kind)}"
            return f"{request}: {client or 'somebody'} {whom}{f' ({task})' if task else ''}."
        case Routed(request, candidates, because):
            return f"{request}: goes to {' or else '.join(candidates) or 'nobody'}, because {because}."
        case Leased(request, model, waited_s, load_s):
            loading = f", {seconds(load_s)} of it while the model loaded" if load_s else ""
            return f"{request}: got {model} after {seconds(waited_s)}{loading}."
        case FirstWords(request, model, _, after_s, _, target_s):
            due = "" if target_s is None else f", due within {seconds(target_s)}"
            return f"{request}: {model} said its first words after {seconds(after_s)}{due}."
        case AttemptFailed(request, model, code, why, after_s):
            after = f", after {seconds(after_s)}" if after_s else ""
            return f"{request}: {model} could not answer ({code}{after}): {why}"
        case Finished(request, model, outcome, took_s, usage):
            spent = f", {usage.prompt_tokens} tokens in and {usage.answer_tokens} out"
            tokens = spent if usage.prompt_tokens or usage.answer_tokens else ""
            sound = f", {seconds(usage.audio_s)} of sound" if usage.audio_s else ""
            return f"{request}: {_ending(outcome, model)} after {seconds(took_s)}{tokens}{sound}."
        case _:
            assert_never(fact)


def _of_a_provider(fact: Spent | ProviderPaused | ProviderBack | Adapted) -> str:
    match fact:
        case Spent(request, model, client, cost, currency, is_estimated):
            about = "about " if is_estimated else ""
            amount = "an unknown amount, because it has no price" if cost is None else f"{about}{cost:.6f} {currency}"
            return f"{request}: {model} cost {client or 'somebody'} {amount}."
        case ProviderPaused(provider, model, why, for_s):
            return f"{_whom(provider, model)} is left alone for {seconds(for_s)}: {why}"
        case ProviderBack(provider, model):
            return f"{_whom(provider, model)} answers again."
        case Adapted(model, parameter, sent_as, why):
            how = f"is sent to {model} as {sent_as}" if sent_as else f"is no longer sent to {model}"
            return f"{parameter} {how}: {why}"
        case _:
            assert_never(fact)


def _whom(provider: str, model: str | None) -> str:
    return f"{model} at {provider}" if model is not None else provider


def _of_a_model(
    fact: ModelMoved | ModelLoaded | LoadRefused | Evicted | EngineLeft | Preloaded | Slowed,
) -> str:
    match fact:
        case ModelMoved(model, _, before, after, cause):
            return f"{model} went from {before} to {after}: {cause}."
        case ModelLoaded(model, _, took_s):
            return f"{model} is ready; loading took {seconds(took_s)}."
        case LoadRefused(model, why, again_in_s):
            again = "" if again_in_s is None else f" It is tried again in {seconds(again_in_s)} at the earliest."
            subject = "Not loaded:" if why.startswith(model) else f"{model} did not load:"
            return f"{subject} {why}{'' if why.endswith('.') else '.'}{again}"
        case Evicted(model, for_model, freed, value_s):
            whom = for_model or "other programs"
            return f"{model} was told to leave to make room for {whom} ({_sizes(freed)}, worth {seconds(value_s)})."
        case EngineLeft(model, _, why, peak):
            return f"The engine of {model} is gone: {why}. At its peak it held {_sizes(peak)}."
        case Preloaded(model, what, because):
            return f"Loading {model} before anyone asked: {what}, {because}."
        case Slowed(model, tokens_per_s, usual_tokens_per_s):
            return (
                f"{model} answers at {tokens_per_s:.1f} tokens/s instead of {usual_tokens_per_s:.1f}:"
                " it has probably spilled out of fast memory."
            )
        case _:
            assert_never(fact)


def _of_memory(fact: SizeCorrected | CeilingMoved | Overdrawn | Alarm) -> str:
    match fact:
        case SizeCorrected(model, pool, before_bytes, after_bytes, before, after):
            return f"{model} holds {told(after_bytes)} of {pool} ({after}), not {told(before_bytes)} ({before})."
        case CeilingMoved(pool, before_bytes, after_bytes, because):
            return f"Models may hold {told(after_bytes)} of {pool} instead of {told(before_bytes)}: {because}."
        case Overdrawn(pool, held_bytes, limit_bytes):
            return f"Models hold {told(held_bytes)} of {pool}, more than the limit of {told(limit_bytes)}."
        case Alarm(pool, free_bytes, alarm_bytes):
            return f"Only {told(free_bytes)} of {pool} are free, less than the alarm line of {told(alarm_bytes)}."
        case _:
            assert_never(fact)


def _ending(outcome: str, model: str | None) -> str:
    match outcome:
        case "answered":
            return f"answered by {model}" if model else "answered"
        case "abandoned":
            return "its caller left"
        case code:
            return f"failed with {code}"


def _article(kind: str) -> str:
    return f"{'an' if kind[:1] in tuple('aeiou') else 'a'} {kind}"


def _sizes(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{told(size_bytes)} of {pool}" for pool, size_bytes in sizes.items() if size_bytes) or "nothing"


def seconds(length_s: float) -> str:
    """ "3 ms", "1.4 s", "2 min 5 s", "3 h 20 min"; "for ever" for what has no end."""
    if not isfinite(length_s):
        return "for ever"
    if length_s < 1:
        return f"{length_s * 1000:.0f} ms"
    if length_s < 60:
        return f"{length_s:.1f} s"
    minutes, rest_s = divmod(round(length_s), 60)
    if minutes < 60:
        return f"{minutes} min {rest_s} s"
    return f"{minutes // 60} h {minutes % 60} min"
