"""Facts as JSON: every kind comes back as it was, whatever it holds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from innkeeper.runtime.facts import Fact
from innkeeper.runtime.journal.written import Unreadable, fact_from_json, fact_to_json, kind_of
from tests.journal.some_facts import FACT_KINDS, any_fact, leased


@pytest.mark.parametrize("kind", FACT_KINDS, ids=lambda kind: kind.__name__)
class TestEveryKindOfFact:
    @settings(max_examples=15)
    @given(data=st.data())
    def test_it_comes_back_as_it_was(self, kind: type[Fact], data: st.DataObject) -> None:
        fact = data.draw(any_fact(kind))
        assert fact_from_json(kind_of(fact), fact_to_json(fact)) == fact


class TestWhatIsNotAFact:
    @pytest.mark.parametrize(
        ("kind", "text"),
        [
            ("Poem", "{}"),
            ("Leased", "{"),
            ("Leased", "[]"),
            ("Leased", '{"request":"r-1","model":"narrator","waited_s":0.5}'),
            ("Leased", '{"request":"r-1","model":"narrator","waited_s":"long","load_s":0}'),
            ("Routed", '{"request":"r-1","candidates":"narrator","because":"x"}'),
            ("CeilingMoved", '{"pool":"ram","before_bytes":true,"after_bytes":1,"because":"x"}'),
        ],
    )
    def test_it_is_refused_and_not_half_read(self, kind: str, text: str) -> None:
        with pytest.raises(Unreadable):
            fact_from_json(kind, text)

    def test_a_field_from_a_later_version_is_passed_over(self) -> None:
        text = fact_to_json(leased())[:-1] + ',"mood":"sunny"}'
        assert fact_from_json("Leased", text) == leased()
