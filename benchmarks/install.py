"""How heavy the core is: megabytes on disk and seconds to install, without extras, from a warm package cache."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIMIT_BYTES = 200_000_000
LIMIT_S = 60.0
TOOLS = frozenset({"pip", "setuptools", "pkg_resources", "_distutils_hack"})
"""What a virtual environment brings along; not ours to count."""


@dataclass(frozen=True, slots=True)
class Installed:
    """One fresh environment with the core in it."""

    took_s: float
    bytes_by_name: dict[str, int]
    """Bytes below site-packages, by the name of the folder or file there."""

    @property
    def total_bytes(self) -> int:
        return sum(self.bytes_by_name.values())


def built_wheel(folder: Path) -> Path:
    """The wheel of this checkout, built into `folder`."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run([*pip, "--build-constraint", str(ROOT / "constraints.txt")], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path) -> Installed:
    """Install `wheel` without extras into a new environment in `folder`."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    began = time.perf_counter()
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-c", str(ROOT / "constraints.txt"), str(wheel)], check=True)
    took_s = time.perf_counter() - began
    subprocess.run([str(folder / "bin" / "innkeeper"), "--version"], check=True)
    subprocess.run([str(folder / "bin" / "python"), "-c", "import innkeeper.assemble"], check=True)  # lacks nothing
    (packages,) = (folder / "lib").glob("python*/site-packages")
    return Installed(took_s, {one.name: _bytes_below(one) for one in packages.iterdir() if not _is_tool(one.name)})


def report(measured: Installed) -> str:
    """The result as a page, with its conditions."""
    largest = sorted(measured.bytes_by_name.items(), key=lambda item: -item[1])[:8]
    rows = [f"| {name} | {size_bytes / 1e6:.1f} |" for name, size_bytes in largest]
    return "\n".join(
        [
            "## Installing the core",
            "",
            (
                f"- {measured.total_bytes / 1e6:.0f} MB below site-packages, compiled Python included, pip and"
                f" setuptools not (limit {LIMIT_BYTES / 1e6:.0f} MB)"
            ),
            (
                f"- {measured.took_s:.1f} s for `pip install` of the built wheel with constraints.txt into a"
                f" fresh environment, every package in pip's cache or on a registry nearby (limit {LIMIT_S:.0f} s)"
            ),
            (
                f"- {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f},"
                f" Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}"
            ),
            "",
            "| largest | MB |",
            "| - | - |",
            *rows,
            "",
        ]
    )


def main() -> int:
    """0 when both limits are kept."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel = built_wheel(folder / "wheel")
        install(wheel, folder / "first")  # fills the cache
        measured = install(wheel, folder / "second")
    page = report(measured)
    (ROOT / "benchmarks" / "results").mkdir(exist_ok=True)
    (ROOT / "benchmarks" / "results" / "install.md").write_text(page, encoding="utf-8")
    print(page)
    return 0 if measured.total_bytes <= LIMIT_BYTES and measured.took_s < LIMIT_S else 1


def _is_tool(name: str) -> bool:
    return name.split("-", maxsplit=1)[0] in TOOLS or name == "distutils-precedence.pth"


def _bytes_below(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


if __name__ == "__main__":
    sys.exit(main())
