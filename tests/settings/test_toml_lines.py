"""On which line each key of a TOML document stands."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.settings.toml_lines import lines_of

DOCUMENT = '''# a comment
port = 3

budget = {ram = "1 GiB", gpu0 = "80 %"}
text = """
[queue]
limit = 3
"""
[queue]
limit = 3
patience_s=4 # [x]
[models."a/b:c"]
kinds = [
  "chat",
  "completion",
]
options.gpu_layers = 3
'''


class TestLines:
    def test_keys_tables_inline_tables_and_dotted_keys_stand_where_they_begin(self) -> None:
        assert lines_of(DOCUMENT) == {
            ("port",): 2,
            ("budget",): 4,
            ("budget", "ram"): 4,
            ("budget", "gpu0"): 4,
            ("text",): 5,
            ("queue",): 9,
            ("queue", "limit"): 10,
            ("queue", "patience_s"): 11,
            ("models",): 12,
            ("models", "a/b:c"): 12,
            ("models", "a/b:c", "kinds"): 13,
            ("models", "a/b:c", "options"): 17,
            ("models", "a/b:c", "options", "gpu_layers"): 17,
        }

    def test_lines_that_end_as_on_windows_count_once(self) -> None:
        assert lines_of(DOCUMENT.replace("\n", "\r\n")) == lines_of(DOCUMENT)

    def test_a_list_of_many_lines_is_read_in_a_moment(self) -> None:
        document = "numbers = [\n" + "1,\n" * 100_000 + "]\nlast = 1\n"
        assert lines_of(document)["last",] == 100_003

    def test_what_is_no_toml_is_said(self) -> None:
        with pytest.raises(tomllib.TOMLDecodeError):
            lines_of("a = 1\nb = [\n")

    @given(
        st.dictionaries(
            st.text(min_size=1, max_size=8),
            st.one_of(st.integers(), st.booleans(), st.dictionaries(st.text(max_size=5), st.integers(), max_size=3)),
            max_size=6,
        )
    )
    def test_every_key_of_any_document_has_a_line(self, values: dict[str, Any]) -> None:
        document = "".join(
            f"[{quoted(key)}]\n" + "".join(f"{quoted(inner)} = {number}\n" for inner, number in value.items())
            if isinstance(value, dict)
            else ""
            for key, value in values.items()
        )
        top = "".join(
            f"{quoted(key)} = {str(value).lower()}\n" for key, value in values.items() if not isinstance(value, dict)
        )
        lines = lines_of(top + document)
        numbered = (top + document).split("\n")
        assert {path[0] for path in lines} == set(values)
        assert all(quoted(path[-1]) in numbered[line - 1] for path, line in lines.items())


def quoted(key: str) -> str:
    return '"' + "".join(f"\\U{ord(letter):08x}" for letter in key if not 0xD800 <= ord(letter) < 0xE000) + '"'
