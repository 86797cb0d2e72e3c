"""Keys of providers: needed, sendable, and shown nowhere."""

from __future__ import annotations

import pytest

from innkeeper.runtime.engines.provider import Key, Provider
from innkeeper.runtime.errors import EngineMissing
from tests.doubles.hosted_server import KEY


class TestAKey:
    def test_is_shown_by_nothing(self) -> None:
        provider = Provider("acme", "https://acme.example", key_from="ACME_API_KEY", key=Key(KEY))

        assert KEY not in repr(provider) + str(provider) + f"{provider.key}"

    def test_that_is_missing_is_told_with_the_variable(self) -> None:
        with pytest.raises(EngineMissing, match=r"ACME_API_KEY, which is neither in the environment nor in `\.env`"):
            Provider("acme", "https://acme.example", key_from="ACME_API_KEY").check()

    @pytest.mark.parametrize("odd", ["", "two words", "line\nbreak", "κλειδί"])
    def test_that_cannot_be_sent_is_refused_without_being_told(self, odd: str) -> None:
        with pytest.raises(EngineMissing, match="cannot be a key") as raised:
            Provider("acme", "https://acme.example", key_from="ACME_API_KEY", key=Key(odd)).check()

        assert not odd or odd not in raised.value.message

    def test_is_not_needed_where_none_is_named(self) -> None:
        provider = Provider("near", "http://127.0.0.1:9/v1")
        provider.check()

        assert provider.all_headers() == {}
