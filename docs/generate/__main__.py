"""Write the generated pages anew, or with `--check` say which are not current: `python -m docs.generate [--check]`."""

from __future__ import annotations

import sys
from pathlib import Path

from docs.generate.pages import outdated, pages

ROOT = Path(__file__).parents[2]


def main(arguments: list[str]) -> int:
    """0, or 1 where `--check` finds a page that is not what the code says."""
    stale = outdated(ROOT)
    if "--check" in arguments:
        for path in stale:
            sys.stderr.write(f"{path} is not what the code says. Run 'make fix'.\n")
        return 1 if stale else 0
    wanted = pages(ROOT)
    for path in stale:
        (ROOT / path).write_text(wanted[path], encoding="utf-8")
        sys.stdout.write(f"Wrote {path}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
