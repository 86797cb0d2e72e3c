"""SIGHUP: the settings are read again while models run."""

from __future__ import annotations

import signal
from pathlib import Path
from shutil import copyfile

import pytest

from tests.stories.conftest import Shelf
from tests.stories.inn import Inn


class House:
    """An inn whose settings change under it."""

    def __init__(self, inn: Inn, shelf: Shelf) -> None:
        self.inn = inn
        self._entries = {
            "stays": f'file = "{shelf.small}"\ncontext = 256',
            "changes": f'file = "{shelf.middle}"\ncontext = 256',
            "goes": f'file = "{shelf.small}"\ncontext = 512',
            "comes": f'file = "{shelf.small}"\ncontext = 128',
        }
        self._told = 0

    def text(self, *names: str, **changed: str) -> str:
        """Settings with these models; the entries as they are, or as changed."""
        return "\n".join(f"[models.{name}]\n{changed.get(name, self._entries[name])}" for name in names)

    def reload(self) -> str:
        """Have the settings read again; what the journal says of it."""
        before = self._count()
        self.inn.signal(signal.SIGHUP)
        self.inn.until(lambda: self._count() > before)
        lines = [line for line in self.inn.output().splitlines() if "ettings" in line]
        return lines[-1]

    def names(self) -> set[str]:
        with self.inn.client() as client:
            return {model.id for model in client.models.list()}

    def generation(self, model: str) -> int:
        return int(self.inn.model(model)["generation"])

    def _count(self) -> int:
        return self.inn.output().count("ettings")


@pytest.fixture
def house(fresh_inn: Inn, shelf: Shelf) -> House:
    house = House(fresh_inn, shelf)
    fresh_inn.settings(house.text("stays", "changes", "goes"))
    fresh_inn.start()
    assert fresh_inn.say("stays").status == 200
    return house


class TestReload:
    def test_what_did_not_change_runs_on_and_what_did_is_taken_up(self, house: House, shelf: Shelf) -> None:
        """C79, C80: a model of the file comes, one goes, one changes, one stays in memory as it is."""
        inn = house.inn
        for model in ("changes", "goes"):
            assert inn.say(model).status == 200
        inn.settings(house.text("stays", "changes", "comes", changes=f'file = "{shelf.middle}"\ncontext = 300'))
        house.reload()
        assert house.names() == {"stays", "changes", "comes"}
        assert inn.say("goes").error["code"] == "model_not_found"
        for model in ("stays", "changes", "comes"):
            assert inn.say(model).status == 200
        assert [house.generation(model) for model in ("stays", "changes", "comes")] == [1, 2, 1]
        assert inn.model("changes")["context"] == 300

    def test_a_bad_file_changes_nothing_and_is_told_with_its_line(self, house: House) -> None:
        """C79: also a file that is gone; when it is back it counts again."""
        inn, good = house.inn, house.inn.settings_file.read_text()
        inn.settings_file.write_text("budgit = 5\n" + good)
        assert "budgit" in house.reload()
        assert "budget" in inn.output()
        inn.settings_file.write_text("= nonsense [")
        house.reload()
        inn.settings_file.unlink()
        house.reload()
        assert house.names() == {"stays", "changes", "goes"}
        assert house.generation("stays") == 1
        inn.settings_file.write_text(good + "\n" + house.text("comes"))
        house.reload()
        assert house.names() == {"stays", "changes", "goes", "comes"}
        assert house.generation("stays") == 1

    def test_a_link_that_points_elsewhere_is_another_file(self, house: House, tmp_path: Path) -> None:
        inn = house.inn
        other = tmp_path / "other.toml"
        other.write_text(house.text("stays"))
        inn.settings_file.unlink()
        inn.settings_file.symlink_to(other)
        house.reload()
        assert house.names() == {"stays"}
        assert house.generation("stays") == 1
        inn.until(lambda: len(inn.ps()["models"]) == 1)

    def test_a_file_that_was_put_into_the_models_folder_is_found(self, fresh_inn: Inn, shelf: Shelf) -> None:
        house = House(fresh_inn, shelf)
        fresh_inn.start()
        assert fresh_inn.say("new").error["code"] == "model_not_found"
        copyfile(shelf.small, fresh_inn.models / "new.gguf")
        house.reload()
        assert house.names() == {"new"}
        assert fresh_inn.say("new").status == 200
