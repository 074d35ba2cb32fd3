"""Optimizers: a table of what trains, by the recipe's word for it.

Knows groups of parameters; the schedule changes their rates. Libraries that are no dependency of
ours are imported when they are asked for.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Protocol

from torch import nn
from torch.optim import AdamW, Optimizer

from core.errors import Invalid
from core.records.recipe import Recipe

Rows = list[dict[str, Any]]


class Grouped(Protocol):
    """Parameters that are trained at one rate; groups may share a name."""

    @property
    def name(self) -> str:
        """Give what it is called: unet, te, emb."""
        ...

    @property
    def params(self) -> list[nn.Parameter]:
        """Give the parameters."""
        ...

    @property
    def lr(self) -> float:
        """Give the rate before the schedule."""
        ...

    @property
    def decay(self) -> bool:
        """Say whether they decay."""
        ...


def made(groups: Sequence[Grouped], recipe: Recipe) -> Optimizer:
    """Make the optimizer of a recipe; a row of it is named after its group.

    :raises Invalid: optimizer_unavailable (optimizer, library) where its library is not installed
        or does not work here.
    """
    name = recipe.optimizer or "adamw"
    return _MAKERS[name](_rows(groups, recipe), recipe)


def _rows(groups: Sequence[Grouped], recipe: Recipe) -> Rows:
    return [
        {
            "name": group.name,
            "params": group.params,
            "lr": group.lr,
            "weight_decay": recipe.weight_decay if group.decay else 0.0,
        }
        for group in groups
        if group.params
    ]


def _adamw(rows: Rows, recipe: Recipe) -> Optimizer:
    tensors: list[nn.Parameter] = [one for row in rows for one in row["params"]]
    # A fused step unscales gradients itself, after they would have been clipped.
    fused = recipe.precision != "float16" and all(
        one.is_floating_point() and one.device.type in ("cpu", "cuda") for one in tensors
    )
    return AdamW(rows, betas=recipe.betas, eps=recipe.eps, fused=fused)


def _adamw8bit(rows: Rows, recipe: Recipe) -> Optimizer:
    kind = _library("adamw8bit", "bitsandbytes", "optim.AdamW8bit")
    return _new(kind, rows, betas=recipe.betas, eps=recipe.eps)


def _adafactor(rows: Rows, recipe: Recipe) -> Optimizer:
    kind = _library("adafactor", "transformers", "Adafactor")
    # The rate is the schedule's: neither relative to the step nor to the size of the weights.
    return _new(kind, rows, scale_parameter=False, relative_step=False, warmup_init=False)


def _prodigy(rows: Rows, recipe: Recipe) -> Optimizer:
    kind = _library("prodigy", "prodigyopt", "Prodigy")
    return _new(
        kind, rows, betas=recipe.betas, eps=recipe.eps, decouple=True, use_bias_correction=True,
        safeguard_warmup=True,
    )  # fmt: skip


def _came(rows: Rows, recipe: Recipe) -> Optimizer:
    kind = _library("came", "came_pytorch", "CAME")
    return _new(kind, rows, betas=(*recipe.betas, 0.9999))


_MAKERS: dict[str, Callable[[Rows, Recipe], Optimizer]] = {
    "adamw": _adamw,
    "adamw8bit": _adamw8bit,
    "adafactor": _adafactor,
    "prodigy": _prodigy,
    "came": _came,
}


def _new(kind: Any, rows: Rows, **settings: Any) -> Optimizer:
    made: Optimizer = kind(rows, **settings)
    return made


def _library(optimizer: str, library: str, path: str) -> Any:
    """Find a class of a library that may not be there.

    :raises Invalid: optimizer_unavailable.
    """
    try:
        found: Any = import_module(library)
        for name in path.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError, OSError, RuntimeError) as error:
        raise Invalid("optimizer_unavailable", optimizer=optimizer, library=library) from error
    return found
