"""Seamless tiling: convolutions that go on at the other side of the picture.

Where a network pads with zeros it learns where a picture ends; padded with what lies at the other
side it draws one that has no end there. The convolutions are caught on their way to torch, on
this thread only, so the module that others share is never changed. Knows no rows.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

Seamless = Literal["off", "x", "y", "both"]
_MARGIN = 8  # latent cells of the other side that a picture in tiles is decoded with


def wrapped(seamless: Seamless) -> AbstractContextManager[object]:
    """Let the convolutions of this thread wrap around inside: left to right, top to bottom."""
    return nullcontext() if seamless == "off" else _Wrapping(seamless)


def margin(latents: torch.Tensor, seamless: Seamless) -> tuple[int, int]:
    """Give the cells, across and down, by which latents (B, C, h, w) go on at both sides."""
    height, width = latents.shape[-2:]
    return (
        min(_MARGIN, width) if seamless in ("x", "both") else 0,
        min(_MARGIN, height) if seamless in ("y", "both") else 0,
    )


def continued(tensor: torch.Tensor, across: int, down: int) -> torch.Tensor:
    """Continue (B, C, H, W) at each side with what lies at the other one."""
    return functional.pad(tensor, (across, across, down, down), mode="circular")


class _Wrapping(TorchFunctionMode):
    def __init__(self, seamless: Seamless) -> None:
        super().__init__()
        self._across, self._down = seamless in ("x", "both"), seamless in ("y", "both")

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Collection[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is torch.conv2d:
            return self._convolve(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _convolve(
        self,
        given: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> torch.Tensor:
        if isinstance(padding, str):  # "same", "valid": no network of ours says so
            return torch.conv2d(given, weight, bias, stride, padding, dilation, groups)
        down, across = (padding, padding) if isinstance(padding, int) else padding
        wrap = across if self._across else 0, down if self._down else 0
        if any(wrap):
            given = continued(given, *wrap)
        rest = (down - wrap[1], across - wrap[0])
        return torch.conv2d(given, weight, bias, stride, rest, dilation, groups)
