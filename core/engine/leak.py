"""Leaks: memory of the device that nobody can name is left behind, job after job.

Knows bytes between jobs; a leak ends with the process, and when that may be is the loop's
knowledge.
"""

import gc
import logging
from collections.abc import Callable

from core.engine.device import Device

log = logging.getLogger(__name__)

# Bytes over the level before. Workspaces of cuBLAS come and go, 32 MiB for each thread that
# multiplies on Hopper: the loop, and the jobs beside it.
ALLOWED = 256 << 20
_RISES = 3  # a node may keep a model of its own, and then stays level; a leak goes on


class Level:
    """What tensors take on the device between two jobs, less the weights that belong there.

    :param weights: counts the bytes of weights on the device.
    """

    def __init__(self, device: Device, weights: Callable[[], int]) -> None:
        self._device = device
        self._weights = weights
        self._level = self._measure()
        self._rises = 0

    def rising(self) -> bool:
        """Look, while no job runs; say whether the level rose time after time, and goes on."""
        if self._measure() <= self._level + ALLOWED:
            return False
        gc.collect()
        self._device.empty_cache()
        level = self._measure()
        if level <= self._level + ALLOWED:
            return False
        self._rises += 1
        log.warning(
            "%d MiB of the device were not given back", (level - self._level) >> 20,
            extra={"action": "engine.leak"},
        )  # fmt: skip
        self._level = level
        return self._rises >= _RISES

    def _measure(self) -> int:
        return self._device.allocated() - self._weights() if self._device.counts else 0
