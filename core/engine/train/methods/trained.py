"""What a method makes of a base: networks to train with, what of them is trained, and its names.

Knows modules and parameters; neither optimizers nor files.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import nn

from core.engine.models.families import Family
from core.engine.train.methods.tokens import Learned

Weights = dict[str, dict[str, torch.Tensor]]  # file → tensors by the names that are published


class Base(NamedTuple):
    """The parts of a checkpoint, as ``models.load`` gives them, on any device.

    ``name`` is that of the family ("sdxl"). Encoders are named as in the family's table. No tensor
    may be one of inference mode, since nothing could be trained beside it.
    """

    family: Family
    name: str
    denoiser: nn.Module
    encoders: dict[str, nn.Module]
    vae: nn.Module | None
    scheduler_config: dict[str, Any]


class Group(NamedTuple):
    """Parameters of one learning rate; of one name there may be two, with decay and without."""

    name: str  # "unet", "te" or "emb"
    params: list[nn.Parameter]
    lr: float
    decay: bool


@dataclass
class Trained:
    """A base in training. What is not trained is the base's own, and has no gradient.

    ``trainable`` holds the trained parameters alone, float32, under the names that they have in
    their networks; ``denoiser`` and ``encoders`` work with the very same ones.
    """

    denoiser: nn.Module
    encoders: dict[str, nn.Module]
    trainable: nn.ModuleDict
    groups: list[Group]
    trains_text: bool
    named: Callable[[], Weights]  # all that is trained, float32, as it is published
    frozen: nn.Module | None  # the base's denoiser, where it is there
    tokens: Sequence[Learned] = ()
    started: str = ""  # how a LoRA was gone on from: "taken", "merged", "partly" or not at all
    alone: bool = True  # what is published needs no LoRA beside it that was gone on from
    stops: frozenset[str] = field(default_factory=lambda: frozenset({"te"}))

    @contextmanager
    def base_prediction(self) -> Iterator[nn.Module]:
        """Give the denoiser as it was before training; it may be called, and nothing else.

        :raises RuntimeError: where the recipe has no use for it, so that it was let go.
        """
        if self.frozen is None:
            raise RuntimeError("the recipe keeps no base")
        with torch.no_grad():
            yield self.frozen

    def weights(self, dtype: torch.dtype = torch.float32) -> Weights:
        """Copy what is trained into RAM, by file and by published name."""
        with torch.no_grad():
            return {
                file: {
                    name: tensor.detach().to("cpu", dtype, copy=True).contiguous()
                    for name, tensor in tensors.items()
                }
                for file, tensors in self.named().items()
            }

    def snapshot(self) -> Weights:
        """Give usable weights, float16 in RAM: with them alone and the base pictures are drawn.

        A network's go by the folder of its part in diffusers' layout ("unet"), small matrices by
        "lora" with the names of kohya's trainer, learned tokens by "embedding-0", "embedding-1", …
        """
        return self.weights(torch.float16)

    def stop_text(self) -> None:
        """Freeze text encoders, of pivotal training learned tokens as well, for good."""
        for group in self.groups:
            if group.name in self.stops:
                for one in group.params:
                    one.requires_grad_(False)
                    one.grad = None
        self.trains_text = any(
            one.requires_grad
            for group in self.groups
            if group.name != "unet"
            for one in group.params
        )

    def train_text(self) -> None:
        """Train again what was frozen: of a run that goes back to before that step."""
        for group in self.groups:
            if group.name in self.stops:
                for one in group.params:
                    one.requires_grad_(True)
                    self.trains_text = True

    def to(self, device: torch.device) -> None:
        """Move what is trained; tensors of the base are where their owner has put them."""
        self.trainable.to(device)
        for module in (self.denoiser, *self.encoders.values()):
            if "_lent_by" not in module.__dict__:
                module.to(device)


def tree(params: Mapping[str, nn.Parameter]) -> nn.Module:
    """Hold parameters under names with dots, as the network does, and nothing besides."""
    root = nn.Module()
    for name, param in params.items():
        *path, last = name.split(".")
        at = root
        for step in path:
            if step not in at._modules:
                at.add_module(step, nn.Module())
            below = at._modules[step]
            assert below is not None
            at = below
        at.register_parameter(last, param)
    return root
