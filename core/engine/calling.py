"""Calling: one picture by a pipeline's own ``__call__``, a step at a time for everybody else.

The pipeline's loop runs on the job's thread and holds the device; between two steps it hands the
baton back, so rows of the sampling loop and other jobs take their turns and a cancel is obeyed.
Knows nodes' contexts; not what is asked of a pipeline.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import torch

from core.engine.context import Context
from core.engine.diffusion import preview
from core.engine.ladder import Rung, climb
from core.engine.pipelines import asking, sketch
from core.engine.pipelines.asking import Wish
from core.engine.pipelines.whole import Pipeline, Whole
from core.engine.reserve import Need
from core.errors import ModelNotFinite, ModelUnreadable

T = TypeVar("T")

UNDIVIDED = "steps_undivided"  # told of a pipeline that says nothing between its steps


class Turns:
    """The device, for one step after another; entered with the first."""

    def __init__(self, ctx: Context, need: Need) -> None:
        self._ctx = ctx
        self._need = need
        self._held = ExitStack()

    def __enter__(self) -> "Turns":
        self._take()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._held.__exit__(kind, error, trace)

    def next(self) -> None:
        """Hand the device back, and wait for the next turn.

        :raises Cancelled: when the job was canceled.
        """
        self._held.close()
        self._ctx.check()
        self._take()

    def _take(self) -> None:
        engine, job = self._ctx.engine, self._ctx.job
        self._held.enter_context(engine.baton.hold(job.id, "step", check=self._ctx.check))
        self._held.enter_context(engine.reserve.working(self._need))


def draw(
    ctx: Context, handle: Pipeline, wish: Wish, kind: str, factor: int
) -> tuple[torch.Tensor, tuple[str, ...]]:
    """Draw one picture: (1, 3, H, W) float32 in [0, 1], and what of the wish is not in it.

    :param kind: the class that draws: the pipeline's own, or a sibling of it.
    :param factor: pixels to a cell of latents, each way.
    :raises Cancelled: between two steps, when the job was canceled.
    :raises ModelUnreadable: when files are missing, or parts for this way of drawing.
    :raises OutOfMemory: when it does not fit with every rung taken.
    :raises ModelNotFinite: when what it draws is no number.
    """
    try:
        return _drawn(ctx, handle, wish, kind, factor)
    except ModelNotFinite as error:  # whose weights they are is not known where it is found out
        raise ModelNotFinite(model=Path(handle.path).name, tensor=kind) from error


def _drawn(
    ctx: Context, handle: Pipeline, wish: Wish, kind: str, factor: int
) -> tuple[torch.Tensor, tuple[str, ...]]:
    engine = ctx.engine
    with engine.residency.use(handle, ctx.job) as module, ExitStack() as stack:
        assert isinstance(module, Whole)
        need = Need((handle.identity, kind, engine.device.dtype), "pipeline",
                    (wish.height, wish.width))  # fmt: skip
        table = _latent_map(ctx, handle, module, factor)

        def attempt() -> tuple[torch.Tensor, tuple[str, ...]]:
            with Turns(ctx, need) as turns:
                return _called(ctx, module, kind, wish, turns, table)

        def tile() -> bool:
            nonlocal need
            if not _can_tile(module.autoencoder):
                return False
            stack.enter_context(_tiled(module.autoencoder))
            need = need._replace(phase="pipeline, tile_vae")
            return True

        return climb(
            attempt,
            (
                Rung("evict_idle", lambda: _held(ctx, lambda: engine.residency.evict_idle() > 0)),
                Rung("tile_vae", tile),
                Rung("offload", lambda: _held(ctx, lambda: engine.residency.offload(module))),
            ),
            device=engine.device,
            tell=ctx.job.degrade,
            expected=lambda: engine.reserve.expect(need),
        )


def _called(
    ctx: Context,
    whole: Whole,
    kind: str,
    wish: Wish,
    turns: Turns,
    table: preview.LatentMap | None,
) -> tuple[torch.Tensor, tuple[str, ...]]:
    import diffusers

    try:
        pipeline = whole.made(getattr(diffusers, kind))
    except ValueError as error:
        raise ModelUnreadable(model=kind, reason=str(error)[:500]) from error
    given, unused = asking.arguments(pipeline, wish)
    size, longest = (wish.height, wish.width), ctx.engine.options.preview_size
    sketching = None if table is None else sketch.Sketching(table, size, longest)
    steps = _Steps(ctx, turns, wish.steps or 0, sketching)
    between = steps.between(pipeline)
    made = pipeline(**given, **between)
    return asking.pixels(made), (*unused, *(() if between else (UNDIVIDED,)))


class _Steps:
    """What a pipeline calls after each of its steps."""

    def __init__(
        self, ctx: Context, turns: Turns, steps: int, sketching: sketch.Sketching | None
    ) -> None:
        self._ctx = ctx
        self._turns = turns
        self._steps = steps
        self._sketching = sketching

    def between(self, pipeline: Any) -> dict[str, Any]:
        """Give the arguments by which a pipeline calls back; none if it cannot."""
        known = inspect.signature(pipeline.__call__).parameters
        found: dict[str, Any] = {}
        if "callback_on_step_end" in known:
            found["callback_on_step_end"] = self._ended
        elif "callback" in known:
            found["callback"] = partial(self._stepped, pipeline)
            found |= {"callback_steps": 1} if "callback_steps" in known else {}
        if "prior_callback_on_step_end" in known:
            found["prior_callback_on_step_end"] = self._prepared
        return found

    def _ended(self, pipeline: Any, index: int, _: Any, kept: dict[str, Any]) -> dict[str, Any]:
        self._stepped(pipeline, index, None, kept.get("latents"))
        return kept

    def _stepped(self, pipeline: Any, index: int, _: Any, latents: Any) -> None:
        steps = int(getattr(pipeline, "_num_timesteps", 0) or self._steps or index + 1)
        show = None
        if self._sketching is not None:
            show = self._sketching.taken(pipeline.scheduler, latents)
        self._ctx.progress(min(index + 1, steps), steps, "step", preview=show)
        self._turns.next()

    def _prepared(self, _: Any, __: int, ___: Any, kept: dict[str, Any]) -> dict[str, Any]:
        self._turns.next()
        return kept


def _latent_map(
    ctx: Context, handle: Pipeline, whole: Whole, factor: int
) -> preview.LatentMap | None:
    """Give the map for previews, fitted to the pipeline's autoencoder when first needed."""
    if not ctx.engine.options.preview_rate or not sketch.known(whole):
        return None
    return ctx.engine.get(preview.LatentMaps).of(
        handle.identity, lambda: _held(ctx, lambda: sketch.fit(whole, factor))
    )


def _held(ctx: Context, work: Callable[[], T]) -> T:
    with ctx.engine.baton.hold(ctx.job.id, "load", check=ctx.check):
        return work()


def _can_tile(autoencoder: Any) -> bool:
    return hasattr(autoencoder, "enable_tiling") and not getattr(autoencoder, "use_tiling", False)


@contextmanager
def _tiled(autoencoder: Any) -> Iterator[None]:
    autoencoder.enable_tiling()
    try:
        yield
    finally:
        autoencoder.disable_tiling()
