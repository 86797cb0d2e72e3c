"""The header of a GGUF file: what the model is and where its tensors lie. Reads only the header, trusts nothing.

A file comes from anywhere, so every count and length in it is checked against the bytes that are left before
anything is built from it; what is long and of no use to us (tokens, scores, merges) is walked over and not kept.
The `gguf` package maps the file and builds every token as an object, which takes seconds and hundreds of MB.

Layout of a part, little-endian: magic, version, counts; then (key, type, value) each; then (name, dimensions,
type, offset) each; then the tensors' bytes, aligned.            Source: ggml/docs/gguf.md, versions 2 and 3
"""

from __future__ import annotations

import re
import stat
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

from innkeeper.runtime.errors import BadModelFile
from innkeeper.runtime.memory.header import Header, Scalar, Skipped, Value
from innkeeper.runtime.memory.tensors import TENSOR_TYPES, Tensor

_MAX_KEYS: Final = 10_000  # real files have under 100
_MAX_TENSORS: Final = 16_384  # real files have up to about 2,000
_MAX_KEY_BYTES: Final = 65_535  # the format's own limit
_MAX_TEXT_BYTES: Final = 1 << 20  # longer texts are counted, not kept; chat templates have up to 100 KB
_MAX_KEPT_BYTES: Final = 2 << 20  # all texts and lists of one file together
_MAX_LIST: Final = 2_048  # longer lists are counted, not kept; lists by layer are shorter
_MAX_STRINGS: Final = 4 << 20  # all lists of texts of one file together; the largest vocabularies have 1 million
_CHUNK_BYTES: Final = 256 << 10
_PART: Final = re.compile(r"^(?P<stem>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf$")


def read_header(path: Path) -> Header:
    """The header of the model that begins in `path`; of a split model all parts are read.

    Takes some milliseconds, and up to half a second for a vocabulary of 250,000 tokens. Holds a few MB at most.

    Raises:
        BadModelFile: A part is missing, cannot be read, is truncated or is not what it says. The message
            names the file, the offset and what is wrong.
    """
    first = _read_part(path)
    count = first.metadata.get("split.count", 0)
    if not isinstance(count, int) or count <= 1:
        return first
    rest = [_read_part(part) for part in _other_parts(path, count, first.metadata.get("split.no", 0))]
    tensors = tuple(tensor for part in (first, *rest) for tensor in part.tensors)
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise BadModelFile(f"{path}: two parts hold a tensor of the same name; they are not of one model.")
    told = first.metadata.get("split.tensors.count")
    if told is not None and told != len(tensors):
        raise BadModelFile(f"{path}: all parts together should hold {told} tensors, they hold {len(tensors)}.")
    return Header(
        parts=(path, *(part.file for part in rest)),
        file_bytes=sum(part.file_bytes for part in (first, *rest)),
        metadata=first.metadata,
        tensors=tensors,
    )


def _other_parts(path: Path, count: int, number: Value) -> list[Path]:
    named = _PART.match(path.name)
    if named is None or int(named["count"]) != count:
        raise BadModelFile(
            f"{path}: the model has {count} parts, so its name must end in -00001-of-{count:05}.gguf; "
            "give the parts the names they were published under.",
            parts=count,
        )
    if number != 0 or int(named["number"]) != 1:
        first = path.with_name(f"{named['stem']}-00001-of-{count:05}.gguf")
        raise BadModelFile(f"{path}: this is part {int(named['number'])} of {count}; give the first: {first}.")
    parts = [path.with_name(f"{named['stem']}-{part:05}-of-{count:05}.gguf") for part in range(2, count + 1)]
    missing = next((part for part in parts if not part.is_file()), None)
    if missing is not None:
        raise BadModelFile(f"{missing}: this part of a model of {count} is missing; download it.", parts=count)
    return parts


def _read_part(path: Path) -> Header:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # opening a pipe would wait for ever
            raise BadModelFile(f"{path}: this is a folder or device, not a file.")
        with path.open("rb", buffering=0) as file:
            return _Reader(path, file, found.st_size).header()
    except OSError as error:
        raise BadModelFile(f"{path}: cannot be read: {error.strerror or error}.") from error


