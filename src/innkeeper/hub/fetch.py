"""Bringing files of the Hugging Face Hub here: resumed where it stopped, checked before it counts.

A file grows under `NAME.VERSION.part` and gets its name only when its hash is right, so a name never stands for half a
file. The hub's own downloader neither goes on after an interruption nor compares hashes; its transport is
used, with our own books about what is there.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from innkeeper.hub.wanted import Digest, RemoteFile
from innkeeper.runtime.errors import DownloadFailed, EngineMissing, InvalidRequest
from innkeeper.runtime.sizes import told

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

LEFT_FREE_BYTES: Final = 256 * 1024**2
"""What a download leaves free on the disk."""

GOES_ON: Final = "Run the same command again; it goes on where it stopped."

_CHUNK_BYTES: Final = 1024**2

Progress = Callable[[RemoteFile, int], None]
"""Told the file and how many of its bytes are here."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a repository at one commit."""

    repository: str
    commit: str
    files: tuple[RemoteFile, ...]


class Hub:
    """The hub at one address.

    Raises:
        EngineMissing: The extra `hub` is not installed.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        token: str | None = None,
        *,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        try:
            import httpx2
            import huggingface_hub
            from huggingface_hub import file_download, utils
        except ImportError as error:
            raise EngineMissing(
                "Downloading needs the package huggingface-hub. Install it with `pip install 'innkeeper[hub]'`."
            ) from error
        utils.disable_progress_bars()  # the caller draws
        self._transport_error = httpx2.HTTPError
        self._api: Any = huggingface_hub.HfApi(endpoint=endpoint, token=token)  # untyped package
        self._http_get: Any = file_download.http_get
        self._url: Any = huggingface_hub.hf_hub_url
        self._headers: dict[str, str] = utils.build_hf_headers(token=token)
        self._free_bytes = free_bytes

    def listing(self, repository: str, revision: str | None = None) -> Listing:
        """The files of a repository.

        Raises:
            InvalidRequest: There is no such repository, or it is not open to this token.
            DownloadFailed: The hub cannot be reached.
        """
        with self._told(repository):
            info = self._api.model_info(repository, revision=revision, files_metadata=True)
        files = tuple(
            RemoteFile(one.rfilename, int(one.size or 0), _digest_of(one))
            for one in info.siblings or ()
            if one.rfilename
        )
        return Listing(repository, str(info.sha or revision or "main"), files)

    def fetch(self, listing: Listing, file: RemoteFile, folder: Path, progress: Progress) -> Path:
        """Bring one file into `folder`; returns where it is. What was there of it before is not fetched again.

        Raises:
            DownloadFailed: The disk is full or not writable, the hub went away, or the content is not what the hub
                says. In the last case nothing is kept; else the next call goes on where this one stopped.
        """
        version = file.digest.hexadecimal[:12] if file.digest else listing.commit[:12]
        target, part = folder / file.name, folder / f"{file.name}.{version}.part"
        with _told_of_disk(folder):
            folder.mkdir(parents=True, exist_ok=True)
            if target.exists():
                self._compare(target, file)
                return target
            with _locked(part) as growing:
                here_bytes = part.stat().st_size
                if here_bytes > file.size_bytes:
                    growing.truncate(0)
                    here_bytes = 0
                self._check_room(folder, file.size_bytes - here_bytes)
                if here_bytes < file.size_bytes:
                    self._transfer(listing, file, growing, here_bytes, progress)
                growing.flush()
                if file.digest is not None and _hash_of(part, file.digest.algorithm) != file.digest.hexadecimal:
                    part.unlink()
                    raise DownloadFailed(
                        f"{file.name} arrived damaged: its {file.digest.algorithm} hash is not the one the hub names. "
                        "It was deleted; run the same command again."
                    )
                part.replace(target)
        return target

    def _transfer(
        self, listing: Listing, file: RemoteFile, growing: BinaryIO, here_bytes: int, progress: Progress
    ) -> None:
        counted = _Counted(growing, lambda size_bytes: progress(file, size_bytes))
        url = self._url(listing.repository, file.path, revision=listing.commit, endpoint=self._api.endpoint)
        growing.seek(here_bytes)
        progress(file, here_bytes)
        with self._told(listing.repository):
            self._http_get(
                url, counted, resume_size=here_bytes, headers=dict(self._headers), expected_size=file.size_bytes
            )

    def _compare(self, target: Path, file: RemoteFile) -> None:
        size_bytes = target.stat().st_size
        same = size_bytes == file.size_bytes and (
            file.digest is None or _hash_of(target, file.digest.algorithm) == file.digest.hexadecimal
        )
        if not same:
            raise DownloadFailed(
                f"{target} is there already with other content ({told(size_bytes)} here, {told(file.size_bytes)} on "
                "the hub). Move or delete it, then run the same command again."
            )

    def _check_room(self, folder: Path, needed_bytes: int) -> None:
        free_bytes = self._free_bytes(folder)
        if needed_bytes > 0 and free_bytes < needed_bytes + LEFT_FREE_BYTES:
            raise DownloadFailed(
                f"{folder} has {told(free_bytes)} free; {told(needed_bytes)} are needed and {told(LEFT_FREE_BYTES)} "
                "stay free. Make room, or choose another folder with INNKEEPER_MODELS_DIR.",
                free_bytes=free_bytes,
                needed_bytes=needed_bytes,
            )

    @contextmanager
    def _told(self, repository: str) -> Iterator[None]:
        """The hub's errors in our words. Errors of the disk pass."""
        from huggingface_hub import errors

        try:
            yield
        except errors.GatedRepoError as error:
            raise InvalidRequest(
                f"{repository} asks you to accept its terms first, on its page on the hub. Then set HF_TOKEN."
            ) from error
        except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
            raise InvalidRequest(
                f"There is no repository {repository} on the hub, or it is private. For a private one set HF_TOKEN."
            ) from error
        except (errors.RevisionNotFoundError, errors.EntryNotFoundError) as error:
            raise InvalidRequest(f"{repository} has no such revision or file.") from error
        except self._transport_error as error:
            raise DownloadFailed(f"The hub did not deliver: {_first_line(error)}. {GOES_ON}") from error
        except OSError as error:
            if error.errno is not None:
                raise
            raise DownloadFailed(f"The download ended early: {_first_line(error)}. {GOES_ON}") from error


