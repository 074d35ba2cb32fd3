"""Module: an optimizer step as Lightning drives it, and what is known of the run in between.

Holds what is trained and nothing else, so that it alone is moved, averaged, shared among devices
and counted. Knows neither batons nor files.
"""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from msgspec import structs
from pytorch_lightning import LightningModule
from torch import Tensor
from torch.optim import Optimizer

from core.engine.train.feed.draws import Place
from core.engine.train.feed.examples import Batch
from core.engine.train.learn import optimizers, tally
from core.engine.train.learn.ema import Ema
from core.engine.train.learn.schedule import multiplier
from core.engine.train.learn.tally import Tally
from core.engine.train.learn.teaching import Teaching
from core.records.recipe import Recipe
from core.records.training import LossPoint

Take = Callable[[LossPoint], None]
# What the recipe says of an optimizer; all else of its rows is its own state.
_CHOSEN = ("lr", "weight_decay", "betas", "eps", "name", "fused", "foreach")


class SubjectModule(LightningModule):  # type: ignore[misc]  # it has no types
    """What is trained of a run.

    After each optimizer step ``point`` holds its losses. ``step`` counts optimizer steps that are
    done, ``position`` forwards over all of them; both stand in a state that is kept.

    :param steps: of the run.
    :param rate: times every learning rate, beside the schedule.
    :param judge: told the losses of a step before it changes anything; may raise, which leaves
        weights, optimizer and mean as they are after the step before.
    :param told: told them when the step is done.
    :param memory: gives the bytes that the device holds for it.
    """

    def __init__(
        self,
        teaching: Teaching,
        recipe: Recipe,
        steps: int,
        *,
        rate: float = 1.0,
        judge: Take = lambda point: None,
        told: Take = lambda point: None,
        memory: Callable[[], int] = lambda: 0,
    ) -> None:
        super().__init__()
        self.teaching = teaching
        self.method = teaching.method
        self.trained = self.method.trainable
        self.recipe = recipe
        self.steps = steps
        self.step = 0
        self.position = 0
        self.point: LossPoint | None = None
        self.ema = Ema(self.trained, recipe.ema) if recipe.ema else None
        self._rate, self._judge, self._told, self._memory = rate, judge, told, memory
        self._micro = 0
        self._tally = Tally()
        self._since = 0.0
        self._saved: Mapping[str, Any] | None = None  # state of the optimizer to go on from
        self._base_rates: list[float] = []
        part = recipe.te_stop_fraction
        self._text_until = steps if part is None else math.ceil(part * steps)

    def go_on(
        self,
        step: int,
        position: int,
        trainable: Mapping[str, Tensor],
        optimizer: Mapping[str, Any],
        ema: Mapping[str, Tensor],
    ) -> None:
        """Stand where a run stood after a step; before Lightning sets it up.

        :raises RuntimeError: when what is trained has other names or shapes.
        """
        self.trained.load_state_dict(dict(trainable))
        self.step, self.position = step, position
        self._saved = optimizer or None
        if self.ema is not None:
            self.ema.load(ema or dict(self.trained.named_parameters()), step if ema else 0)

    def configure_optimizers(self) -> Optimizer:
        """Make the optimizer, with its state where the run goes on."""
        made = optimizers.made(self.method.groups, self.recipe)
        self._base_rates = [float(row["lr"]) for row in made.param_groups]
        if self._saved is not None:
            made.load_state_dict(_merged(made.state_dict(), self._saved))
            self._saved = None
        return made

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Begin a step: text encoders stop at theirs."""
        if self._micro == 0:
            self._since = time.perf_counter()
            if self.step >= self._text_until and self.method.trains_text:
                self.method.stop_text()

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Give the loss of a forward."""
        losses = self.teaching.losses(batch, Place(self.step, self._micro, self.global_rank))
        self._tally.add(losses)
        self._micro += 1
        self.position += 1
        return losses.loss

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: Any,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        """Go backward, look at the gradients, take the step, and tell of it."""
        factor = self._rate * multiplier(self.recipe, self.step, self.steps)
        for row, rate in zip(optimizer.param_groups, self._base_rates, strict=True):
            row["lr"] = rate * factor
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        self.step += 1
        self._micro = 0
        self._tally.clear()
        if self.ema is not None:
            self.ema.update()
        assert self.point is not None
        taken = time.perf_counter() - self._since
        self.point = structs.replace(self.point, seconds=taken, memory_bytes=self._memory())
        self._told(self.point)

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Measure the gradients of each group, and clip them all by the norm of all."""
        parts = tally.norms(self.method.groups, self.device)
        whole = tally.joined(parts.values())
        if self.recipe.clip:
            params = [one for row in optimizer.param_groups for one in row["params"]]
            tally.clip(params, self.recipe.clip, whole)
        losses = self.trainer.strategy.reduce(self._tally.packed(), reduce_op="mean")
        self.point = self._read(losses, whole, parts, optimizer)
        self._judge(self.point)

    def _read(
        self, losses: Tensor, whole: Tensor, parts: Mapping[str, Tensor], optimizer: Optimizer
    ) -> LossPoint:
        """Read the figures of a step: here the device is waited for, and nowhere else."""
        packed = torch.cat([losses.float(), torch.stack([whole, *parts.values()])])
        loss, instance, prior, norm, *apart = packed.tolist()
        rates = {str(row["name"]): float(row["lr"]) for row in optimizer.param_groups}
        return LossPoint(
            step=self.step + 1,
            loss=loss,
            loss_instance=instance,
            loss_prior=prior if self._tally.prior else None,
            lr=next(iter(rates.values())),
            grad_norm=norm,
            seconds=0.0,
            rates=rates,
            norms=dict(zip(parts, apart, strict=True)),
        )


def _merged(fresh: Mapping[str, Any], saved: Mapping[str, Any]) -> dict[str, Any]:
    """Give the state of an optimizer with what the recipe says now.

    :raises ValueError: when it had other groups.
    """
    rows = [
        {**old, **{name: row[name] for name in _CHOSEN if name in row}}
        for row, old in zip(fresh["param_groups"], saved["param_groups"], strict=True)
    ]
    return {"state": saved["state"], "param_groups": rows}
