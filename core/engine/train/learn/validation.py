"""Validation: what held-out pictures lose, at noise and timesteps that are the same each time.

So two steps of a run differ by what was learned between them and by nothing else. Changes no loss:
nothing is drawn from a stream that training draws from, and weights and modes are put back.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any, Protocol

import torch
from msgspec import structs
from pytorch_lightning import Callback, Trainer
from torch import nn

from core.engine.train.feed.draws import Counter, Place
from core.records.recipe import Recipe
from core.records.training import LossPoint
from core.training.seeds import derived

LEVELS = 4  # timesteps at which each picture is looked at
MAX_PICTURES = 16  # the first ones of what is held out
_START = Place(0)  # all that is drawn is drawn there: by item


class Held(Protocol):
    """Where held-out pictures come from: ``examples.Examples``."""

    @property
    def held_out(self) -> Sequence[Any]:
        """Give the pictures that nobody is taught."""
        ...

    def of(self, examples: Sequence[Any]) -> Any:
        """Give some of them as a batch."""
        ...


class Validated(Callback):  # type: ignore[misc]  # which has no types here
    """Measures the loss of held-out pictures on a schedule and whenever a checkpoint is kept.

    In the list before ``Kept``, and without the baton. The weights are the mean where one is kept.

    :param told: takes the losses of the step again, the metric among them.
    :param working: has the device.
    """

    def __init__(
        self,
        examples: Held,
        recipe: Recipe,
        told: Callable[[LossPoint], None] = lambda point: None,
        working: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._examples = examples
        self._every = recipe.validate_every
        self._draws = Counter(derived(recipe.seed, "validation"))
        self._told, self._working = told, working
        self._step = -1
        self._known: tuple[int, float | None] | None = None  # the last step that was measured

    def on_train_start(self, trainer: Trainer, *_: Any) -> None:
        """Note where the run goes on: what it measured there it measured before."""
        self._step = trainer.global_step

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Measure, if a step was taken and it is time."""
        if trainer.global_step == self._step:
            return
        self._step = trainer.global_step
        if self._every and self._step % self._every == 0:
            self.metric(trainer)

    def metric(self, trainer: Trainer) -> float | None:
        """Give the mean loss as of now.

        None where nothing is held out, where it is no finite number, and in other processes.
        """
        step = trainer.global_step
        if not self._examples.held_out or not trainer.is_global_zero:
            return None
        if self._known is None or self._known[0] != step:
            # Fetched without the device, which what is fetched may need for itself.
            some = self._examples.held_out[:MAX_PICTURES]
            batches = [self._examples.of([example]) for example in some]
            with self._working():
                self._known = step, self._measure(trainer, batches)
            point: LossPoint | None = trainer.lightning_module.point
            if point is not None and point.step == step:
                self._told(structs.replace(point, validation=self._known[1]))
        return self._known[1]

    def _measure(self, trainer: Trainer, batches: Sequence[Any]) -> float | None:
        module: Any = trainer.lightning_module
        networks = [module.method.denoiser, *module.method.encoders.values()]
        with ExitStack() as stack:
            stack.enter_context(_apart(networks, module.device))
            if module.ema is not None:
                stack.enter_context(module.ema.applied())
            stack.enter_context(trainer.precision_plugin.forward_context())
            losses = [
                self._loss(module.teaching, batch, number) for number, batch in enumerate(batches)
            ]
            mean = float(torch.stack(losses).mean())
        return mean if math.isfinite(mean) else None

    def _loss(self, teaching: Any, batch: Any, number: int) -> torch.Tensor:
        """Give the mean loss of one picture over its levels, (), on its device."""
        losses = []
        for item in range(number * LEVELS, (number + 1) * LEVELS):
            spread = self._draws.normal("posterior", _START, batch.mean.shape[1:], item)
            latents = batch.mean + torch.exp(0.5 * batch.logvar) * spread
            noise = teaching.objective.noise(self._draws, _START, latents, [item])
            timesteps = teaching.objective.timesteps(self._draws, _START, [item])
            losses.append(teaching.compared(batch, latents, noise, timesteps).loss.float())
        return torch.stack(losses).mean()


@contextmanager
def _apart(networks: Sequence[nn.Module], device: torch.device) -> Iterator[None]:
    """Look without learning: no gradients, no dropout, and randomness as it was afterwards."""
    modes = [(one, one.training) for network in networks for one in network.modules()]
    cards = [device] if device.type != "cpu" else []
    kind = {"device_type": device.type} if cards else {}
    with torch.no_grad(), torch.random.fork_rng(cards, **kind):
        try:
            for network in networks:
                network.eval()
            yield
        finally:
            for one, mode in modes:
                one.training = mode
