"""Who hears a recording: those here, and behind them those elsewhere, for failures and never for lack of time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from innkeeper.runtime.catalog import Catalog, Model
from innkeeper.runtime.errors import InvalidRequest, MustStayHere
from innkeeper.runtime.messages import Kind, Request
from innkeeper.runtime.routing.router import route
from innkeeper.runtime.routing.vocabulary import Vocabulary

HEARS = frozenset({Kind.TRANSCRIPTION})
TALKS = Model("talker", "echo", frozenset({Kind.CHAT}))
CLOUD = Model("cloud", "hosted", HEARS, provider="acme", sent_to="acme.example")
EAR = Model("ear", "whisper", HEARS)
SMALL = Model("small", "whisper", HEARS, languages=frozenset({"en"}))
ALL = (CLOUD, TALKS, SMALL, EAR)
SOUND = Request("r-1", Kind.TRANSCRIPTION, {"file": "talk.mp3"})


class TestSoundForWhichNobodyIsNamed:
    def test_goes_to_those_here_and_then_to_those_elsewhere(self, vocabulary: Vocabulary) -> None:
        chosen = route(SOUND, Catalog(ALL, "talker"), vocabulary)

        assert chosen.candidates == ("small", "ear", "cloud")
        assert chosen.because == "small hears; those elsewhere stand behind those here"

    def test_goes_to_whoever_knows_its_language(self, vocabulary: Vocabulary) -> None:
        greek = replace(SOUND, body={"file": "talk.mp3", "language": "el"})

        assert route(greek, Catalog(ALL), vocabulary).candidates == ("ear", "cloud", "small")

    def test_goes_to_the_default_model_of_those_here(self, vocabulary: Vocabulary) -> None:
        assert route(SOUND, Catalog(ALL, "ear"), vocabulary).candidates == ("ear", "small", "cloud")
        assert route(SOUND, Catalog(ALL, "cloud"), vocabulary).candidates == ("small", "ear", "cloud")

    def test_goes_to_the_one_that_is_for_the_task(self, vocabulary: Vocabulary) -> None:
        those = (SMALL, replace(EAR, tasks=frozenset({"summary"})))
        chosen = route(replace(SOUND, task="Summary"), Catalog(those), vocabulary)

        assert chosen.candidates == ("ear", "small")

    def test_never_leaves_where_nothing_may(self, vocabulary: Vocabulary) -> None:
        barred = replace(CLOUD, must_stay=True)

        assert route(SOUND, Catalog((barred, EAR)), vocabulary).candidates == ("ear",)
        with pytest.raises(MustStayHere):
            route(SOUND, Catalog((barred, TALKS)), vocabulary)

    def test_stays_with_what_its_caller_may_use(self, vocabulary: Vocabulary) -> None:
        scoped = replace(SOUND, may_use=frozenset({"ear", "talker"}))

        assert route(scoped, Catalog(ALL), vocabulary).candidates == ("ear",)

    def test_is_refused_where_nobody_hears(self, vocabulary: Vocabulary) -> None:
        with pytest.raises(InvalidRequest, match="No model here does transcription"):
            route(SOUND, Catalog((TALKS,), "talker"), vocabulary)


class TestAnEarThatIsNamed:
    def test_hears_alone(self, vocabulary: Vocabulary) -> None:
        assert route(replace(SOUND, model="cloud"), Catalog(ALL), vocabulary).candidates == ("cloud",)

    def test_has_the_others_behind_it_where_its_caller_allows_that(self, vocabulary: Vocabulary) -> None:
        named = replace(SOUND, model="ear", allows_substitute=True)

        assert route(named, Catalog(ALL), vocabulary).candidates == ("ear", "small", "cloud")


@pytest.mark.parametrize("request_", [SOUND, replace(SOUND, model="ear", allows_substitute=True)])
def test_nobody_is_passed_over_for_being_slow_unless_the_caller_does_not_wait(
    request_: Request, vocabulary: Vocabulary
) -> None:
    catalog = Catalog(ALL)

    assert not route(request_, catalog, vocabulary).may_yield
    assert not route(replace(request_, deadline_s=0.5), catalog, vocabulary).may_yield
    assert route(replace(request_, waits=False), catalog, vocabulary).may_yield
