"""Bytes in words that people read."""

from __future__ import annotations

from typing import Final

UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")


def told(size_bytes: float) -> str:
    """ "1.4 GiB", "312 MiB", "0 B": three significant figures, binary units."""
    size = float(size_bytes)
    for unit in UNITS[:-1]:
        if abs(size) < 1023.5:
            return f"{size:.0f} {unit}" if unit == "B" or abs(size) >= 99.95 else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} {UNITS[-1]}"
