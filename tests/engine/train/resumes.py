"""Runs that are kept, stopped and gone on with, on a tiny model."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from msgspec import structs
from pytorch_lightning import Callback, Trainer

from core.engine.train.keep import state as states
from core.engine.train.keep.keeping import Keeping, Kept, Saved
from core.engine.train.keep.state import Loaded, State
from core.engine.train.learn.validation import Validated
from core.errors import Params
from core.records.recipe import Recipe
from core.records.training import LossPoint
from tests.engine.train.runs import Full, Pictures, Trial
from tests.engine.train.states import KEY, same

RECIPE = Recipe(
    method="full", prior="images", precision="float32", checkpoint_every=0, snapshot_every=0,
    checkpoint_minutes=0, validate_every=0, schedule="cosine", warmup=0.2, ema=0.9,
    caption_dropout=0.2, keep_last=3, seed=11,
)  # fmt: skip


def recipe(**changes: Any) -> Recipe:
    return structs.replace(RECIPE, **changes)


class Whole(Full):
    """Whole networks, and usable weights of them."""

    def snapshot(self) -> dict[str, dict[str, torch.Tensor]]:
        return {
            part: {name: one.detach().half() for name, one in module.state_dict().items()}
            for part, module in self.trainable.items()
        }


class Stop(Callback):
    """Stops after a step, as a person does."""

    def __init__(self, at: int) -> None:
        self.at = at

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        trainer.should_stop = trainer.should_stop or trainer.global_step >= self.at


class Held:
    """Held-out pictures: the class's, since there the moments are made already."""

    def __init__(self, examples: Pictures) -> None:
        self._examples = examples
        self.held_out = list(range(len(examples.classes)))[:2]

    def of(self, chosen: Sequence[int]) -> Any:
        batch = self._examples.batch((), list(chosen))
        self._examples.fetched.pop()
        return batch._replace(is_class=torch.zeros(len(chosen), dtype=torch.bool))


class Run:
    """A run with a folder: from its newest checkpoint, or ``start``, to a step."""

    def __init__(
        self,
        folder: Path,
        base: Any,
        wanted: Recipe,
        steps: int = 8,
        *,
        stop: int | None = None,
        start: str | Loaded | None = None,
        before: Sequence[Callback] = (),
        after: Sequence[Callback] = (),
        validated: bool = False,
        keeping: dict[str, Any] | None = None,
        **changes: Any,
    ) -> None:
        self.saved: list[Saved] = []
        self.warnings: list[tuple[str, Params]] = []
        self.retold: list[LossPoint] = []
        self.checkpoints = folder / "checkpoints"
        if not isinstance(start, Loaded):
            path = states.chosen(self.checkpoints, start)
            start = states.read(path) if path else None
        text = bool(wanted.train_text_encoder)
        self.trial = Trial(
            base, wanted, steps, start=start, method=Whole(base, 1e-3, text), **changes
        )
        validation = Validated(Held(self.trial.examples), wanted, self.retold.append)
        given = Keeping(
            told=self.saved.append,
            warned=lambda code, params: self.warnings.append((code, params)),
            **({"metric": validation.metric} if validated else {}),
            **(keeping or {}),
        )
        self.kept = Kept(folder, wanted, KEY, given, start)
        stops = [] if stop is None else [Stop(stop)]
        measured = [validation] if validated else []
        callbacks = [*before, *measured, self.kept, *after, *stops]
        self.trial.setup = dataclasses.replace(self.trial.setup, callbacks=callbacks)

    def fit(self) -> "Run":
        self.done = self.trial.fit()
        return self

    @property
    def losses(self) -> list[float]:
        return self.trial.losses

    @property
    def last(self) -> Loaded:
        """Give the newest state on the disk."""
        path = states.newest(self.checkpoints, verify=True)
        assert path is not None
        return states.read(path)

    @property
    def names(self) -> list[str]:
        return sorted(path.name for path in self.checkpoints.iterdir())


def alike(one: State, other: State) -> bool:
    """Say whether two runs stand at the same place with the same numbers, to the bit."""
    parts = ("step", "position", "trainable", "optimizer", "ema", "metric")
    return all(same(getattr(one, part), getattr(other, part)) for part in parts)
