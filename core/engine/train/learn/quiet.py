"""Quiet: Lightning's trainer as a guest in a process that has other work.

It prints nothing, handles no signal, leaves weights where they are, and torch's global state as it
was. Knows devices and precisions; nothing of what is trained.
"""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import Logger
from pytorch_lightning.plugins.environments import LightningEnvironment
from pytorch_lightning.strategies import DDPStrategy, SingleDeviceStrategy, Strategy
from pytorch_lightning.trainer.connectors.signal_connector import _SignalConnector
from pytorch_lightning.utilities.warnings import PossibleUserWarning

from core.records.recipe import Precision

for _name in ("pytorch_lightning", "lightning_fabric"):
    logging.getLogger(_name).setLevel(logging.ERROR)

_FORWARDS = {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}
_PATIENCE = timedelta(minutes=30)  # of processes for one that draws samples or is slow
_BACKENDS = {"cpu": "gloo"}  # of torch.distributed; nccl elsewhere


# What Lightning does to torch, and what it would advise; neither is for people who train.
_HUSHED: tuple[tuple[str, type[Warning]], ...] = (
    (r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning),
    ("", PossibleUserWarning),
)


class _Deaf(_SignalConnector):  # type: ignore[misc]  # it has no types
    """Handles no signal: whoever runs the process does."""

    def register_signal_handlers(self) -> None:
        """Register none."""

    def teardown(self) -> None:
        """Restore none."""


class _Resident(SingleDeviceStrategy):  # type: ignore[misc]  # likewise
    """Leaves what was trained, and the optimizer, on the device when it is done."""

    def teardown(self) -> None:
        """Let go of what holds no weights."""
        self.precision_plugin.teardown()
        if self.accelerator is not None:
            self.accelerator.teardown()
        self.checkpoint_io.teardown()


def trainer(
    device: torch.device,
    *,
    steps: int,
    accumulate: int,
    precision: Precision | None,
    callbacks: Sequence[Callback],
    loggers: Sequence[Logger],
    devices: int = 1,
    uneven: bool = False,
) -> Trainer:
    """Make a trainer that does nothing but take steps.

    :param devices: processes that share the run; each was started with LOCAL_RANK set.
    :param uneven: whether what is trained becomes less during the run.
    """
    for message, category in _HUSHED:
        warnings.filterwarnings("ignore", message, category)
    made = Trainer(
        accelerator=device.type,
        devices=devices if devices > 1 else [device.index or 0] if device.type != "cpu" else 1,
        strategy=_strategy(device, devices, uneven),
        precision=_forwards(device, precision),
        max_epochs=-1,
        max_steps=steps,
        accumulate_grad_batches=accumulate,
        callbacks=list(callbacks),
        logger=list(loggers) or False,
        limit_val_batches=0,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    made._signal_connector = _Deaf(made)
    return made


def at(trainer: Trainer, step: int) -> None:
    """Let a trainer count from a step on; before it fits."""
    loop = trainer.fit_loop.epoch_loop
    progress = loop.automatic_optimization.optim_progress.optimizer.step.total
    progress.ready = progress.completed = step
    loop._batches_that_stepped = step


@contextmanager
def apart(device: torch.device, *, deterministic: bool) -> Iterator[None]:
    """Train inside: with gradients, and what is global put back as it was."""
    cards = [device] if device.type != "cpu" else []
    kind = {"device_type": device.type} if cards else {}
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(torch.random.fork_rng(cards, **kind))
        stack.callback(torch.set_default_dtype, torch.get_default_dtype())
        stack.callback(
            torch.use_deterministic_algorithms,
            torch.are_deterministic_algorithms_enabled(),
            warn_only=torch.is_deterministic_algorithms_warn_only_enabled(),
        )
        cudnn: Any = torch.backends.cudnn
        stack.callback(setattr, cudnn, "benchmark", cudnn.benchmark)
        if deterministic:
            cudnn.benchmark = False
            torch.use_deterministic_algorithms(True, warn_only=True)
        yield


def scaler(trainer: Trainer) -> dict[str, Any]:
    """Give the state of what scales losses of half precision; empty where nothing does."""
    told: dict[str, Any] = trainer.precision_plugin.state_dict()
    return told


def _strategy(device: torch.device, devices: int, uneven: bool) -> Strategy:
    if devices == 1:
        return _Resident(device)
    return DDPStrategy(
        cluster_environment=LightningEnvironment(),
        process_group_backend=_BACKENDS.get(device.type, "nccl"),
        find_unused_parameters=uneven,
        timeout=_PATIENCE,
    )


def _forwards(device: torch.device, precision: Precision | None) -> Any:
    # The CPU knows no float16 worth training in, and Lightning would say so.
    if device.type == "cpu" and precision == "float16":
        precision = "bfloat16"
    return _FORWARDS[precision or "float32"]
