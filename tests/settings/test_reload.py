"""Reading the settings again while the server runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from innkeeper.runtime.errors import BadSettings
from innkeeper.settings.load import Change, Loaded, Sources, changes, load, reload


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "innkeeper.toml"
    path.write_text("port = 1\n[models.a]\nfile = 'a.gguf'\n")
    return path


@pytest.fixture
def loaded(file: Path) -> Loaded:
    return load(Sources(file.parent, {"HOME": str(file.parent)}))


def longer(file: Path) -> None:
    """The size changes, the time does not."""
    before = file.stat()
    file.write_text("port = 1234")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def later(file: Path) -> None:
    """The time changes and one letter, the size does not."""
    file.write_text(file.read_text().replace("port = 1\n", "port = 2\n"))


def replaced(file: Path) -> None:
    """Another file takes its place, as an editor or a deployment does it."""
    other = file.with_name("new")
    other.write_text("port = 1234")
    other.replace(file)


def linked_elsewhere(file: Path) -> None:
    """A link takes its place, as a mounted map of settings does it."""
    (file.parent / "version-2").mkdir()
    (file.parent / "version-2" / file.name).write_text("port = 1234")
    file.unlink()
    file.symlink_to(Path("version-2") / file.name)


class TestReadingAgain:
    @pytest.mark.parametrize("change", [longer, later, replaced, linked_elsewhere], ids=lambda change: change.__name__)
    def test_a_changed_file_makes_a_new_value_and_leaves_the_old_one_alone(
        self, file: Path, loaded: Loaded, change: Callable[[Path], None]
    ) -> None:
        """C79."""
        change(file)
        assert reload(loaded).settings.port in {2, 1234}
        assert loaded.settings.port == 1

    def test_a_file_that_comes_later_counts(self, tmp_path: Path) -> None:
        loaded = load(Sources(tmp_path, {}))
        (tmp_path / "innkeeper.toml").write_text("port = 5")
        assert reload(loaded).settings.port == 5

    @pytest.mark.parametrize("content", ["port = ", "prot = 2", "port = 'x'"])
    def test_a_bad_file_is_refused_so_that_the_old_settings_stay(
        self, file: Path, loaded: Loaded, content: str
    ) -> None:
        """C79."""
        file.write_text(content)
        with pytest.raises(BadSettings, match=r"innkeeper\.toml"):
            reload(loaded)

    def test_a_file_that_is_gone_is_a_refusal_and_when_it_is_back_it_counts(self, file: Path, loaded: Loaded) -> None:
        """C79."""
        file.unlink()
        with pytest.raises(BadSettings, match="no such file"):
            reload(loaded)
        file.write_text("port = 3")
        assert reload(loaded).settings.port == 3

    def test_flags_and_variables_still_win_after_reading_again(self, file: Path) -> None:
        loaded = load(Sources(file.parent, {"INNKEEPER_HOST": "a"}, flags={("port",): 7}))
        file.write_text("port = 2\nhost = 'b'\n[queue]\nlimit = 9")
        settings = reload(loaded).settings
        assert (settings.port, settings.host, settings.queue.limit) == (7, "a", 9)


class TestChanges:
    def test_what_changed_is_told_by_name_with_whether_it_needs_a_new_start(self, file: Path, loaded: Loaded) -> None:
        file.write_text("port = 2\n[queue]\nlimit = 9\n[models.a]\nfile = 'a.gguf'\nslots = 4\n")
        assert changes(loaded.settings, reload(loaded).settings) == (
            Change("port", 1, 2, needs_restart=True),
            Change("queue.limit", 256, 9, needs_restart=True),
            Change("models.a.slots", None, 4, needs_restart=False),
        )

    def test_a_model_that_came_or_went_is_named(self, file: Path, loaded: Loaded) -> None:
        """C80."""
        file.write_text("port = 1\n[models.b]\nfile = 'b.gguf'\n")
        told = {change.name for change in changes(loaded.settings, reload(loaded).settings)}
        assert {"models.a.file", "models.b.file"} <= told

    def test_nothing_changed_is_nothing_told(self, loaded: Loaded) -> None:
        assert changes(loaded.settings, reload(loaded).settings) == ()
