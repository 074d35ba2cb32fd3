"""The running mean of what is trained, taken along from a run that ends."""

from collections.abc import Mapping
from typing import Any

import torch
from pytorch_lightning import Callback

from core.engine.train.keep.state import Loaded


class Mean(Callback):  # type: ignore[misc]  # no types
    """Takes the running mean with it, of a run that ends."""

    def __init__(self, loaded: Loaded | None) -> None:
        self.known: Mapping[str, torch.Tensor] = {} if loaded is None else loaded.ema

    def on_train_end(self, trainer: Any, module: Any) -> None:
        """Take it."""
        self.known = {} if module.ema is None else module.ema.mean
