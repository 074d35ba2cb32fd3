"""The loop every stage of training runs in: steps, learning rate, checkpoints, progress.

Knows when to save and how to go on. Does not know what a step does.
"""

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from rich.progress import Progress

log = logging.getLogger(__name__)


class Stopped(Exception):
    """The run was asked to leave off."""


class Stage(Protocol):
    """One thing to be trained."""

    name: str

    def update(self, step: int, rate: float) -> torch.Tensor:
        """Do one optimizer step at that learning rate and give the loss, not waiting for it."""

    def collect(self) -> dict[str, Any]:
        """Give all state a resumed run needs."""

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `collect` gave."""


def trapezoid(step: int, total: int, *, warm_up: int, flat: float) -> float:
    """Give the learning rate's factor in 0..1: up, flat until part `flat`, linearly down."""
    if step < warm_up:
        return (step + 1) / warm_up
    if step < flat * total:
        return 1.0
    return max(0.0, (total - step) / max(1.0, total - flat * total))


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write beside, then rename: a killed run leaves the last whole checkpoint."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    torch.save(state, beside)
    os.replace(beside, path)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """Read a checkpoint onto the CPU, if there is one."""
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def train(
    stage: Stage,
    *,
    total: int,
    rate: float,
    path: Path,
    warm_up: int = 200,
    flat: float = 0.6,
    save_every: float = 120.0,  # seconds
    show: Callable[[int], None] = lambda step: None,
    show_every: float = 300.0,  # seconds
    stop_at: int | None = None,  # leave off early, as if killed
    stopping: Callable[[], bool] = lambda: False,
) -> list[float]:
    """Train until `total` steps are done, going on from the checkpoint at `path`.

    Gives the losses of the steps done by this call. `show` is called with the step now and then,
    and after the last step, also when that was not the last one planned.

    :raises Stopped: `stopping` said so; the checkpoint holds every step done.
    """
    begin, before = _resume(stage, path)
    losses: list[torch.Tensor] = []
    started = time.monotonic()
    saving, showing = _Every(save_every), _Every(show_every)
    end = total if stop_at is None else min(total, stop_at)

    def save(done: int) -> None:
        seconds = before + time.monotonic() - started
        save_checkpoint(path, {"step": done, "seconds": seconds, "stage": stage.collect()})

    with Progress(transient=True) as progress:
        bar = progress.add_task(stage.name, total=total, completed=begin)
        for step in range(begin, end):
            factor = trapezoid(step, total, warm_up=warm_up, flat=flat)
            losses.append(stage.update(step, rate * factor))
            done = step + 1
            if done % 50 == 0:
                losses[-1] = losses[-1].cpu()  # the device is never more than 50 steps behind
                progress.update(bar, completed=done)
            if done % 200 == 0:
                _log_speed(stage.name, done, total, losses, time.monotonic() - started)
            if saving.due():
                save(done)
            if stopping():
                save(done)
                show(done)
                raise Stopped(f"{stage.name} at step {done}")
            if showing.due():
                show(done)
    if losses:
        save(end)
    if end == total:
        show(end)
    return torch.stack([loss.cpu() for loss in losses]).tolist() if losses else []


def _resume(stage: Stage, path: Path) -> tuple[int, float]:
    """Take the checkpoint back, if there is one; give steps done and seconds spent."""
    state = load_checkpoint(path)
    if state is None:
        return 0, 0.0
    stage.restore(state["stage"])
    log.info("%s goes on from step %d", stage.name, state["step"])
    return state["step"], state.get("seconds", 0.0)


class _Every:
    """Says when that many seconds have passed, again and again."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._last = seconds, time.monotonic()

    def due(self) -> bool:
        if time.monotonic() - self._last < self._seconds:
            return False
        self._last = time.monotonic()
        return True


def _log_speed(
    name: str, done: int, total: int, losses: list[torch.Tensor], seconds: float
) -> None:
    mean = float(torch.stack([loss.cpu() for loss in losses[-200:]]).mean())
    speed = len(losses) / max(seconds, 1e-9)
    log.info("%s %d/%d loss %.4f, %.2f steps/s", name, done, total, mean, speed)
