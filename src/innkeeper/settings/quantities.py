"""How people write sizes, shares and seconds, and what each is read as.

A size is a whole number of bytes, a share is a `Fraction` of a pool. Everything here is strict: a number whose unit
has to be guessed is refused, and the message says how to write it. What is wrong is always a ValueError, also for a
wrong type, because pydantic gathers these into its list of problems.
"""

# ruff: noqa: TRY004 (see above)

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BeforeValidator, PlainSerializer

UNITS: Final[Mapping[str, int]] = {
    "B": 1,
    "kB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "TB": 1000**4,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
    "TiB": 1024**4,
}
"""Bytes by unit. Upper and lower case are not told apart, so `12 gib` is 12 GiB."""

LARGEST_SIZE_BYTES: Final = 64 * 1024**4
"""A larger size is taken for a slip of the pen: 64 TiB."""

LEAST_BYTES_WITHOUT_UNIT: Final = 1024**2
"""Whoever writes a smaller bare number probably does not mean bytes."""

LONGEST_S: Final = 366 * 24 * 3600.0
"""A longer time is taken for a slip of the pen: a year."""

LARGEST_MONEY: Final = 1_000_000
"""A larger amount is taken for a slip of the pen."""

_NUMBER_AND_UNIT: Final = re.compile(r"\s*([0-9]{1,18}(?:\.[0-9]{1,9})?)\s*([A-Za-z%]*)\s*", re.ASCII)
_FOLDED_UNITS: Final = {unit.lower(): size for unit, size in UNITS.items()}


def size_bytes(value: object) -> int:
    """Bytes of a size: `"12 GiB"`, `"500 MB"`, or a whole number, which counts bytes.

    Raises:
        ValueError: It is something else, says no unit, is not positive or is over 64 TiB.
    """
    if isinstance(value, str):
        number, unit = _taken_apart(value, wanted='a size such as "12 GiB" or "500 MB"')
        if unit not in _FOLDED_UNITS and (unit or number.denominator != 1):
            said = f"has the unit {unit!r}, which is none of" if unit else "says no unit; add one of"
            raise ValueError(f"{said} {', '.join(UNITS)}")
        size = int(number * _FOLDED_UNITS[unit or "b"])
        unit_is_said = bool(unit)
    elif isinstance(value, int) and not isinstance(value, bool):
        size = value
        unit_is_said = False
    else:
        raise ValueError('must be a size such as "12 GiB" or "500 MB"')
    if size <= 0:
        raise ValueError("must be more than nothing")
    if not unit_is_said and size < LEAST_BYTES_WITHOUT_UNIT:
        raise ValueError(f'says no unit; write "{size} GiB" or "{size} MiB"')
    if size > LARGEST_SIZE_BYTES:
        raise ValueError(f"is more than {in_words(LARGEST_SIZE_BYTES)}; is the unit right?")
    return size


def amount(value: object) -> int | Fraction:
    """A size in bytes, or a share of a pool: `"80 %"` is 4/5.

    Raises:
        ValueError: It is neither, or the share is not above 0 % and at most 100 %.
    """
    if isinstance(value, Fraction):
        return value
    if not (isinstance(value, str) and "%" in value):
        return size_bytes(value)
    number, unit = _taken_apart(value, wanted='a size such as "12 GiB" or a share such as "80 %"')
    if unit != "%" or not 0 < number <= 100:
        raise ValueError('must be a share above 0 % and at most 100 %, such as "80 %"')
    return number / 100


def seconds(value: object) -> float:
    """Seconds, from a number or its digits.

    Raises:
        ValueError: It is not a number, below zero, not finite or over a year.
    """
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise ValueError("must be a number of seconds") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number of seconds")
    if not math.isfinite(value) or not 0 <= value <= LONGEST_S:
        raise ValueError("must be a number of seconds from 0 to a year (31622400)")
    return float(value)


def whole_number(value: object) -> int:
    """A whole number, from a number or its digits. `True` is not one.

    Raises:
        ValueError: It is something else.
    """
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", value, re.ASCII):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("must be a whole number")
    return value


def money(value: object) -> float:
    """An amount of money, from a number or its digits.

    Raises:
        ValueError: It is not a number, below zero, not finite or over a million.
    """
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise ValueError("must be an amount of money, such as 1.50") from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LARGEST_MONEY:
        raise ValueError(f"must be an amount of money from 0 to {LARGEST_MONEY}, such as 1.50")
    return float(value)


def in_words(size: int | Fraction) -> str:
    """A size or share as `size_bytes` and `amount` read it, rounded to three digits: `"1.5 GiB"`, `"80 %"`."""
    if isinstance(size, Fraction):
        return f"{float(size * 100):.3g} %"
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if abs(size) >= UNITS[unit]:
            shown = size / UNITS[unit]
            return f"{shown:.0f} {unit}" if abs(shown) >= 100 else f"{shown:.3g} {unit}"
    return f"{size} B"


def _taken_apart(text: str, wanted: str) -> tuple[Fraction, str]:
    found = _NUMBER_AND_UNIT.fullmatch(text)
    if found is None:
        raise ValueError(f"must be {wanted}")
    return Fraction(found[1]), found[2].lower()


def _shown(value: Any) -> Any:  # pydantic hands the validated value, of whatever type the field has
    if isinstance(value, Mapping):
        return {pool: in_words(part) for pool, part in value.items()}
    return in_words(value) if isinstance(value, int | Fraction) else value


AS_WRITTEN: Final = PlainSerializer(_shown, when_used="json")
"""Sizes and shares are shown as a settings file would say them."""

Size: TypeAlias = Annotated[int, BeforeValidator(size_bytes), AS_WRITTEN]
Amount: TypeAlias = Annotated[int | Fraction, BeforeValidator(amount), AS_WRITTEN]
Seconds: TypeAlias = Annotated[float, BeforeValidator(seconds)]
Count: TypeAlias = Annotated[int, BeforeValidator(whole_number)]
