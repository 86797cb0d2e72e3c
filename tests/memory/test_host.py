"""The machine's pools, read from trees of files that stand for a machine, and from a driver's double."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from innkeeper.runtime.memory.host import Gpus, Host
from innkeeper.runtime.memory.pools import PoolReading

KB = 1024
GB = 1 << 30
PID = 100


class NVMLError(Exception):
    pass


class Driver:
    """The part of `pynvml` that is used."""

    NVMLError = NVMLError

    def __init__(self, *, is_there: bool = True, answers: bool = True) -> None:
        self.is_there = is_there
        self.answers = answers

    def nvmlInit(self) -> None:  # noqa: N802  the driver's names
        if not self.is_there:
            raise NVMLError

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> SimpleNamespace:  # noqa: N802
        if handle == 1 and not self.answers:
            raise NVMLError
        return SimpleNamespace(total=16 * GB, free=10 * GB)

    def nvmlDeviceGetComputeRunningProcesses(self, handle: int) -> list[SimpleNamespace]:  # noqa: N802
        if handle == 1:
            return [SimpleNamespace(pid=PID, usedGpuMemory=None)]
        return [SimpleNamespace(pid=PID, usedGpuMemory=2 * GB), SimpleNamespace(pid=999, usedGpuMemory=3 * GB)]


NO_GPUS = Gpus(Driver(is_there=False))


class Machine:
    """A file system of a machine with 16 GB, 12 GB of them available."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("proc/meminfo", f"MemTotal: {16 * GB // KB} kB\nMemAvailable: {12 * GB // KB} kB\n")
        self.process(PID, anonymous_bytes=GB)

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def process(self, pid: int, *, anonymous_bytes: int, mapped_bytes: int = 0, children: str = "") -> None:
        resident = (anonymous_bytes + mapped_bytes) // KB
        self.write(
            f"proc/{pid}/status",
            f"VmRSS:\t{resident} kB\nRssAnon:\t{anonymous_bytes // KB} kB\nRssFile:\t{mapped_bytes // KB} kB\n"
            "RssShmem:\t0 kB\n",
        )
        self.write(f"proc/{pid}/task/{pid}/children", children)

    def group(self, path: str, *, limit: str, used_bytes: int, cache_bytes: int = 0) -> None:
        base = f"sys/fs/cgroup{path}"
        self.write(f"{base}/memory.max", f"{limit}\n")
        self.write(f"{base}/memory.current", f"{used_bytes}\n")
        self.write(f"{base}/memory.stat", f"anon 5\nactive_file {cache_bytes}\ninactive_file 0\n")

    def ram(self) -> PoolReading:
        return Host(self.root, gpus=NO_GPUS, pid=PID).pools()["ram"]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


class TestMainMemory:
    def test_without_groups_is_what_the_kernel_calls_available(self, machine: Machine) -> None:
        assert machine.ram() == PoolReading(16 * GB, 12 * GB, GB)

    def test_counts_our_children_and_theirs_as_ours(self, machine: Machine) -> None:
        machine.process(PID, anonymous_bytes=GB, children="101 102")
        machine.process(101, anonymous_bytes=2 * GB, children="103")
        machine.process(102, anonymous_bytes=GB)
        machine.process(103, anonymous_bytes=GB)
        assert machine.ram().ours_bytes == 5 * GB

    def test_does_not_count_mapped_weights_twice_for_they_are_available_already(self, machine: Machine) -> None:
        machine.process(PID, anonymous_bytes=GB, mapped_bytes=8 * GB)
        assert machine.ram() == PoolReading(16 * GB, 12 * GB, GB)

    def test_is_the_smallest_limit_of_the_groups_above_us(self, machine: Machine) -> None:
        machine.write(f"proc/{PID}/cgroup", "0::/outer/inner\n")
        machine.group("/outer", limit=str(4 * GB), used_bytes=3 * GB, cache_bytes=GB)
        machine.group("/outer/inner", limit="max", used_bytes=GB)
        assert machine.ram() == PoolReading(4 * GB, 2 * GB, GB)

    def test_within_an_outer_group_is_still_bound_by_an_inner_one(self, machine: Machine) -> None:
        machine.write(f"proc/{PID}/cgroup", "0::/outer/inner\n")
        machine.group("/outer", limit=str(8 * GB), used_bytes=7 * GB)
        machine.group("/outer/inner", limit=str(6 * GB), used_bytes=GB)
        assert machine.ram() == PoolReading(6 * GB, 1 * GB, GB)

    def test_in_a_container_is_the_limit_at_the_mount_whatever_the_path_says(self, machine: Machine) -> None:
        machine.write(f"proc/{PID}/cgroup", "0::/../../docker/abc\n")
        machine.group("", limit=str(2 * GB), used_bytes=GB)
        assert machine.ram() == PoolReading(2 * GB, GB, GB)

    def test_without_any_limit_is_the_machine(self, machine: Machine) -> None:
        machine.write(f"proc/{PID}/cgroup", "0::/user\n")
        machine.group("/user", limit="max", used_bytes=9 * GB)
        assert machine.ram() == PoolReading(16 * GB, 12 * GB, GB)

    @pytest.mark.parametrize(("limit", "total"), [(3 * GB, 3 * GB), (9_223_372_036_854_771_712, 16 * GB)])
    def test_follows_groups_of_the_first_version(self, machine: Machine, limit: int, total: int) -> None:
        machine.write(f"proc/{PID}/cgroup", "7:cpu,cpuacct:/a\n5:memory:/a\n")
        machine.write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", f"{limit}\n")
        machine.write("sys/fs/cgroup/memory/a/memory.usage_in_bytes", f"{2 * GB}\n")
        machine.write("sys/fs/cgroup/memory/a/memory.stat", f"total_active_file {GB}\ntotal_inactive_file 0\n")
        assert machine.ram() == PoolReading(total, min(total - GB, 12 * GB), GB)

    def test_used_beyond_its_limit_leaves_nothing_and_not_less(self, machine: Machine) -> None:
        """C44"""
        machine.write(f"proc/{PID}/cgroup", "0::/\n")
        machine.group("", limit=str(GB), used_bytes=2 * GB)
        assert machine.ram().free_bytes == 0

    def test_that_cannot_be_read_is_no_pool(self, tmp_path: Path) -> None:
        """C36: and without a reading the budget stays as it was."""
        assert Host(tmp_path, gpus=NO_GPUS, pid=PID).pools() == {}

    def test_of_this_very_machine_is_read(self) -> None:
        host = Host(gpus=NO_GPUS)
        reading = host.pools()["ram"]
        assert 0 < reading.ours_bytes < reading.total_bytes
        assert (
            0 <= reading.free_bytes <= reading.total_bytes <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        )
        assert 0 < host.own_bytes() < reading.total_bytes


class TestGpus:
    def test_are_pools_with_what_is_ours_apart(self, machine: Machine) -> None:
        pools = Host(machine.root, gpus=Gpus(Driver()), pid=PID).pools()
        assert pools["gpu0"] == PoolReading(16 * GB, 10 * GB, 2 * GB)
        assert pools["gpu0"].others_bytes == 4 * GB

    def test_that_do_not_say_what_a_process_holds_count_it_as_of_others(self, machine: Machine) -> None:
        pools = Host(machine.root, gpus=Gpus(Driver()), pid=PID).pools()
        assert pools["gpu1"].ours_bytes == 0

    def test_without_a_driver_are_none_and_no_error(self) -> None:
        assert Gpus(Driver(is_there=False)).pools(frozenset({PID})) == {}

    def test_that_do_not_answer_now_are_left_out(self) -> None:
        assert set(Gpus(Driver(answers=False)).pools(frozenset({PID}))) == {"gpu0"}

    def test_of_this_very_machine_are_read_without_an_error(self) -> None:
        for name, reading in Gpus().pools(frozenset()).items():
            assert name.startswith("gpu")
            assert 0 <= reading.free_bytes <= reading.total_bytes


class TestProgramsOfOthers:
    NAMES = frozenset({"ollama"})

    def bytes(self, machine: Machine) -> int | None:
        return Host(machine.root, gpus=NO_GPUS, pid=PID).programs_bytes(self.NAMES)

    def test_they_hold_what_they_and_their_children_do_beside_mapped_files(self, machine: Machine) -> None:
        machine.process(200, anonymous_bytes=GB, mapped_bytes=4 * GB, children="201")
        machine.process(201, anonymous_bytes=2 * GB)
        machine.process(202, anonymous_bytes=7 * GB)
        for pid, name in ((200, "ollama"), (201, "llama-server"), (202, "firefox")):
            machine.write(f"proc/{pid}/comm", f"{name}\n")

        assert self.bytes(machine) == 3 * GB

    def test_a_child_of_the_same_name_counts_once(self, machine: Machine) -> None:
        machine.process(200, anonymous_bytes=GB, children="201")
        machine.process(201, anonymous_bytes=GB)
        for pid in (200, 201):
            machine.write(f"proc/{pid}/comm", "ollama\n")

        assert self.bytes(machine) == 2 * GB

    def test_where_none_is_to_be_seen_that_is_not_nothing(self, machine: Machine) -> None:
        assert self.bytes(machine) is None
