"""Bringing files of the hub here, over real HTTP from a double of the hub."""

from __future__ import annotations

import fcntl
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from innkeeper.hub.fetch import LEFT_FREE_BYTES, Hub, Listing
from innkeeper.hub.wanted import RemoteFile
from innkeeper.runtime.errors import DownloadFailed, EngineMissing, InvalidRequest
from tests.hub.double import COMMIT, HubDouble, Repository, running

CONTENT = Random(3).randbytes(30 * 1024**2)
"""Longer than what the transport hands over in one piece, which is 10 MiB."""


@pytest.fixture
def double() -> Iterator[HubDouble]:
    repository = Repository({"m.gguf": CONTENT, "sub/small.gguf": b"tiny", "README.md": b"hello"})
    with running(HubDouble({"org/name": repository})) as hub:
        yield hub


@pytest.fixture
def hub(double: HubDouble) -> Hub:
    return Hub(double.url)


@pytest.fixture
def listing(hub: Hub) -> Listing:
    return hub.listing("org/name")


def fetch(hub: Hub, listing: Listing, folder: Path, name: str = "m.gguf") -> Path:
    return hub.fetch(listing, remote(listing, name), folder, lambda *_: None)


def remote(listing: Listing, name: str = "m.gguf") -> RemoteFile:
    return next(file for file in listing.files if file.path == name)


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class Leave(Exception):
    """The user presses Ctrl-C."""


def fetch_and_leave_after(hub: Hub, listing: Listing, folder: Path, size_bytes: int) -> None:
    """Fetch, and stop when so many bytes are there."""

    def leave(_: RemoteFile, here_bytes: int) -> None:
        if here_bytes >= size_bytes:
            raise Leave

    with pytest.raises(Leave):
        hub.fetch(listing, remote(listing), folder, leave)


class TestListing:
    def test_files_come_with_their_sizes_and_hashes_at_one_commit(self, listing: Listing) -> None:
        digests = {file.path: file.digest.algorithm if file.digest else None for file in listing.files}
        assert listing.commit == COMMIT
        assert digests == {"m.gguf": "sha256", "sub/small.gguf": "git", "README.md": "git"}
        assert remote(listing).size_bytes == len(CONTENT)

    def test_a_repository_that_is_not_there_is_told(self, hub: Hub) -> None:
        with pytest.raises(InvalidRequest, match="There is no repository org/other"):
            hub.listing("org/other")

    def test_a_gated_repository_says_what_to_do(self, hub: Hub, double: HubDouble) -> None:
        double.repositories["org/name"].is_gated = True
        with pytest.raises(InvalidRequest, match="accept its terms"):
            hub.listing("org/name")

    def test_a_hub_that_cannot_be_reached_is_told(self) -> None:
        with pytest.raises(DownloadFailed, match="The hub did not deliver"):
            Hub("http://127.0.0.1:9").listing("org/name")

    def test_the_token_is_shown_to_the_hub(self, double: HubDouble) -> None:
        Hub(double.url, "hf_secret").listing("org/name")
        assert "Bearer hf_secret" in double.tokens


class TestFetching:
    def test_a_file_arrives_whole_under_its_own_name(self, hub: Hub, listing: Listing, tmp_path: Path) -> None:
        folder = tmp_path / "new" / "models"
        assert fetch(hub, listing, folder).read_bytes() == CONTENT
        assert left_in(folder) == ["m.gguf"]

    def test_a_small_file_is_checked_by_its_git_hash(
        self, hub: Hub, double: HubDouble, listing: Listing, tmp_path: Path
    ) -> None:
        assert fetch(hub, listing, tmp_path, "sub/small.gguf") == tmp_path / "small.gguf"
        double.repositories["org/name"].lies_about["sub/small.gguf"] = b"TINY"
        with pytest.raises(DownloadFailed, match="arrived damaged"):
            fetch(hub, listing, tmp_path / "other", "sub/small.gguf")

    def test_progress_is_told_from_where_it_begins_to_the_end(self, hub: Hub, listing: Listing, tmp_path: Path) -> None:
        told: list[int] = []
        hub.fetch(listing, remote(listing), tmp_path, lambda _, size_bytes: told.append(size_bytes))
        assert told == sorted(told)
        assert (told[0], told[-1]) == (0, len(CONTENT))

    def test_a_file_that_is_there_already_is_not_fetched_again(
        self, hub: Hub, double: HubDouble, listing: Listing, tmp_path: Path
    ) -> None:
        fetch(hub, listing, tmp_path)
        double.asked_from.clear()
        assert fetch(hub, listing, tmp_path).read_bytes() == CONTENT
        assert double.asked_from == []

    def test_another_file_of_that_name_is_left_alone(self, hub: Hub, listing: Listing, tmp_path: Path) -> None:
        (tmp_path / "m.gguf").write_bytes(b"mine")
        with pytest.raises(DownloadFailed, match="there already with other content"):
            fetch(hub, listing, tmp_path)
        assert (tmp_path / "m.gguf").read_bytes() == b"mine"


