"""Whether what is sent to an address leaves this machine."""

from __future__ import annotations

import pytest

from innkeeper.runtime.elsewhere import elsewhere


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8000/v1",
        "http://LOCALHOST.:8000",
        "http://api.localhost",
        "http://127.0.0.1",
        "http://127.9.9.9:1",
        "http://[::1]:11434",
        "http://[::ffff:127.0.0.1]/",
    ],
)
def test_this_machine_is_not_elsewhere(url: str) -> None:
    assert elsewhere(url) is None


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://openrouter.ai/api/v1", "openrouter.ai"),
        ("http://192.168.1.4:1234", "192.168.1.4"),
        ("http://0.0.0.0:80", "0.0.0.0"),
        ("http://localhost.example.com", "localhost.example.com"),
        ("http://127.0.0.1.example.com", "127.0.0.1.example.com"),
        ("http://notlocalhost", "notlocalhost"),
        ("http://[fe80::1]/", "fe80::1"),
        ("nonsense", ""),
    ],
)
def test_every_other_name_or_address_is(url: str, host: str) -> None:
    assert elsewhere(url) == host
