"""JSON from outside: what is let in, and how the rest is refused."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.runtime.errors import InvalidRequest
from innkeeper.runtime.wire.json_text import BRACKET_LIMIT, DEPTH_LIMIT, parse_object

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def refused(raw: bytes) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        parse_object(raw)
    return caught.value


class TestAJsonBody:
    def test_comes_out_as_it_went_in(self) -> None:
        assert parse_object('{"a": [1, 2.5, "é", null, {"b": true}]}'.encode()) == {
            "a": [1, 2.5, "é", None, {"b": True}]
        }

    def test_may_hold_escaped_letters_and_whole_surrogate_pairs(self) -> None:
        assert parse_object(b'{"a": "\\u03c3 \\ud83d\\ude00"}') == {"a": "σ 😀"}

    def test_may_be_nested_as_deeply_as_the_limit(self) -> None:
        raw = b'{"a":' + b"[" * (DEPTH_LIMIT - 1) + b"]" * (DEPTH_LIMIT - 1) + b"}"

        assert "a" in parse_object(raw)

    @given(st.dictionaries(st.text(max_size=8), json_values, max_size=5))
    def test_of_any_shape_is_read_or_refused_in_words(self, document: dict[str, object]) -> None:
        raw = json.dumps(document).encode()

        if "\\u0000" in raw.decode():
            assert refused(raw).code == "invalid_request"
        else:
            assert parse_object(raw) == document

    @given(st.binary(max_size=300))
    def test_of_any_bytes_never_fails_otherwise(self, raw: bytes) -> None:
        with contextlib.suppress(InvalidRequest):
            assert isinstance(parse_object(raw), dict)


class TestARefusal:
    def test_of_broken_json_tells_the_place(self) -> None:
        error = refused(b'{"model": "a",\n "x" 1}')

        assert "line 2, column 6" in error.message
        assert error.numbers == {"position": 20}

    @pytest.mark.parametrize(
        ("raw", "told"),
        [
            (b"", "empty"),
            (b"[]", "not a list"),
            (b"3", "not a number"),
            (b'"x"', "not a string"),
            (b"null", "not null"),
            (b"\xff\xfe{}", "0xff at position 0"),
            (b'{"a": "\xc3"}', "not UTF-8"),
            (b'{"a": 1} x', "Extra data"),
            (b'{"a": "\x00"}', "control character"),
            (b'{"a": ' + b"9" * 5000 + b"}", "several thousand digits"),
            (b"[" * 100_000, "nested too deeply"),
            (b'{"a":' + b"[" * DEPTH_LIMIT + b"]" * DEPTH_LIMIT + b"}", "nested too deeply"),
            (b'{"a":[' + b"[]," * BRACKET_LIMIT + b"[]]}", "opening brackets"),
        ],
        ids=lambda value: repr(value)[:30],
    )
    def test_says_what_is_wrong(self, raw: bytes, told: str) -> None:
        assert told in refused(raw).message

    @pytest.mark.parametrize(
        ("raw", "param"),
        [
            (b'{"temperature": NaN}', "temperature"),
            (b'{"a": {"b": [0, Infinity]}}', "a.b[1]"),
            (b'{"top_p": 1e999}', "top_p"),
            (b'{"messages": [{"content": "a\\u0000b"}]}', "messages[0].content"),
            (b'{"prompt": "\\ud800"}', "prompt"),
            (b'{"prompt": "\\udc00 and more"}', "prompt"),
        ],
    )
    def test_names_the_field(self, raw: bytes, param: str) -> None:
        assert refused(raw).param == param

    def test_of_a_bad_name_of_a_field_names_its_place(self) -> None:
        assert refused(b'{"\\ud800": 1}').param == "a field's name"