class TestInterruptions:
    def test_what_was_here_is_not_fetched_again(
        self, hub: Hub, double: HubDouble, listing: Listing, tmp_path: Path
    ) -> None:
        fetch_and_leave_after(hub, listing, tmp_path, 10 * 1024**2)
        (part,) = tmp_path.iterdir()
        here_bytes = part.stat().st_size
        assert part.name.startswith("m.gguf.")
        assert 0 < here_bytes < len(CONTENT)
        assert fetch(hub, listing, tmp_path).read_bytes() == CONTENT
        assert double.asked_from == [0, here_bytes]
        assert left_in(tmp_path) == ["m.gguf"]

    def test_a_connection_that_breaks_is_taken_up_again(
        self, hub: Hub, double: HubDouble, listing: Listing, tmp_path: Path
    ) -> None:
        double.cut_after_bytes = 20 * 1024**2
        assert fetch(hub, listing, tmp_path).read_bytes() == CONTENT
        assert double.asked_from[0] == 0
        assert double.asked_from[1] > 0

    def test_a_server_that_cannot_resume_begins_again_without_harm(
        self, hub: Hub, double: HubDouble, listing: Listing, tmp_path: Path
    ) -> None:
        fetch_and_leave_after(hub, listing, tmp_path, 10 * 1024**2)
        double.knows_ranges = False
        assert fetch(hub, listing, tmp_path).read_bytes() == CONTENT

    def test_a_part_that_is_longer_than_the_file_is_begun_again(
        self, hub: Hub, listing: Listing, tmp_path: Path
    ) -> None:
        fetch_and_leave_after(hub, listing, tmp_path, 1)
        (part,) = tmp_path.iterdir()
        part.write_bytes(CONTENT + b"x")
        assert fetch(hub, listing, tmp_path).read_bytes() == CONTENT

    def test_two_downloads_of_one_file_do_not_meet(self, hub: Hub, listing: Listing, tmp_path: Path) -> None:
        fetch_and_leave_after(hub, listing, tmp_path, 1)
        (part,) = tmp_path.iterdir()
        with part.open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            with pytest.raises(DownloadFailed, match="Another `innkeeper pull`"):
                fetch(hub, listing, tmp_path)


class TestTrouble:
    def test_damaged_content_never_gets_the_name_and_is_not_kept(
        self, hub: Hub, double: HubDouble, listing: Listing, tmp_path: Path
    ) -> None:
        double.repositories["org/name"].lies_about["m.gguf"] = CONTENT[:-1] + b"?"
        with pytest.raises(DownloadFailed, match="arrived damaged: its sha256 hash"):
            fetch(hub, listing, tmp_path)
        assert left_in(tmp_path) == []

    def test_too_little_room_is_told_before_the_first_byte(
        self, double: HubDouble, listing: Listing, tmp_path: Path
    ) -> None:
        small = Hub(double.url, free_bytes=lambda _: LEFT_FREE_BYTES + 10)
        with pytest.raises(DownloadFailed, match=r"30\.0 MiB are needed") as caught:
            fetch(small, listing, tmp_path)
        assert caught.value.numbers["needed_bytes"] == len(CONTENT)
        assert double.asked_from == []
        assert left_in(tmp_path) == []

    def test_a_disk_that_fills_up_meanwhile_is_told_with_the_fix(
        self, hub: Hub, listing: Listing, tmp_path: Path
    ) -> None:
        """/dev/full refuses every byte with the error of a full disk."""
        digest = remote(listing).digest
        assert digest is not None
        (tmp_path / f"m.gguf.{digest.hexadecimal[:12]}.part").symlink_to("/dev/full")
        with pytest.raises(DownloadFailed, match=r"No space left on device\. Make room\."):
            fetch(hub, listing, tmp_path)

    def test_a_folder_that_cannot_be_written_is_told(self, hub: Hub, listing: Listing, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(DownloadFailed, match="Cannot write to"):
            fetch(hub, listing, tmp_path / "file" / "models")

    def test_a_file_that_vanished_from_the_hub_is_told(
        self, hub: Hub, double: HubDouble, listing: Listing, tmp_path: Path
    ) -> None:
        del double.repositories["org/name"].files["m.gguf"]
        with pytest.raises(InvalidRequest, match="no such revision or file"):
            fetch(hub, listing, tmp_path)

    def test_without_the_extra_the_message_says_how_to_install_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "huggingface_hub", None)
        with pytest.raises(EngineMissing, match=r"pip install 'innkeeper\[hub\]'"):
            Hub()
