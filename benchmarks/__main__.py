"""Run the benchmarks named, or all, one after another, and join their results: `python -m benchmarks [NAME …]`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def names() -> list[str]:
    """Every benchmark there is."""
    return sorted(file.stem for file in HERE.glob("[a-z]*.py"))


def joined() -> str:
    """All results on one page."""
    parts = [file.read_text(encoding="utf-8").strip() for file in sorted((HERE / "results").glob("*.md"))]
    head = "# Measured\n\nWritten by `make bench`. Each number stands with the conditions under which it was taken."
    return "\n\n".join([head, *parts]) + "\n"


def main(wanted: list[str]) -> int:
    """0, or 1 when a benchmark is unknown or failed; the others are run all the same."""
    unknown = set(wanted) - set(names())
    if unknown:
        print(f"There is no benchmark {', '.join(sorted(unknown))}. There are: {', '.join(names())}.", file=sys.stderr)
        return 1
    failed = []
    for name in wanted or names():
        print(f"— {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], cwd=HERE.parent, check=False).returncode:
            failed.append(name)
    (HERE / "RESULTS.md").write_text(joined(), encoding="utf-8")
    if failed:
        print(f"Failed: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
