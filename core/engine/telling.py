"""Telling: the progress of a job whose pictures are denoised as rows of their own, and previews.

Knows steps and a job's context; neither rows' schedulers nor the loop.
"""

import threading
from collections.abc import Callable
from functools import partial

import torch

from core.engine.context import Context
from core.engine.diffusion import preview
from core.engine.diffusion.rows import Stepped


class Telling:
    """Tells the progress of a node whose pictures are denoised as rows of their own.

    The slowest row counts, and the first one is shown.
    """

    def __init__(self, ctx: Context, table: preview.LatentMap | None, count: int) -> None:
        self._ctx = ctx
        self._table = table
        self._done = [0] * count
        self._lock = threading.Lock()

    def of(self, index: int) -> Callable[[Stepped], None]:
        """Give what the row ``index`` calls after each step."""

        def tell(stepped: Stepped) -> None:
            with self._lock:
                self._done[index] = stepped.step
                slowest = min(self._done)
            show = partial(self._show, stepped) if self._table and not index else None
            self._ctx.progress(slowest, stepped.steps, "step", preview=show)

        return tell

    def _show(self, stepped: Stepped) -> torch.Tensor:
        assert self._table is not None
        longest = self._ctx.engine.options.preview_size
        return preview.draw(stepped.denoised(), self._table, longest)
