"""What a run is made of, and how many steps the minutes allow.

The learning rate depends on the step counts, so they are decided once and kept beside the
checkpoints. Does not know what a step does.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Updating(Protocol):
    """Anything with a training step."""

    def update(self, step: int, rate: float) -> float:
        """Do one step."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The settings of a run."""

    size: int  # pixels
    seed: int
    device: str
    work: Path  # checkpoints
    cache: Path  # packages and sprites
    model: Path  # where the export goes
    pool: int = 12288  # pictures the VAE's crops are cut from
    scenes: int = 49152  # pictures the UNet learns from
    held: int = 64  # pictures the VAE is measured with
    save_every: float = 60.0  # seconds
    show_every: float = 600.0  # seconds
    stopping: Callable[[], bool] = lambda: False


def count_steps(stage: Updating, minutes: float) -> int:
    """Time some steps of a stage that will be thrown away; say how many the minutes allow."""
    for step in range(3):
        stage.update(step, 0.0)
    started = time.monotonic()
    for step in range(10):
        stage.update(step, 0.0)
    return max(1, int(minutes * 60 * 10 / (time.monotonic() - started)))


def settle_steps(
    path: Path, key: str, ordered: int, minutes: float, make: Callable[[], Updating]
) -> int:
    """Give the step count of a stage: as ordered, else as kept, else as many as fit."""
    kept: dict[str, int] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    if ordered or key not in kept:
        kept[key] = ordered or count_steps(make(), minutes)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(kept), "utf-8")
    return kept[key]
