"""Control: ControlNets that see a picture and steer the denoiser, for rows that share a forward.

A ControlNet is a copy of the denoiser's encoder whose outputs are added to the denoiser's own
(Zhang et al. 2023, https://arxiv.org/abs/2302.05543, §3.1). Rows of one batch use the same nets in
the same order, each with its own pictures, weights and spans. Pure functions of rows and tensors;
knows neither when rows are stepped nor where pictures come from.
"""

from collections.abc import Hashable, Sequence
from copy import copy
from typing import Protocol

import torch
from torch import nn

from core.engine.diffusion.calls import Batch, NetCall, net
from core.engine.values import Area
from core.graph.controls import Mode

_FAINTEST = -1.0  # power of ten of the first residual's share where those are weighted softly


class Use:
    """One ControlNet on one row.

    :param network: what ``call`` calls.
    :param key: names the network: rows share a forward where theirs are the same.
    :param picture: (1, 3, H, W) in [0, 1], as large as the picture that is drawn.
    :param weight: what its residuals are multiplied by.
    :param start: share of the steps from which on it acts; ``end``: until which.
    :param mode: "balanced"; "prompt": softly, the outermost residuals a tenth of the innermost;
        "control": likewise, and on the conditional half alone (diffusers' ``guess_mode``).
    """

    def __init__(
        self,
        network: nn.Module,
        key: Hashable,
        picture: torch.Tensor,
        *,
        weight: float = 1.0,
        start: float = 0.0,
        end: float = 1.0,
        mode: Mode = "balanced",
        call: NetCall = net,
    ) -> None:
        pooled = bool(getattr(network.config, "global_pool_conditions", False))
        self.network = network
        self.key = key
        self.call = call
        self.picture = picture
        self._weight, self._start, self._end = weight, start, end
        self._soft = mode != "balanced" and not pooled
        self._one_half = mode == "control" or pooled
        self._shares: torch.Tensor | None = None

    def part(self, area: Area, factor: int) -> "Use":
        """Give the same for a part of the picture.

        :param area: in cells; ``factor`` pixels of the picture are a cell.
        """
        made = copy(self)
        top, left = area.top * factor, area.left * factor
        made.picture = self.picture[
            ..., top : top + area.height * factor, left : left + area.width * factor
        ]
        return made

    def enter(self, device: torch.device, dtype: torch.dtype) -> None:
        """Move the picture onto the device; does nothing when it is there."""
        self.picture = self.picture.to(device, dtype)

    def acts(self, place: tuple[int, int], *, conditional: bool) -> bool:
        """Say whether it adds anything to a half of its row, at step ``place`` of so many."""
        index, count = place
        outside = index / count < self._start or (index + 1) / count > self._end
        return bool(self._weight) and not outside and (conditional or not self._one_half)

    def shares(self, count: int) -> torch.Tensor:
        """Give what each of ``count`` residuals is multiplied by, the outermost first."""
        if self._shares is None:  # a net has as many residuals at every step
            shares = torch.logspace(_FAINTEST, 0, count) if self._soft else torch.ones(count)
            self._shares = shares * self._weight
        return self._shares


class Controlled(Protocol):
    """What this needs of a row."""

    controls: tuple[Use, ...]

    @property
    def place(self) -> tuple[int, int]:
        """Give how many evaluations of the network are done, of how many."""


def residuals(
    rows: Sequence[Controlled], order: Sequence[int], batch: Batch
) -> tuple[torch.Tensor, ...]:
    """Give the sums of all nets' residuals, the outermost first; nothing where none acts.

    Each net is run once, for the entries of the batch that it adds to; not at all without any.

    :param order: the row of each entry.
    :param batch: whose samples have no channels that only the denoiser takes.
    """
    summed: list[torch.Tensor] = []
    for column in range(len(rows[0].controls)):
        acting = [
            place
            for place, (index, told) in enumerate(zip(order, batch.conditional, strict=True))
            if rows[index].controls[column].acts(rows[index].place, conditional=told)
        ]
        if not acting:
            continue
        uses = [rows[order[place]].controls[column] for place in acting]
        pictures = torch.cat([use.picture for use in uses])
        made = _weighted(uses[0].call(uses[0].network, batch.only(acting), pictures), uses)
        spread = [_spread(one, acting, len(order)) for one in made]
        summed = [a + b for a, b in zip(summed, spread, strict=True)] if summed else spread
    return tuple(summed)


def _weighted(made: list[torch.Tensor], uses: Sequence[Use]) -> list[torch.Tensor]:
    """Multiply the residuals of each entry, (E, C, h, w), by its own shares."""
    shares = torch.stack([use.shares(len(made)) for use in uses])  # (E, R) on the CPU
    there = shares.to(made[0].device, non_blocking=True)
    # Weighted in float32 and rounded once, as a number times a tensor is.
    return [
        (one * there[:, place].view(-1, 1, 1, 1)).to(one.dtype) for place, one in enumerate(made)
    ]


def _spread(some: torch.Tensor, entries: Sequence[int], count: int) -> torch.Tensor:
    """Put entries back to their places in a batch of ``count``; the others get nothing."""
    if len(entries) == count:
        return some
    nothing = torch.zeros_like(some[:1])
    at = {place: some[index : index + 1] for index, place in enumerate(entries)}
    return torch.cat([at.get(place, nothing) for place in range(count)])
