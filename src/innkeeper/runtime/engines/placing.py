"""Where the models of a server that is not ours lie: in which pools of this machine, if in any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

RAM: Final = "ram"


@dataclass(frozen=True, slots=True)
class Placing:
    """The pools that such a server fills."""

    is_here: bool
    """Whether it runs on this machine; the models of one that does not hold nothing here."""
    gpus: Callable[[], Mapping[str, int]] = dict
    """Tells the total bytes of each GPU, by pool, in the order of their numbers. Asks the driver: is called when there
    is something to place."""

    def measured(self, *, in_ram: int, in_vram: int) -> dict[str, int]:
        """Bytes by pool of what is said to lie in main memory and in that of GPUs, which are filled in order.

        A GPU that we cannot see is no pool of ours: what lies there is left out.
        """
        if not self.is_here:
            return {}
        placed = {RAM: in_ram}
        for gpu, total_bytes in self.gpus().items() if in_vram else ():
            part = min(in_vram, total_bytes)
            if part:
                placed[gpu] = part
            in_vram -= part
        return placed

    def expected(self, size_bytes: int, *, on_gpu: bool) -> dict[str, int]:
        """Bytes by pool of a model that is not loaded yet: such servers fill the GPUs first and spill into RAM."""
        in_vram = min(size_bytes, sum(self.gpus().values())) if on_gpu else 0
        return self.measured(in_ram=size_bytes - in_vram, in_vram=in_vram)
