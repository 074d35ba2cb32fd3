"""EMA: the running mean of what is trained. Knows tensors by name, nothing of a run."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

_FIRST = 10.0  # the decay after n steps is at most (1 + n) / (10 + n), as in TensorFlow's averages


class Ema:
    """The mean of the weights of ``trained`` over the last 1 / (1 − decay) steps or so.

    Float32, where the weights lie, which doubles their memory; nothing frozen is averaged.
    """

    def __init__(self, trained: nn.Module, decay: float) -> None:
        self._trained = trained
        self._decay = decay
        self.steps = 0
        self.mean: dict[str, Tensor] = {
            name: weight.detach().float().clone() for name, weight in trained.named_parameters()
        }

    @torch.no_grad()
    def update(self) -> None:
        """Take in what the weights are after a step."""
        self.steps += 1
        decay = min(self._decay, (1 + self.steps) / (_FIRST + self.steps))
        live = dict(self._trained.named_parameters())
        means = list(self.mean.values())
        torch._foreach_lerp_(means, [live[name].float() for name in self.mean], 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the mean in the place of the weights for a while."""
        live = {name: one.detach().clone() for name, one in self._trained.named_parameters()}
        try:
            _assign(self._trained, self.mean)
            yield
        finally:
            _assign(self._trained, live)

    def load(self, mean: Mapping[str, Tensor], steps: int) -> None:
        """Go on from a mean that was kept.

        :raises KeyError: when names differ.
        :raises ValueError: when shapes differ.
        """
        for name, tensor in self.mean.items():
            if mean[name].shape != tensor.shape:
                raise ValueError(f"The mean of {name} is of another shape")
            tensor.copy_(mean[name])
        self.steps = steps


@torch.no_grad()
def _assign(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    for name, weight in module.named_parameters():
        weight.copy_(tensors[name])
