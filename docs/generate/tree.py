"""The tree of the README: one line for each file, which is the first line of its docstring."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

BEGIN = "<!-- tree: written by `make fix` from the first lines of the files -->"
END = "<!-- end of tree -->"


def with_tree(readme: str, root: Path) -> str:
    """`readme` with what stands between the two marks replaced by the tree of `root`."""
    before, _, rest = readme.partition(BEGIN)
    _, mark, after = rest.partition(END)
    assert mark, f"the README has lost its marks {BEGIN!r} and {END!r}"
    return f"{before}{BEGIN}\n```\n{chr(10).join(tree(root))}\n```\n{END}{after}"


def tree(root: Path) -> list[str]:
    """The lines of the tree, the words of each folder in a column of their own."""
    return ["src/innkeeper/", *_folder(root / "src" / "innkeeper", "  ")]


def _folder(folder: Path, indent: str) -> Iterator[str]:
    files = sorted(file for file in folder.glob("*.py") if file.name != "__init__.py")
    folders = sorted(inner for inner in folder.iterdir() if (inner / "__init__.py").exists())
    width = max((len(file.name) for file in files), default=0)
    for file in files:
        yield f"{indent}{file.name:<{width}}  {first_line(file)}"
    for inner in folders:
        yield f"{indent}{inner.name}/  {first_line(inner / '__init__.py')}".rstrip()
        yield from _folder(inner, indent + "  ")


def first_line(file: Path) -> str:
    """The first line of a module's docstring, without its full stop; empty where it has none."""
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    return docstring.splitlines()[0].rstrip(".") if docstring else ""
