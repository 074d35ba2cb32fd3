"""Small matrices beside a network's layers: peft's LoRA, DoRA and LoKr, in a twin of the network.

All tensors of the network are its own and stay so; it may be used meanwhile. Hu et al. 2021
(https://arxiv.org/abs/2106.09685), Liu et al. 2024 (https://arxiv.org/abs/2402.09353), Yeh et al.
2023 (https://arxiv.org/abs/2309.14859).
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import nn

from core.engine.adapters.twin import Changes, twin
from core.engine.train.methods.full import plain
from core.records.recipe import Recipe
from core.training.seeds import derived

RANK = 16  # where a recipe leaves it open
_NAME = "default"  # of the only adapter, in peft's words


class Adapted(NamedTuple):
    """A twin whose layers have small matrices."""

    module: nn.Module
    params: dict[str, nn.Parameter]  # by their names in it, float32
    layers: dict[str, Any]  # by the name of what they change: peft's


def rank_of(recipe: Recipe) -> tuple[int, float]:
    """Give rank and alpha."""
    rank = recipe.rank or RANK
    return rank, float(recipe.alpha or rank)


def adapted(
    base: nn.Module, part: str, recipe: Recipe, names: Sequence[str], changes: Changes | None = None
) -> Adapted:
    """Make a twin of a network with matrices beside some of its layers, which change nothing yet.

    :param part: of the checkpoint; what is drawn depends on it, on the layer and on the seed.
    :param changes: other tensors for some modules, before anything is trained.
    """
    from peft import inject_adapter_in_model
    from peft.tuners.tuners_utils import BaseTunerLayer

    made = twin(base, changes or {})
    plain(made.module)
    inject_adapter_in_model(_config(recipe, names), made.module, _NAME)
    layers = {
        name: module
        for name, module in made.module.named_modules()
        if isinstance(module, BaseTunerLayer)
    }
    assert layers.keys() == set(names)
    for module in layers.values():
        module.eval()  # in training peft asks the global generator whether a layer is left out
    params = {name: one for name, one in made.module.named_parameters() if f".{_NAME}" in name}
    _draw(params, recipe.seed, part)
    return Adapted(made.module, params, layers)


def _config(recipe: Recipe, names: Sequence[str]) -> Any:
    from peft import LoKrConfig, LoraConfig

    rank, alpha = rank_of(recipe)
    if recipe.method == "lokr":
        return LoKrConfig(r=rank, alpha=alpha, target_modules=list(names))
    return LoraConfig(
        r=rank,
        lora_alpha=alpha,
        target_modules=list(names),
        use_dora=recipe.method == "dora",
    )


def _draw(params: dict[str, nn.Parameter], seed: int, part: str) -> None:
    """Draw what peft drew anew, as it does, from generators of the run's own; in float32."""
    for name, one in params.items():
        one.data = one.data.float()
        one.requires_grad_(True)
        if one.dim() < 2 or "magnitude" in name or not bool(one.any()):
            continue
        drawn = torch.empty(one.shape)
        generator = torch.Generator().manual_seed(derived(seed, "adapter", part, name))
        nn.init.kaiming_uniform_(drawn, a=math.sqrt(5), generator=generator)
        one.data.copy_(drawn)
