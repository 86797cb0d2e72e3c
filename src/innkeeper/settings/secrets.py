"""Keys of the services of others: read from the environment or from `.env`, under the name a setting gives."""

from __future__ import annotations

from dotenv.parser import parse_stream

from innkeeper.settings.load import Sources
from innkeeper.settings.problems import Problem, bad_settings


def secret(sources: Sources, name: str) -> str | None:
    """What the variable of that name holds, else the line of `.env`; None where neither says anything.

    Raises:
        BadSettings: `.env` cannot be read.
    """
    said = sources.environ.get(name)
    return said or _in_env_file(sources, name)


def _in_env_file(sources: Sources, name: str) -> str | None:
    path = sources.folder / ".env"
    try:
        with path.open(encoding="utf-8") as file:
            lines = {line.key: line.value for line in parse_stream(file) if line.key and line.value}
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise bad_settings([Problem(str(path), f"is not UTF-8 text (byte {error.start})")]) from None
    except OSError as error:
        raise bad_settings([Problem(str(path), f"cannot be read: {error.strerror}")]) from error
    return lines.get(name)