_SCALARS: Final[Mapping[int, struct.Struct]] = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<?"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
_STRING: Final = 8
_ARRAY: Final = 9
_U32: Final = _SCALARS[4]
_U64: Final = _SCALARS[10]


class _Reader:
    """Goes through one file from front to back, some bytes ahead of what is looked at."""

    def __init__(self, path: Path, file: BinaryIO, file_bytes: int) -> None:
        self._path = path
        self._file = file
        self._file_bytes = file_bytes
        self._chunk = b""
        self._chunk_start = 0  # offset of the chunk in the file
        self._at = 0  # offset in the file of what is looked at next
        self._kept_bytes = 0
        self._strings = 0

    def header(self) -> Header:
        self._magic()
        tensor_count, key_count = self._number(_U64), self._number(_U64)
        if key_count > _MAX_KEYS or tensor_count > _MAX_TENSORS:
            self._wrong(
                f"it claims {key_count} keys and {tensor_count} tensors; up to {_MAX_KEYS} and {_MAX_TENSORS} are read"
            )
        metadata: dict[str, Value] = {}
        for _ in range(key_count):
            key = self._name("key")
            if key in metadata:
                self._wrong(f"the key {key!r} is there twice")
            metadata[key] = self._value(key)
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 1 <= alignment <= 1 << 20 or alignment & (alignment - 1):
            self._wrong(f"general.alignment must be a power of two up to 1048576, it is {alignment!r}")
        tensors = [self._tensor() for _ in range(tensor_count)]
        data_start = -(-self._at // alignment) * alignment
        self._check_places(tensors, data_start, alignment)
        return Header((self._path,), self._file_bytes, metadata, tuple(tensors))

    def _magic(self) -> None:
        if self._file_bytes < 24:
            self._wrong(f"it has {self._file_bytes} bytes, less than the shortest header; download it again")
        magic = self._take(4)
        if magic != b"GGUF":
            self._wrong(f"it begins with {magic!r}, not with b'GGUF': this is no GGUF file")
        version = self._number(_U32)
        if version & 0xFFFF == 0:
            self._wrong("it is written for big-endian machines; convert it")
        if version not in {2, 3}:
            self._wrong(f"it is GGUF version {version}; versions 2 and 3 are read")

    def _value(self, key: str) -> Value:
        kind = self._number(_U32)
        if kind == _STRING:
            return self._text()
        if kind != _ARRAY:
            return self._scalar(key, kind)
        kind, count = self._number(_U32), self._number(_U64)
        if kind == _STRING:
            self._skip_strings(key, count)
            return Skipped(count)
        if kind not in _SCALARS:
            self._wrong(f"{key} is a list of the unknown type {kind}")
        size_bytes = count * _SCALARS[kind].size
        if count > _MAX_LIST:
            self._skip(size_bytes)
            return Skipped(count)
        self._keep(32 * count)
        return struct.unpack(f"<{count}{_SCALARS[kind].format[1:]}", self._take(size_bytes))

    def _scalar(self, key: str, kind: int) -> Scalar:
        if kind not in _SCALARS:
            self._wrong(f"{key} is of the unknown type {kind}")
        one = _SCALARS[kind]
        value: Scalar = one.unpack(self._take(one.size))[0]
        return value

    def _text(self) -> str | Skipped:
        length = self._number(_U64)
        if length > _MAX_TEXT_BYTES:
            self._skip(length)
            return Skipped(length)
        self._keep(length)
        return self._take(length).decode("utf-8", "replace")

    def _name(self, what: str) -> str:
        length = self._number(_U64)
        if not 0 < length <= _MAX_KEY_BYTES:
            self._wrong(f"a {what}'s name should have 1 to {_MAX_KEY_BYTES} bytes and claims {length}")
        self._keep(length)
        return self._take(length).decode("utf-8", "replace")

    def _skip_strings(self, key: str, count: int) -> None:
        self._strings += count
        if self._strings > _MAX_STRINGS or 8 * count > self._left_bytes:
            self._wrong(f"{key} claims {count} texts; there is no room for them in the file, or they are too many")
        unpack_from = _U64.unpack_from
        while count > 0:
            # the inner loop runs a million times for a large vocabulary, so it works on one chunk without calls
            if self._at + 8 > self._chunk_start + len(self._chunk):
                self._refill(8)
            chunk, at = self._chunk, self._at - self._chunk_start
            last = len(chunk) - 8
            while count > 0 and at <= last:
                at += 8 + unpack_from(chunk, at)[0]
                count -= 1
            self._at = self._chunk_start + at
            if self._left_bytes < 0:
                self._wrong(f"a text of {key} ends {-self._left_bytes} bytes after the end of the file")

    def _tensor(self) -> Tensor:
        name = self._name("tensor")
        dimensions = self._number(_U32)
        if not 1 <= dimensions <= 4:
            self._wrong(f"the tensor {name} claims {dimensions} dimensions; 1 to 4 are possible")
        shape = tuple(self._number(_U64) for _ in range(dimensions))
        kind, offset = self._number(_U32), self._number(_U64)
        found = TENSOR_TYPES.get(kind)
        if found is None:
            self._wrong(f"the tensor {name} is of the unknown type {kind}; the file may need a newer Innkeeper")
        weights = 1
        for length in shape:
            weights *= length
        if weights < 1 or weights >= 1 << 56:
            self._wrong(f"the tensor {name} has the impossible shape {shape}")
        if shape[0] % found.block_weights:
            self._wrong(f"the tensor {name} has rows of {shape[0]} weights, {found.name} packs {found.block_weights}")
        self._keep(128)
        return Tensor(name, shape, found.name, offset, weights // found.block_weights * found.block_bytes)

    def _check_places(self, tensors: list[Tensor], data_start: int, alignment: int) -> None:
        names = {tensor.name for tensor in tensors}
        if len(names) != len(tensors):
            self._wrong("two tensors have the same name")
        end, before = 0, "the header"
        for tensor in sorted(tensors, key=lambda tensor: tensor.offset):
            if tensor.offset % alignment:
                self._wrong(f"the tensor {tensor.name} begins at {tensor.offset}, no multiple of {alignment}")
            if tensor.offset < end:
                self._wrong(f"the tensors {before} and {tensor.name} overlap")
            end, before = tensor.offset + tensor.size_bytes, tensor.name
            if data_start + end > self._file_bytes:
                self._wrong(
                    f"the tensor {tensor.name} ends at {data_start + end}, the file at {self._file_bytes}: "
                    "it is truncated; download it again"
                )

    @property
    def _left_bytes(self) -> int:
        return self._file_bytes - self._at

    def _number(self, kind: struct.Struct) -> int:
        number: int = kind.unpack(self._take(kind.size))[0]
        return number

    def _take(self, size_bytes: int) -> bytes:
        if self._at + size_bytes > self._chunk_start + len(self._chunk):
            self._refill(size_bytes)
        start = self._at - self._chunk_start
        self._at += size_bytes
        return self._chunk[start : start + size_bytes]

    def _skip(self, size_bytes: int) -> None:
        if size_bytes > self._left_bytes:
            self._wrong(f"the next {size_bytes} bytes are needed, {self._left_bytes} are left: it is truncated")
        self._at += size_bytes

    def _refill(self, size_bytes: int) -> None:
        """Have at least `size_bytes` from `_at` on in the chunk. Nobody asks for more than a text's limit."""
        if size_bytes > self._left_bytes:
            self._wrong(f"the next {size_bytes} bytes are needed, {self._left_bytes} are left: it is truncated")
        self._file.seek(self._at)
        self._chunk_start = self._at
        self._chunk = self._file.read(max(size_bytes, _CHUNK_BYTES))
        if len(self._chunk) < size_bytes:
            self._wrong(f"the file became shorter while it was read; {size_bytes} bytes are needed")

    def _keep(self, size_bytes: int) -> None:
        self._kept_bytes += size_bytes
        if self._kept_bytes > _MAX_KEPT_BYTES + _MAX_TENSORS * 128:
            self._wrong(f"its names and texts are longer than {_MAX_KEPT_BYTES} bytes together")

    def _wrong(self, what: str) -> NoReturn:
        raise BadModelFile(
            f"{self._path}: at byte {self._at}, {what}.", offset_bytes=self._at, file_bytes=self._file_bytes
        )
