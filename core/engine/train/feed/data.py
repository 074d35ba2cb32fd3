"""Data: a run's forwards one after another, as one endless epoch that can begin anywhere.

Knows examples and positions; no model. What is fetched depends on the number of the forward alone.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from pytorch_lightning import LightningDataModule
from torch.utils.data import DataLoader, Dataset

from core.engine.train.feed.draws import CLASS, Draws, Place
from core.engine.train.feed.order import Shares
from core.errors import Invalid
from core.records.recipe import Recipe

_PATIENCE = 600.0  # seconds that a worker may take for one batch


class Fed(Protocol):
    """Where batches come from: ``examples.Examples``."""

    @property
    def instances(self) -> Sequence[Any]:
        """Give the pictures of the subject."""
        ...

    def batch(
        self,
        instance_positions: Sequence[int],
        class_positions: Sequence[int] = ...,
        place: Place | None = ...,
        dropped: Sequence[bool] = ...,
    ) -> Any:
        """Give the rows at positions of the two streams."""
        ...


class Forwards(Dataset[Any]):
    """The batch of each forward of a run, by its number from 0.

    :raises Invalid: dataset_empty where there is no picture of a subject.
    """

    def __init__(
        self, examples: Fed, recipe: Recipe, draws: Draws, shares: Shares, rank: int = 0
    ) -> None:
        if not len(examples.instances):
            raise Invalid("dataset_empty")
        self._examples = examples
        self._recipe = recipe
        self._draws = draws
        self._shares = shares
        self._rank = rank

    def __getitem__(self, forward: int) -> Any:
        """Give the batch of a forward, in RAM."""
        share = self._shares.at(forward, self._rank)
        step, micro = divmod(forward, self._recipe.accumulate)
        place = Place(step, micro, self._rank)
        items = [*share.instances, *(CLASS + position for position in share.classes)]
        dropped: list[bool] = []
        if self._recipe.caption_dropout:
            drawn = self._draws.uniform("dropout", place, len(items), items)
            dropped = (drawn < self._recipe.caption_dropout).tolist()
        return self._examples.batch(list(share.instances), list(share.classes), place, dropped)


class Loader:
    """Batches from a position on; as long as the whole run, wherever it begins.

    Were it only as long as what is left, Lightning would end an epoch too early.

    :param workers: processes that prepare batches ahead; what is given is the same.
    """

    def __init__(
        self, forwards: Forwards, length: int, position: int = 0, workers: int = 0
    ) -> None:
        self._forwards = forwards
        self._length = length
        self._workers = workers
        self.position = position  # of the forward that is given next

    def __len__(self) -> int:
        """Count the forwards of the whole run."""
        return self._length

    def __iter__(self) -> Iterator[Any]:
        """Go on from the position."""
        for batch in self._batches(range(self.position, self._length)):
            self.position += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """Say where it stands."""
        return {"position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Stand where another stood."""
        self.position = state["position"]

    def _batches(self, places: range) -> Iterator[Any]:
        if not self._workers:
            yield from map(self._forwards.__getitem__, places)
            return
        yield from DataLoader(
            self._forwards, batch_size=None, sampler=places, num_workers=self._workers,
            timeout=_PATIENCE, generator=torch.Generator(),
        )  # fmt: skip


class SubjectData(LightningDataModule):  # type: ignore[misc]  # it has no types
    """A run's data: nothing is shuffled here, since positions say what comes when.

    :param length: forwards of the whole run.
    :param position: of the forward to begin with.
    """

    def __init__(self, forwards: Forwards, length: int, position: int, workers: int = 0) -> None:
        super().__init__()
        self.loader = Loader(forwards, length, position, workers)

    def train_dataloader(self) -> Loader:
        """Give the one loader."""
        return self.loader

    def transfer_batch_to_device(self, batch: Any, device: torch.device, index: int) -> Any:
        """Leave a batch where it is: what is drawn for it is drawn there."""
        return batch

    def state_dict(self) -> dict[str, int]:
        """Say where the loader stands."""
        return self.loader.state_dict()

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Let the loader go on."""
        self.loader.load_state_dict(state_dict)
