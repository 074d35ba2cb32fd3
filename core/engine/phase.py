"""Phases: one piece of a job's work with one part of a model, within the memory there is.

Room is made before from what the same work took earlier, and the ladder is walked when it does
not fit. Knows neither prompts nor pictures; ``work`` does.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any, NamedTuple, TypeVar

import torch

from core.engine.context import Context
from core.engine.device import Device
from core.engine.diffusion.prompted import Prompted
from core.engine.ladder import Rung, Shortage, climb
from core.engine.part import dtype_of
from core.engine.pauses import TURN, Pauses
from core.engine.reserve import Need
from core.engine.values import Handle

M = TypeVar("M", torch.Tensor, Prompted)


class Tiling(NamedTuple):
    """A way to do the work in tiles, which takes less memory."""

    name: str  # of the rung
    helps: Callable[[Any], bool]  # says of the part whether the work has more than one tile
    tiled: Callable[[Any], AbstractContextManager[object]]  # lets the part work in tiles
    least: Callable[[Any], int] = lambda part: 0  # bytes that the work takes as a whole for certain


def run(
    ctx: Context,
    part: Handle,
    phase: str,
    shape: Sequence[int],
    work: Callable[[Any], M],
    tiling: Tiling | None = None,
    pauses: bool = False,
) -> M:
    """Do ``work`` with the loaded part under the baton; give what it made, in RAM.

    :param phase: "encode", "decode", …
    :param shape: what the memory it takes depends on: that of its input.
    :param pauses: whether it may take long, and is left in its middle where the job is canceled.
    :raises Cancelled: while waiting for the device.
    :raises ModelUnreadable: when the files are missing or not of the family.
    :raises OutOfMemory: when it does not fit with every rung taken.
    """
    engine = ctx.engine
    with ctx.use(part, phase) as module, ExitStack() as stack:
        dtype = dtype_of(part, engine.device.dtype)
        whole = need = Need((part.identity, part.part, dtype), phase, tuple(shape))

        def attempt() -> M:
            pausing = pauses and not engine.reserve.quick(need, TURN)
            with engine.reserve.working(need), _pauses(ctx) if pausing else nullcontext():
                return _fetched(engine.device, work(module))

        def doubt() -> Shortage | None:
            least = tiling.least(module) if tiling is not None and need is whole else 0
            return engine.reserve.doubt(need, least)

        def tile() -> bool:
            nonlocal need
            if tiling is None or not tiling.helps(module):
                return False
            stack.enter_context(tiling.tiled(module))
            need = need._replace(phase=f"{phase}, {tiling.name}")
            return True

        return climb(
            attempt,
            (
                Rung("evict_idle", lambda: engine.residency.evict_idle() > 0),
                Rung("" if tiling is None else tiling.name, tile),
                Rung("offload", lambda: engine.residency.offload(module)),
            ),
            device=engine.device,
            tell=ctx.job.degrade,
            expected=lambda: engine.reserve.expect(need),
            doubt=doubt,
            share=lambda free: engine.reserve.share(need, free) if need is whole else 0.0,
        )


def _pauses(ctx: Context) -> Pauses:
    """Let others have the processor meanwhile: on a card they would find it full of this work."""
    engine = ctx.engine
    return Pauses(engine.baton, ctx.check, lends=engine.device.is_cpu)


def _fetched(device: Device, made: M) -> M:
    if isinstance(made, Prompted):
        pooled = None if made.pooled is None else device.fetch(made.pooled)
        return Prompted(device.fetch(made.tokens), pooled)
    return device.fetch(made)
