"""Pauses: long work on the device is left where its job is canceled, and lent to those who wait.

Between two operations of one forward, so what it makes is the same to the bit. The operations are
caught on their way to torch, on this thread only. Knows neither networks nor jobs.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from core.engine.baton import Baton

TURN = 0.5  # seconds that work may have the device while others wait
_LONG = frozenset(  # operations worth a look before them: all else takes little beside these
    {
        torch.conv2d,
        functional.linear,
        functional.group_norm,
        functional.interpolate,
        functional.scaled_dot_product_attention,
    }
)


class Pauses(TorchFunctionMode):
    """Looks up between the operations of what is done inside; only under the baton.

    :param check: raises where the work is to be left.
    :param lends: whether others may have the device meanwhile: what it made so far stays there.
    """

    def __init__(self, baton: Baton, check: Callable[[], None], *, lends: bool) -> None:
        super().__init__()
        self._baton = baton
        self._check = check
        self._lends = lends

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Collection[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func in _LONG:
            self._check()
            self._baton.moved()
            if self._lends:
                self._baton.lend(TURN, self._check)
        return func(*args, **(kwargs or {}))
