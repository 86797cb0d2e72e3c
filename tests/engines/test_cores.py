"""usable_cores: what this process may really compute on."""

from __future__ import annotations

from pathlib import Path

import pytest

from innkeeper.runtime.engines.cores import usable_cores

FOUR = frozenset({0, 1, 2, 3})


def written(root: Path, **files: str) -> Path:
    for name, text in files.items():
        file = root / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def siblings(root: Path, *pairs: str) -> Path:
    for processor, pair in enumerate(pairs):
        file = root / f"sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list"
        file.parent.mkdir(parents=True)
        file.write_text(pair + "\n")
    return root


class TestCores:
    def test_two_threads_of_a_core_count_once(self, tmp_path: Path) -> None:
        assert usable_cores(siblings(tmp_path, "0,2", "1,3", "0,2", "1,3"), FOUR) == 2

    def test_a_system_that_does_not_say_has_a_core_for_each(self, tmp_path: Path) -> None:
        assert usable_cores(tmp_path, FOUR) == 4

    def test_only_those_we_may_run_on_count(self, tmp_path: Path) -> None:
        assert usable_cores(tmp_path, frozenset({2})) == 1

    @pytest.mark.parametrize(("quota", "cores"), [("150000 100000", 2), ("50000 100000", 1), ("max 100000", 4)])
    def test_a_container_has_what_its_quota_allows(self, tmp_path: Path, quota: str, cores: int) -> None:
        root = written(tmp_path, proc__self__cgroup="0::/inn\n")
        (root / "sys/fs/cgroup/inn").mkdir(parents=True)
        (root / "sys/fs/cgroup/inn/cpu.max").write_text(quota)

        assert usable_cores(root, FOUR) == cores

    def test_a_quota_of_a_group_above_counts_too(self, tmp_path: Path) -> None:
        root = written(tmp_path, proc__self__cgroup="0::/slice/inn\n")
        (root / "sys/fs/cgroup/slice/inn").mkdir(parents=True)
        (root / "sys/fs/cgroup/slice/cpu.max").write_text("100000 100000")

        assert usable_cores(root, FOUR) == 1

    def test_the_older_kind_of_container_is_understood(self, tmp_path: Path) -> None:
        folder = tmp_path / "sys/fs/cgroup/cpu"
        folder.mkdir(parents=True)
        (folder / "cpu.cfs_quota_us").write_text("200000")
        (folder / "cpu.cfs_period_us").write_text("100000")

        assert usable_cores(tmp_path, FOUR) == 2

    def test_this_machine_has_at_least_one(self) -> None:
        assert usable_cores() >= 1
