"""The file that keeps the API keys: private to its owner, replaced as a whole, read again when it changes."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from innkeeper.api.keys import ApiKey, hash_of
from innkeeper.runtime.errors import BadSettings, StateUnusable

_VERSION = 1


def new_token() -> str:
    """A fresh token of 256 random bits. The prefix lets people and scanners recognise one."""
    return "ik-" + secrets.token_urlsafe(32)


class KeyFile:
    """The keys in one file. A server that has seen a key never opens up again, even if the file goes away."""

    def __init__(
        self, path: Path, *, token: Callable[[], str] = new_token, now_s: Callable[[], float] = time.time
    ) -> None:
        self._path = path
        self._token = token
        self._now_s = now_s
        self._seen: tuple[int, int, int] | None = None
        self._keys: tuple[ApiKey, ...] = ()
        self.is_required = False
        """Whether a request needs a key: true from the moment there was one, until the server starts again."""

    def keys(self) -> tuple[ApiKey, ...]:
        """The keys as the file has them now. Costs one `stat` when nothing changed.

        Raises:
            StateUnusable: The file is there but cannot be read or understood. Nobody is let in meanwhile.
        """
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._seen, self._keys = None, ()
            return self._keys
        except OSError as error:
            raise StateUnusable(f"The key file {self._path} cannot be read: {error.strerror}.") from error
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        if stamp != self._seen:
            self._keys = self._read()
            self._seen = stamp
            self.is_required = self.is_required or bool(self._keys)
        return self._keys

    def add(
        self,
        name: str,
        *,
        models: tuple[str, ...] | None = None,
        operator: bool = False,
        per_minute: int | None = None,
        at_once: int | None = None,
    ) -> str:
        """Make a key; returns its token, which cannot be had again.

        Raises:
            BadSettings: The name is taken or empty, or a limit is below 1.
            StateUnusable: The file cannot be written.
        """
        keys = self.keys()
        if not name.strip() or not name.isprintable() or len(name) > 64:
            raise BadSettings("A key's name has 1 to 64 printable characters.", param="name")
        if any(key.name == name for key in keys):
            raise BadSettings(f"There is a key named {name!r} already. Remove it first, or choose another name.")
        for limit, said in ((per_minute, "per_minute"), (at_once, "at_once")):
            if limit is not None and limit < 1:
                raise BadSettings(f"{said} must be at least 1, not {limit}.", param=said)
        token = self._token()
        key = ApiKey(name, hash_of(token), self._now_s(), models, operator, per_minute, at_once)
        self._write((*keys, key))
        return token

    def remove(self, name: str) -> None:
        """Make a key invalid at once.

        Raises:
            BadSettings: There is no key of that name.
            StateUnusable: The file cannot be written.
        """
        keys = self.keys()
        left = tuple(key for key in keys if key.name != name)
        if len(left) == len(keys):
            known = ", ".join(key.name for key in keys) or "none"
            raise BadSettings(f"There is no key named {name!r}. Keys: {known}.", param="name")
        self._write(left)

    def _read(self) -> tuple[ApiKey, ...]:
        try:
            document = json.loads(self._path.read_bytes())
            if document["version"] != _VERSION:
                raise StateUnusable(
                    f"The key file {self._path} is of version {document['version']}; we know {_VERSION}."
                )
            return tuple(_parse(entry) for entry in document["keys"])
        except OSError as error:
            raise StateUnusable(f"The key file {self._path} cannot be read: {error.strerror}.") from error
        except (ValueError, KeyError, TypeError) as error:
            raise StateUnusable(
                f"The key file {self._path} cannot be understood ({error}). Restore it, or delete it and make new keys."
            ) from error

    def _write(self, keys: tuple[ApiKey, ...]) -> None:
        document = {"version": _VERSION, "keys": [asdict(key) for key in keys]}
        beside = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            try:
                descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(json.dumps(document, indent=1).encode("ascii"))
                    file.flush()
                    os.fsync(file.fileno())
                beside.replace(self._path)
            finally:
                beside.unlink(missing_ok=True)
        except OSError as error:
            raise StateUnusable(f"The key file {self._path} cannot be written: {error.strerror}.") from error


def _parse(entry: dict[str, Any]) -> ApiKey:  # Any: a file that somebody may have edited, checked here
    models = entry["models"]
    if models is not None and not all(isinstance(model, str) for model in models):
        raise TypeError("models must be names")
    if len(bytes.fromhex(entry["sha256"])) != 32:
        raise ValueError("a hash is not whole")
    if not isinstance(entry["operator"], bool):
        raise TypeError("operator must be true or false")
    return ApiKey(
        name=str(entry["name"]),
        sha256=entry["sha256"],
        created_s=float(entry["created_s"]),
        models=None if models is None else tuple(models),
        operator=entry["operator"],
        per_minute=_limit(entry["per_minute"]),
        at_once=_limit(entry["at_once"]),
    )


def _limit(value: Any) -> int | None:  # Any: as above
    return None if value is None else int(value)
