"""Pace: how long turns take, and how far the loop may run ahead of an asynchronous device.

Knows work and its seconds; knows neither rows nor networks.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch


class Pace:
    """Times turns, and keeps the loop at most one turn ahead of an asynchronous device."""

    def __init__(self) -> None:
        self._pending: tuple[Any, Any, Callable[[float], None]] | None = None

    @contextmanager
    def turn(self, device: torch.device, learn: Callable[[float], None]) -> Iterator[None]:
        """Time the work launched inside; tell ``learn`` its seconds, perhaps a turn later."""
        if device.type != "cuda":
            since = time.perf_counter()
            yield
            if device.type != "cpu":  # mps: its events tell no time
                torch.accelerator.synchronize(device)
            learn(time.perf_counter() - since)
            return
        start = torch.Event(device, enable_timing=True)
        end = torch.Event(device, enable_timing=True)
        start.record()
        yield
        end.record()
        earlier, self._pending = self._pending, (start, end, learn)
        if earlier is not None:
            began, ended, note = earlier
            ended.synchronize()
            note(began.elapsed_time(ended) / 1000)
