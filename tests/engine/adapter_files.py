"""Adapters with random weights for a tiny model, under the names that trainers give them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from core.graph.catalogue import Resource

Tensors = dict[str, torch.Tensor]
LAYERS = (
    "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q",
    "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_v",
    "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0",
    "up_blocks.1.attentions.0.transformer_blocks.0.ff.net.2",
)
CONVOLUTION = "down_blocks.0.resnets.0.conv1"
WORDS = (
    "encoder.layers.0.self_attn.q_proj",
    "encoder.layers.0.self_attn.out_proj",
    "encoder.layers.1.mlp.fc1",
)


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    """Draw numbers large enough to be seen in a picture."""
    made = torch.randn(shape, generator=torch.Generator().manual_seed(seed + sum(shape)))
    return made * 0.3


def weight(module: nn.Module, name: str) -> torch.Tensor:
    found = module.get_submodule(name).weight
    assert isinstance(found, torch.Tensor)
    return found


def lora(shape: torch.Size, rank: int = 4, seed: int = 0) -> dict[str, torch.Tensor]:
    """Draw the factors of one layer: down and up."""
    down = draw(rank, *shape[1:], seed=seed)
    up = draw(shape[0], rank, *[1] * (len(shape) - 2), seed=seed + 1)
    return {"down": down, "up": up}


def each(tiny: Any, unet: bool = True, words: bool = True) -> Iterator[tuple[str, str, torch.Size]]:
    """Give part, name and shape of each layer that the adapters of these tests change."""
    if unet:
        yield from (("unet", name, weight(tiny.network, name).shape) for name in LAYERS)
    if words:
        yield from (("text", name, weight(tiny.encoder, name).shape) for name in WORDS)


def kohya(tiny: Any, alpha: float | None = 2.0, seed: int = 0, **which: bool) -> Tensors:
    made: Tensors = {}
    for part, name, shape in each(tiny, **which):
        factors = lora(shape, seed=seed)
        start = "lora_unet_" if part == "unet" else "lora_te_text_model_"
        stem = start + name.replace(".", "_")
        made[f"{stem}.lora_down.weight"] = factors["down"]
        made[f"{stem}.lora_up.weight"] = factors["up"]
        if alpha is not None:
            made[f"{stem}.alpha"] = torch.tensor(alpha)
    return made


def peft(tiny: Any, seed: int = 0, **which: bool) -> Tensors:
    made: Tensors = {}
    for part, name, shape in each(tiny, **which):
        factors = lora(shape, seed=seed)
        stem = f"unet.{name}" if part == "unet" else f"text_encoder.text_model.{name}"
        made[f"{stem}.lora_A.weight"] = factors["down"]
        made[f"{stem}.lora_B.weight"] = factors["up"]
    return made


def diffusers_old(tiny: Any, seed: int = 0) -> Tensors:
    """The names of attention processors, as diffusers once saved them."""
    made: Tensors = {}
    for name in LAYERS[:3]:
        factors = lora(weight(tiny.network, name).shape, seed=seed)
        block, _, layer = name.removesuffix(".0").rpartition(".")
        stem = f"unet.{block}.processor.{layer}_lora"
        made[f"{stem}.down.weight"], made[f"{stem}.up.weight"] = factors["down"], factors["up"]
    return made


def write(
    folder: Path, name: str, tensors: Tensors, metadata: Mapping[str, str] | None = None
) -> Resource:
    """Write an adapter's file; give what the server would resolve its name to."""
    path = folder / f"{name}.safetensors"
    save_file({key: one.contiguous() for key, one in tensors.items()}, path, dict(metadata or {}))
    return Resource(
        id=name, kind="lora", path=str(path), identity=f"hash of {name}", family="sd1", name=name,
        format="single",
    )  # fmt: skip
