"""From a module between two steps to a state that can be kept, and back. Knows Lightning; no files.

Back goes ``Setup.start``: the module takes it before its trainer is set up.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pytorch_lightning import Trainer

from core.engine.train.keep import structure
from core.engine.train.keep.state import Loaded, State

_SCALER = "scaler"  # what of ``extra`` is the gradient scaler's, in float16


def captured(trainer: Trainer, extra: Mapping[str, Any], metric: float | None = None) -> State:
    """Copy into RAM where a run stands: after an optimizer step, with nothing accumulated.

    :param extra: plain values to be kept beside.
    """
    module: Any = trainer.lightning_module  # a SubjectModule
    scaler = structure.copied(trainer.precision_plugin.state_dict())
    return State(
        step=module.step,
        position=module.position,
        trainable=structure.copied(module.trained.state_dict()),
        optimizer=structure.copied(trainer.optimizers[0].state_dict()),
        ema={} if module.ema is None else structure.copied(module.ema.mean),
        extra={**extra, **({_SCALER: scaler} if scaler else {})},
        metric=metric,
    )


def restarted(loaded: Loaded) -> Loaded:
    """Give weights and optimizer of another run's state to one that counts its steps from 0."""
    extra = {name: value for name, value in loaded.extra.items() if name == _SCALER}
    return replace(loaded, step=0, position=0, extra=extra)
