"""Fit: a run from its first step, or from where it was left, to its last.

Pure of engine, baton and pipes: whoever runs it gives callbacks. Knows how recipe, base, method,
examples and draws become steps.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
import torch
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import Logger

from core.engine.train.feed.data import Fed, Forwards, SubjectData
from core.engine.train.feed.draws import Draws
from core.engine.train.feed.order import Shares
from core.engine.train.learn import quiet
from core.engine.train.learn.module import SubjectModule, Take
from core.engine.train.learn.objective import Objective
from core.engine.train.learn.teaching import Based, Taught, Teaching
from core.errors import Invalid
from core.records.recipe import Recipe
from core.records.training import LossPoint


class Begun(Protocol):
    """Where a run was left: ``state.Loaded``."""

    @property
    def step(self) -> int:
        """Count the optimizer steps that were done."""
        ...

    @property
    def position(self) -> int:
        """Count the forwards that were done."""
        ...

    @property
    def trainable(self) -> dict[str, torch.Tensor]:
        """Give what was trained."""
        ...

    @property
    def optimizer(self) -> dict[str, Any]:
        """Give the optimizer's state."""
        ...

    @property
    def ema(self) -> dict[str, torch.Tensor]:
        """Give the running mean; empty where none was kept."""
        ...

    @property
    def extra(self) -> dict[str, Any]:
        """Give plain values; of them ``scaler`` is known here."""
        ...


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What a run is made of.

    ``judge`` is told the losses of each step before anything changes, and may raise; ``told`` when
    the step is done. ``rate`` times every learning rate. ``start`` is where the run goes on from.
    """

    recipe: Recipe  # resolved
    steps: int
    base: Any  # methods.Base
    method: Any  # methods.Trained
    examples: Fed
    draws: Draws
    device: torch.device
    callbacks: Sequence[Callback] = ()
    loggers: Sequence[Logger] = ()
    start: Begun | None = None
    devices: int = 1  # processes that share the run, this one among them
    workers: int = 0  # processes that prepare batches ahead
    rate: float = 1.0
    judge: Take = field(default=lambda point: None)
    told: Take = field(default=lambda point: None)
    memory: Callable[[], int] = field(default=lambda: 0)


def fit(setup: Setup) -> int:
    """Take the steps of a run; give how many are done, of it and of what it goes on from.

    Fewer than asked for where a callback set ``trainer.should_stop``. May be called on any thread;
    what is global to the process is afterwards as it was before.

    :raises Invalid: training_no_steps, dataset_empty, optimizer_unavailable,
        prediction_unsupported.
    """
    if setup.steps < 1:
        raise Invalid("training_no_steps", done=0)
    with quiet.apart(setup.device, deterministic=setup.recipe.deterministic):
        module, trainer = _made(setup)
        data = _data(setup, module.position, trainer.global_rank)
        try:
            if module.step < setup.steps:
                trainer.fit(module, datamodule=data)
        finally:
            setup.method.trainable.zero_grad(set_to_none=True)
    return module.step


def _made(setup: Setup) -> tuple[SubjectModule, Trainer]:
    """Make what is trained, and what trains it."""
    recipe, method = setup.recipe, setup.method
    module = SubjectModule(
        _teaching(setup, setup.base, method), recipe, setup.steps,
        rate=setup.rate, judge=setup.judge, told=_telling(setup), memory=setup.memory,
    )  # fmt: skip
    trainer = quiet.trainer(
        setup.device,
        steps=setup.steps,
        accumulate=recipe.accumulate,
        precision=recipe.precision,
        callbacks=setup.callbacks,
        loggers=setup.loggers,
        devices=setup.devices,
        uneven=method.trains_text and recipe.te_stop_fraction is not None,
    )
    if (start := setup.start) is not None:
        module.go_on(start.step, start.position, start.trainable, start.optimizer, start.ema)
        quiet.at(trainer, start.step)
        if told := start.extra.get("scaler"):
            trainer.precision_plugin.load_state_dict(told)
    return module, trainer


def _teaching(setup: Setup, base: Based, method: Taught) -> Teaching:
    objective = Objective(
        setup.base.scheduler_config, setup.recipe, flow=base.family.flow is not None
    )
    network = torch.compile(method.denoiser) if setup.recipe.compile else None
    return Teaching(base, method, objective, setup.recipe, setup.draws, setup.device, network)


def _data(setup: Setup, position: int, rank: int) -> SubjectData:
    recipe = setup.recipe
    ratio = 0.0 if recipe.prior in (None, "off") else recipe.class_per_instance
    shares = Shares(recipe.batch, ratio, setup.devices)
    forwards = Forwards(setup.examples, recipe, setup.draws, shares, rank)
    return SubjectData(forwards, setup.steps * recipe.accumulate, position, setup.workers)


def _telling(setup: Setup) -> Take:
    """Tell whoever wants to know, and the loggers."""
    for logger in setup.loggers:
        logger.log_hyperparams(msgspec.to_builtins(setup.recipe))

    def told(point: LossPoint) -> None:
        setup.told(point)
        for logger in setup.loggers:
            logger.log_metrics(scalars(point), point.step)

    return told


def scalars(point: LossPoint) -> dict[str, float]:
    """Give the numbers of a point by the names that loggers know them by."""
    made = {"loss": point.loss, "loss_instance": point.loss_instance, "lr": point.lr}
    made |= {"loss_prior": point.loss_prior} if point.loss_prior is not None else {}
    made |= {"grad_norm": point.grad_norm} if point.grad_norm is not None else {}
    made |= {f"lr/{name}": rate for name, rate in point.rates.items()}
    made |= {f"grad_norm/{name}": norm for name, norm in point.norms.items()}
    return made | {"seconds": point.seconds}
