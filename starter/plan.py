"""What a run is made of, and how many steps the minutes allow.

The learning rate depends on the step counts, so they are decided once and kept beside the
checkpoints. Does not know what a step does.
"""

import json
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from starter.loop import Stage
from starter.recipe import RECIPES, Recipe

TIMED = 20  # steps


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The settings of a run."""

    size: int  # pixels
    seed: int
    device: str
    work: Path  # checkpoints
    cache: Path  # packages and sprites
    model: Path  # where the export goes
    scenes: int = 0  # pictures the UNet learns from; 0: as many as the recipe says
    origin: Path | None = None  # an export to go on from
    rate: float = 0.0  # learning rate; 0: as the recipe says
    favour: int = 1  # how often the latest subjects are drawn for each time that older ones are
    held: int = 64  # pictures the VAE is measured with
    save_every: float = 60.0  # seconds
    show_every: float = 600.0  # seconds
    stopping: Callable[[], bool] = lambda: False

    @property
    def recipe(self) -> Recipe:
        """Give the settings that go with the size."""
        return RECIPES[self.size]

    @property
    def scene_count(self) -> int:
        """Give how many pictures the UNet learns from."""
        return self.scenes or self.recipe.scenes


def count_steps(stage: Stage, minutes: float) -> int:
    """Time some steps of a stage, undo them, and say how many the minutes allow."""
    before = deepcopy(stage.collect())
    for step in range(3):
        float(stage.update(step, 0.0))  # reading the loss waits for the device
    started = time.monotonic()
    losses = [stage.update(step, 0.0) for step in range(TIMED)]
    float(losses[-1])
    seconds = (time.monotonic() - started) / TIMED
    stage.restore(before)
    return max(1, int(minutes * 60 / seconds))


def settle_steps(path: Path, key: str, ordered: int, minutes: float, stage: Stage) -> int:
    """Give the step count of a stage: as ordered, else as kept, else as many as fit."""
    kept: dict[str, int] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    if ordered or key not in kept:
        kept[key] = ordered or count_steps(stage, minutes)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(kept), "utf-8")
    return kept[key]
