"""The forms in which a setting may be written that is no plain number or text: a budget, a memory, a truth value.

What is wrong is always a ValueError, also for a wrong type, because pydantic gathers these into its list of problems.
"""

# ruff: noqa: TRY004 (see above)

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

from pydantic import BeforeValidator, PlainSerializer, PlainValidator

from innkeeper.runtime.catalog import Option
from innkeeper.settings.quantities import AS_WRITTEN, amount, seconds, size_bytes

UNTIL_NEEDED: Final = "until needed"
"""How a settings file, which has no null, says that an idle model stays until its memory is wanted."""

NamedBytes: TypeAlias = Mapping[str, int]
NamedAmounts: TypeAlias = Mapping[str, int | Fraction]

Quantity = TypeVar("Quantity", int, int | Fraction)


def _budget(value: object) -> int | Fraction | NamedAmounts | None:
    if value is None:
        return None
    return _by_pool(value, amount) if isinstance(value, Mapping) else amount(value)


def _memory(value: object) -> NamedBytes | None:
    if value is None:
        return None
    return _by_pool(value if isinstance(value, Mapping) else {"ram": value}, size_bytes)


def _by_pool(table: Mapping[object, object], read: Callable[[object], Quantity]) -> Mapping[str, Quantity]:
    quantities = {}
    for pool, part in table.items():
        try:
            quantities[str(pool)] = read(part)
        except ValueError as error:
            raise ValueError(f"{error} (pool {pool})") from None
    return quantities


def _keep_for(value: object) -> float | None:
    return None if value is None or value == UNTIL_NEEDED else seconds(value)


def _yes_or_no(value: object) -> bool:
    spelled = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if isinstance(value, str) and value.strip().lower() in spelled:
        return spelled[value.strip().lower()]
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _option(value: object) -> Option:
    """A variable can only carry text; what reads like a number or a truth value is one."""
    if isinstance(value, bool | int | float):
        return value
    if not isinstance(value, str):
        raise ValueError("must be a number, true, false or text")
    if value.lower() in {"true", "false"}:
        return value.lower() == "true"
    for number in (int, float):
        try:
            return number(value)
        except ValueError:
            continue
    return value


OneOption: TypeAlias = Annotated[Option, PlainValidator(_option)]
YesNo: TypeAlias = Annotated[bool, BeforeValidator(_yes_or_no)]
Budget: TypeAlias = Annotated[int | Fraction | NamedAmounts | None, PlainValidator(_budget), AS_WRITTEN]
Memory: TypeAlias = Annotated[NamedBytes | None, PlainValidator(_memory), AS_WRITTEN]
KeepFor: TypeAlias = Annotated[
    float | None,
    PlainValidator(_keep_for),
    PlainSerializer(lambda value: UNTIL_NEEDED if value is None else value, when_used="json"),
]
CacheType: TypeAlias = Literal["f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "iq4_nl", "q5_0", "q5_1"]
KindName: TypeAlias = Literal["chat", "completion", "embedding", "rerank", "transcription"]
