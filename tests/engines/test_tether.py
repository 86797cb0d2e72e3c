"""A process that volunteers to be ended first when memory runs out."""

from __future__ import annotations

from pathlib import Path

from innkeeper.runtime.engines.tether import OOM_SCORE_ADJUSTMENT, volunteer


def test_it_says_so_to_the_kernel(tmp_path: Path) -> None:
    volunteer(tmp_path / "score")
    assert (tmp_path / "score").read_text() == str(OOM_SCORE_ADJUSTMENT)


def test_a_kernel_that_will_not_hear_it_does_not_keep_a_model_from_loading(tmp_path: Path) -> None:
    volunteer(tmp_path / "absent" / "score")
    assert not (tmp_path / "absent").exists()
