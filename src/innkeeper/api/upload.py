"""A form with a file in it: fields in memory, the file on the disk, counted while it arrives."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.types import Receive

from innkeeper.api.body import CallerLeft
from innkeeper.runtime.errors import BodyTooLarge, InvalidRequest, StateUnusable

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks  # there for type checkers only

FIELD_LIMIT_BYTES: Final = 1 << 16
"""Of all fields together, names included."""

PART_LIMIT: Final = 64

FILE: Final = "file"
"""The field that holds the file."""


async def read_upload(
    receive: Receive, headers: Mapping[bytes, bytes], folder: Path, *, limit_bytes: int, silence_s: float
) -> tuple[Path, bytes]:
    """Where the file lies now, and the form as JSON: each field with its texts in a list, `file` with the path.

    The file is the caller's of this function to remove. Nothing is left behind where an error is raised.

    Raises:
        InvalidRequest: It is no form, or has no file, or nothing more came for `silence_s`.
        BodyTooLarge: More than the limit arrived.
        StateUnusable: The disk takes no more.
        CallerLeft: The caller hung up.
    """
    content_type, options = parse_options_header(headers.get(b"content-type", b""))
    boundary = options.get(b"boundary")
    if content_type != b"multipart/form-data" or not boundary:
        raise InvalidRequest("Send the sound as multipart/form-data with a field named file.", param=FILE)
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared[:20]) > limit_bytes:
        raise _too_large(limit_bytes)
    try:
        with _new_file(folder) as (path, out):
            form = _Form(out)
            await _feed(MultipartParser(boundary, form.callbacks()), receive, limit_bytes, silence_s)
            return path, form.as_json(path)
    except OSError as error:
        raise StateUnusable(f"The upload cannot be kept in {folder}: {error.strerror}.") from error
    except FormParserError as error:
        raise InvalidRequest(f"The form cannot be understood: {error}.", param=FILE) from error


@contextmanager
def _new_file(folder: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A file that stays if all goes well."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=folder)
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as out:
            yield path, out
    except BaseException:
        path.unlink(missing_ok=True)
        raise


async def _feed(parser: MultipartParser, receive: Receive, limit_bytes: int, silence_s: float) -> None:
    arrived = 0
    while True:
        try:
            async with asyncio.timeout(silence_s):
                message = await receive()
        except TimeoutError:
            raise InvalidRequest(f"Nothing more of the upload came for {silence_s:g} s.", param=FILE) from None
        if message["type"] == "http.disconnect":
            raise CallerLeft
        part: bytes = message.get("body", b"")
        arrived += len(part)
        if arrived > limit_bytes:
            raise _too_large(limit_bytes)
        parser.write(part)
        if not message.get("more_body", False):
            parser.finalize()
            return


class _Form:
    """What the parser says, put where it belongs."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._fields: dict[str, list[str]] = {}
        self._file_name: str | None = None
        self._parts = 0
        self._field_bytes = 0
        self._header: dict[bytes, bytes] = {}
        self._header_name = self._header_value = b""
        self._name = ""
        self._is_file = False
        self._value = bytearray()

    def callbacks(self) -> MultipartCallbacks:
        """By the names the parser knows."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._field_of_header,
            "on_header_value": self._value_of_header,
            "on_header_end": self._end_of_header,
            "on_headers_finished": self._named,
            "on_part_data": self._data,
            "on_part_end": self._end,
        }

    def as_json(self, path: Path) -> bytes:
        """The form; `file` is where it lies and what it was called.

        Raises:
            InvalidRequest: It has no file.
        """
        if self._file_name is None:
            raise InvalidRequest("The form has no field named file with a sound file in it.", param=FILE)
        return json.dumps({**self._fields, FILE: [str(path), self._file_name]}).encode()

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > PART_LIMIT:
            raise InvalidRequest(f"The form has more than {PART_LIMIT} fields.")
        self._header = {}
        self._value = bytearray()

    def _field_of_header(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._header_name += data[start:end]

    def _value_of_header(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._header_value += data[start:end]

    def _end_of_header(self) -> None:
        self._header[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _named(self) -> None:
        _, options = parse_options_header(self._header.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        self._is_file = self._name == FILE and b"filename" in options
        if self._is_file:
            if self._file_name is not None:
                raise InvalidRequest("The form has two files; send one.", param=FILE)
            self._file_name = options[b"filename"].decode("utf-8", "replace")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._out.write(data[start:end])
        else:
            self._count(end - start)
            self._value += data[start:end]

    def _end(self) -> None:
        if not self._is_file:
            text = self._value.decode("utf-8", "replace")
            self._fields.setdefault(self._name, []).append(text)

    def _count(self, size: int) -> None:
        self._field_bytes += size
        if self._field_bytes > FIELD_LIMIT_BYTES:
            raise BodyTooLarge(f"The fields of the form have more than {FIELD_LIMIT_BYTES} bytes.")


def _too_large(limit_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"The upload is larger than {limit_bytes} bytes. Send a smaller file, or raise api.audio_limit.",
        limit_bytes=limit_bytes,
    )
