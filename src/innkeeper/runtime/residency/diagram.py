"""The life of a model as a picture: Mermaid text, drawn from the table of transitions."""

from __future__ import annotations

from innkeeper.runtime.residency.states import TRANSITIONS, State


def mermaid() -> str:
    """A state diagram; ways between the same two states share an arrow."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.COLD.value}"]
    for before, ways in TRANSITIONS.items():
        for after in State:
            causes = sorted(cause.value for cause, reached in ways.items() if reached is after)
            if causes:
                lines.append(f"    {before.value} --> {after.value}: {', '.join(causes)}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(mermaid())  # noqa: T201  the picture is what this command is for
