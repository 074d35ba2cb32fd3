"""Draws: every random number of a run, as pure functions of its seed and of where it is drawn.

What is drawn for one sample depends on its position in the run's endless stream of samples, and on
nothing that happened before: so a run that goes on draws what one that was never interrupted does,
whatever workers, pauses, pictures in between or the split of a batch over devices. Knows no model.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from core.training.seeds import derived

CLASS = 1 << 52  # added to the positions of class pictures, which are a stream of their own


class Place(NamedTuple):
    """A forward of a run: the optimizer step it belongs to, its number in that step, whose it is.

    All count from 0.
    """

    step: int
    micro: int = 0
    rank: int = 0


class Draws(Protocol):
    """Where a run's random numbers come from; tensors are of the CPU."""

    def normal(
        self, purpose: str, place: Place, shape: Sequence[int], item: int | None = None
    ) -> Tensor:
        """Draw from N(0, 1), float32, for a place, or for one item wherever it is drawn."""
        ...

    def normals(
        self, purpose: str, place: Place, shape: Sequence[int], items: Sequence[int]
    ) -> Tensor:
        """Draw from N(0, 1) for each of B items: (B, *shape) float32."""
        ...

    def uniform(
        self, purpose: str, place: Place, count: int, items: Sequence[int] | None = None
    ) -> Tensor:
        """Draw from [0, 1), (count,) float32, for a place or for each item."""
        ...

    def integers(
        self, purpose: str, place: Place, count: int, high: int, items: Sequence[int] | None = None
    ) -> Tensor:
        """Draw from 0 to ``high`` - 1, (count,) int64, for a place or for each item."""
        ...


class Counter:
    """Draws of a run: a generator of its own for each purpose and place, or purpose and item."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def normal(
        self, purpose: str, place: Place, shape: Sequence[int], item: int | None = None
    ) -> Tensor:
        """Draw from N(0, 1)."""
        return torch.randn(tuple(shape), generator=self._generator(purpose, place, item))

    def normals(
        self, purpose: str, place: Place, shape: Sequence[int], items: Sequence[int]
    ) -> Tensor:
        """Draw from N(0, 1) for each item alone, so that no batch changes what is drawn."""
        return torch.stack([self.normal(purpose, place, shape, item) for item in items])

    def uniform(
        self, purpose: str, place: Place, count: int, items: Sequence[int] | None = None
    ) -> Tensor:
        """Draw from [0, 1)."""
        if items is None:
            return torch.rand(count, generator=self._generator(purpose, place, None))
        return torch.cat([self._one(purpose, place, item) for item in items])

    def integers(
        self, purpose: str, place: Place, count: int, high: int, items: Sequence[int] | None = None
    ) -> Tensor:
        """Draw whole numbers."""
        if items is None:
            generator = self._generator(purpose, place, None)
            return torch.randint(0, high, (count,), generator=generator)
        return torch.cat(
            [
                torch.randint(0, high, (1,), generator=self._generator(purpose, place, item))
                for item in items
            ]
        )

    def _one(self, purpose: str, place: Place, item: int) -> Tensor:
        return torch.rand(1, generator=self._generator(purpose, place, item))

    def _generator(self, purpose: str, place: Place, item: int | None) -> torch.Generator:
        # An item is drawn alike in whatever step, forward and process it is.
        where = (*place,) if item is None else ("item", item)
        return torch.Generator().manual_seed(derived(self._seed, purpose, *where))


class PeerOrder:
    """Draws, and an order of pictures, as diffusers' ``train_dreambooth.py`` takes them.

    From one stream in the order they are asked for; each epoch begins with two numbers, for the
    loader and for its sampler. Only for comparing with that script: it goes wrong under resume.

    The script draws noise in the order that latents lie in memory, and an autoencoder with
    attention lays each cell's channels side by side.

    :param count: samples of an epoch: the larger of the numbers of subject and class pictures.
    """

    def __init__(self, seed: int, count: int) -> None:
        self._stream = torch.Generator().manual_seed(seed)
        self._count = count
        self._epoch = -1
        self._order: list[int] = []

    def index(self, position: int) -> int:
        """Give the sample at a position, which may not go back by an epoch."""
        epoch, within = divmod(position, self._count)
        while self._epoch < epoch:
            self._number()  # the loader's
            sampler = torch.Generator().manual_seed(self._number())
            self._order = torch.randperm(self._count, generator=sampler).tolist()
            self._epoch += 1
        return self._order[within]

    def normal(
        self, purpose: str, place: Place, shape: Sequence[int], item: int | None = None
    ) -> Tensor:
        """Draw from N(0, 1), the next in the stream."""
        return torch.randn(tuple(shape), generator=self._stream)

    def normals(
        self, purpose: str, place: Place, shape: Sequence[int], items: Sequence[int]
    ) -> Tensor:
        """Draw from N(0, 1) for the whole batch at once."""
        whole = (len(items), *shape)
        if purpose != "noise":
            return self.normal(purpose, place, whole)
        laid = torch.empty(whole, memory_format=torch.channels_last)
        return laid.normal_(generator=self._stream)

    def uniform(
        self, purpose: str, place: Place, count: int, items: Sequence[int] | None = None
    ) -> Tensor:
        """Draw from [0, 1), the next in the stream."""
        return torch.rand(count, generator=self._stream)

    def integers(
        self, purpose: str, place: Place, count: int, high: int, items: Sequence[int] | None = None
    ) -> Tensor:
        """Draw whole numbers, the next in the stream."""
        return torch.randint(0, high, (count,), generator=self._stream)

    def _number(self) -> int:
        return int(torch.empty((), dtype=torch.int64).random_(generator=self._stream).item())
