"""Order: which picture stands at which position of a run's endless stream of samples.

Each epoch is a permutation of its own; epochs have no end between them, so a batch may lie in two.
Pure functions of seed, name and position. Knows no pictures.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

import torch

from core.training.seeds import derived

_KEPT = 4  # permutations: those of two streams, at the border of two epochs


class Stream(Protocol):
    """What tells which of some things stands at a position."""

    def index(self, position: int) -> int:
        """Give the index at a position, both from 0."""
        ...


class Order:
    """Permutations one after another: the same thing comes again only in the next epoch.

    :param seed: of the run.
    :param count: things, at least 1.
    :param name: of the stream: two streams of one run do not go along with each other.
    """

    def __init__(self, seed: int, count: int, name: str) -> None:
        if count < 1:
            raise ValueError("There is nothing to order")
        self.count = count
        self._permuted = lru_cache(_KEPT)(
            lambda epoch: _permuted(derived(seed, name, epoch), count)
        )

    def index(self, position: int) -> int:
        """Give the index at a position, both from 0."""
        epoch, within = divmod(position, self.count)
        return self._permuted(epoch)[within]


class Weighted:
    """An order of things of which each comes ``repeats`` times an epoch."""

    def __init__(self, seed: int, repeats: Sequence[int], name: str) -> None:
        self._things = [thing for thing, times in enumerate(repeats) for _ in range(times)]
        self._order = Order(seed, len(self._things), name)

    def index(self, position: int) -> int:
        """Give the index of the thing at a position."""
        return self._things[self._order.index(position)]


class Share(NamedTuple):
    """What a forward is given: positions in the streams of subject and class."""

    instances: range
    classes: range


class Shares(NamedTuple):
    """How positions are shared among the forwards of a run, and among devices.

    ``batch`` pictures of the subject a forward and device, and ``ratio`` class pictures for each of
    them. A broken number is met over several forwards, of which some then have one class picture
    more than others; devices have equally many, so that their means weigh alike.
    """

    batch: int
    ratio: float = 0.0
    devices: int = 1

    def at(self, forward: int, rank: int = 0) -> Share:
        """Give the share of a device in a forward, both from 0."""
        first = (forward * self.devices + rank) * self.batch
        before, after = self._classes(forward), self._classes(forward + 1)
        each = after - before
        begin = before * self.devices + rank * each
        return Share(range(first, first + self.batch), range(begin, begin + each))

    def _classes(self, forward: int) -> int:
        """Count the class pictures a device was given before a forward."""
        return int(forward * self.batch * self.ratio + 1e-9)


def _permuted(seed: int, count: int) -> list[int]:
    made: list[int] = torch.randperm(count, generator=torch.Generator().manual_seed(seed)).tolist()
    return made
