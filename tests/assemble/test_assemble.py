"""Where parts meet: budgets from pools, the home folder, and which llama.cpp is used."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from innkeeper.assemble import adapters, budgets_of, left_of, prepared_home
from innkeeper.runtime.engines.llama_cpp import LlamaCpp
from innkeeper.runtime.errors import BadSettings, EngineMissing, StateUnusable
from innkeeper.runtime.memory.pools import PoolReading
from innkeeper.settings.load import Loaded, Sources, load
from innkeeper.settings.values import Settings

KB = 1024
POOLS = {"ram": PoolReading(1_000 * KB, 800 * KB), "gpu0": PoolReading(500 * KB, 500 * KB)}


class TestTheBudget:
    @pytest.mark.parametrize(
        ("said", "ram_kb", "gpu0_kb"),
        [
            (None, 900, 450),
            ("400 KiB", 400, 400),
            ("50 %", 500, 250),
            ({"ram": "600 KiB"}, 600, 450),
            ({"ram": "600 KiB", "gpu0": "100 %"}, 600, 500),
        ],
        ids=["nothing said: all but the reserve", "a size for each", "a share of each", "one pool", "both pools"],
    )
    def test_what_is_said_counts_for_the_pools_it_speaks_of(self, said: object, ram_kb: int, gpu0_kb: int) -> None:
        budgets = budgets_of(Settings.model_validate({"budget": said}), POOLS)
        assert budgets == {"ram": ram_kb * KB, "gpu0": gpu0_kb * KB}

    @pytest.mark.parametrize(
        ("said", "ram_kb"),
        [(None, 700), ("400 KiB", 400), ({"ram": "900 KiB"}, 800)],
        ids=["nothing said", "room", "no room"],
    )
    def test_what_others_hold_is_taken_off_while_they_hold_it(self, said: object, ram_kb: int) -> None:
        assert left_of(Settings.model_validate({"budget": said}), POOLS)["ram"] == ram_kb * KB

    def test_a_pool_that_is_not_there_is_named_with_those_that_are(self) -> None:
        with pytest.raises(BadSettings, match="'gpu7'; this machine has gpu0, ram"):
            budgets_of(Settings.model_validate({"budget": {"gpu7": "1 KiB"}}), POOLS)

    def test_more_than_there_is_is_refused_with_both_numbers(self) -> None:
        with pytest.raises(BadSettings) as refused:
            budgets_of(Settings.model_validate({"budget": {"ram": "2000 KiB"}}), POOLS)
        assert refused.value.numbers == {"wanted_bytes": 2_000 * KB, "total_bytes": 1_000 * KB}


class TestTheHome:
    def test_it_is_made_for_its_owner_alone(self, tmp_path: Path) -> None:
        home = prepared_home(tmp_path / "new" / "home")
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert not list(home.iterdir())

    def test_one_that_cannot_be_used_is_refused_with_the_setting_to_change(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(StateUnusable, match="INNKEEPER_HOME"):
            prepared_home(tmp_path / "file" / "home")


class TestWhichLlamaCpp:
    @pytest.fixture
    def broken(self, tmp_path: Path) -> Path:
        program = tmp_path / "bin" / "llama-server"
        program.parent.mkdir()
        program.write_text("#!/bin/sh\nexit 1\n")
        program.chmod(0o755)
        return program

    def loaded(self, tmp_path: Path, **settings: str) -> Loaded:
        variables = {f"INNKEEPER_{name}": value for name, value in settings.items()}
        path = os.pathsep.join([str(tmp_path / "bin"), os.environ["PATH"]])
        return load(Sources(tmp_path, {"PATH": path, "HOME": str(tmp_path), **variables}))

    def test_a_broken_program_on_the_path_is_passed_over_for_our_worker(self, tmp_path: Path, broken: Path) -> None:
        assert broken.exists()
        llama_cpp = adapters(self.loaded(tmp_path))["llama_cpp"]
        assert isinstance(llama_cpp, LlamaCpp)
        assert "xllamacpp" in llama_cpp.build

    def test_one_that_was_set_is_a_mistake_to_be_told(self, tmp_path: Path, broken: Path) -> None:
        with pytest.raises(EngineMissing, match=str(broken)):
            adapters(self.loaded(tmp_path, LLAMA_CPP__SERVER_PROGRAM=str(broken)))