class _Counted(io.RawIOBase):
    """A file that tells how long it has become, also when it has to begin again."""

    def __init__(self, file: BinaryIO, tell_length: Callable[[int], None]) -> None:
        super().__init__()
        self._file = file
        self._tell_length = tell_length

    def write(self, data: ReadableBuffer, /) -> int:
        written = self._file.write(data)
        self._tell_length(self._file.tell())
        return written

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def truncate(self, size: int | None = None, /) -> int:
        return self._file.truncate(size)


@contextmanager
def _locked(part: Path) -> Iterator[BinaryIO]:
    """The growing file, held by one process at a time. An empty one is not left behind."""
    with part.open("ab") as made:
        made.flush()
    with part.open("r+b", buffering=0) as growing:
        try:
            fcntl.flock(growing, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DownloadFailed(f"Another `innkeeper pull` is fetching {part.name} now.") from error
        try:
            yield growing
        finally:
            if part.exists() and part.stat().st_size == 0:
                part.unlink()


@contextmanager
def _told_of_disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        match error.errno:
            case errno.ENOSPC | errno.EDQUOT:
                fix = f"Make room. {GOES_ON}"
            case errno.EACCES | errno.EROFS | errno.EPERM:
                fix = "Choose a folder you may write to with INNKEEPER_MODELS_DIR."
            case _:
                fix = "Put that right and run the same command again."
        raise DownloadFailed(f"Cannot write to {folder}: {error.strerror or error}. {fix}") from error


def _hash_of(path: Path, algorithm: str) -> str:
    digest = hashlib.sha256()
    if algorithm == "git":
        digest = hashlib.sha1(usedforsecurity=False)
        digest.update(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _digest_of(sibling: Any) -> Digest | None:  # untyped package
    if sibling.lfs is not None:
        return Digest("sha256", str(sibling.lfs.sha256))
    return Digest("git", str(sibling.blob_id)) if sibling.blob_id else None


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".")
