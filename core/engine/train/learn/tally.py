"""Tally: the losses of an optimizer step, gathered on the device and read once.

Knows tensors; the one wait for the device that a step has is here.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from core.engine.train.learn.teaching import Losses


class Tally:
    """Adds up what the forwards of a step lose."""

    def __init__(self) -> None:
        self._losses: list[Losses] = []

    def add(self, losses: Losses) -> None:
        """Take in a forward; the device is not waited for."""
        self._losses.append(losses._replace(loss=losses.loss.detach()))

    def clear(self) -> None:
        """Forget what was taken in."""
        self._losses.clear()

    def packed(self) -> Tensor:
        """Give the means over the forwards, (3,): loss, subject's, class's where there was one."""
        priors = [one.prior for one in self._losses if one.prior is not None]
        loss = torch.stack([one.loss for one in self._losses]).float().mean()
        instance = torch.stack([one.instance for one in self._losses]).float().mean()
        prior = torch.stack(priors).float().mean() if priors else torch.full_like(loss, math.nan)
        return torch.stack([loss, instance, prior])

    @property
    def prior(self) -> bool:
        """Say whether any forward had a class."""
        return any(one.prior is not None for one in self._losses)


def norms(groups: Sequence[Any], device: torch.device) -> dict[str, Tensor]:
    """Give the norm of the gradient of each group of one name, () float32, on the device."""
    found: dict[str, list[Tensor]] = {}
    for group in groups:
        found.setdefault(group.name, []).extend(
            one.grad for one in group.params if one.grad is not None
        )
    nothing = torch.zeros((), device=device)
    return {
        name: torch.nn.utils.get_total_norm(grads).float().to(device) if grads else nothing
        for name, grads in found.items()
    }


def joined(found: Iterable[Tensor]) -> Tensor:
    """Give the norm of all from the norms of parts."""
    made: Tensor = torch.linalg.vector_norm(torch.stack(list(found)))
    return made


def clip(params: Iterable[nn.Parameter], most: float, norm: Tensor) -> None:
    """Scale gradients down to a norm of ``most``, without waiting for the device."""
    torch.nn.utils.clip_grads_with_norm_(params, most, norm)
