"""One JSON object of a request, read field by field: a fault names the field by its whole path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from innkeeper.runtime.errors import InvalidRequest
from innkeeper.runtime.messages import Body
from innkeeper.runtime.wire.json_text import kind_of
from innkeeper.runtime.wire.spans import Span, check_span

Json = Any  # from outside: looked at by whoever reads it


class Fields:
    """An object and where it stands in the body. A field that is null counts as not given."""

    def __init__(self, body: Body, path: str = "") -> None:
        self.body: Final = body
        self.path: Final = path

    def param(self, name: str) -> str:
        """The whole path of a field."""
        return f"{self.path}.{name}" if self.path else name

    def given(self, name: str) -> Json:
        """Whatever it is; None where it is not given."""
        return self.body.get(name)

    def wrong(self, name: str, wanted: str) -> InvalidRequest:
        """The refusal of a field that is not what it must be, or is missing."""
        value, param = self.body.get(name), self.param(name)
        told = "is missing; it must be" if value is None else "must be"
        but = "" if value is None else f", not {kind_of(value)}"
        return InvalidRequest(f"{param} {told} {wanted}{but}.", param=param)

    def text(self, name: str) -> str | None:
        """A string."""
        value = self.body.get(name)
        if value is not None and not isinstance(value, str):
            raise self.wrong(name, "a string")
        return value

    def needed_text(self, name: str) -> str:
        """A string that must be there, and not be empty."""
        text = self.text(name)
        if text is None:
            raise self.wrong(name, "a string")
        if not text:
            raise InvalidRequest(f"{self.param(name)} is empty.", param=self.param(name))
        return text

    def flag(self, name: str, *, otherwise: bool = False) -> bool:
        """True or false."""
        value = self.body.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(name, "true or false")
        return otherwise if value is None else value

    def number(self, name: str, span: Span) -> Json:
        """A number within the span."""
        value = self.body.get(name)
        if value is not None:
            check_span(value, span, self.param(name))
        return value

    def items(self, name: str) -> list[Json] | None:
        """A list."""
        value = self.body.get(name)
        if value is not None and not isinstance(value, list):
            raise self.wrong(name, "a list")
        return value

    def texts(self, name: str) -> list[str] | None:
        """A list of strings."""
        items = self.items(name)
        for index, item in enumerate(items or ()):
            if not isinstance(item, str):
                where = f"{self.param(name)}[{index}]"
                raise InvalidRequest(f"{where} must be a string, not {kind_of(item)}.", param=where)
        return items

    def object(self, name: str) -> Fields | None:
        """An object."""
        value = self.body.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.wrong(name, "an object")
        return Fields(value, self.param(name))

    def needed_object(self, name: str) -> Fields:
        """An object that must be there."""
        found = self.object(name)
        if found is None:
            raise self.wrong(name, "an object")
        return found

    def objects(self, name: str) -> Iterator[Fields]:
        """The objects of a list; none where it is not given."""
        for index, item in enumerate(self.items(name) or ()):
            where = f"{self.param(name)}[{index}]"
            if not isinstance(item, dict):
                raise InvalidRequest(f"{where} must be an object, not {kind_of(item)}.", param=where)
            yield Fields(item, where)
