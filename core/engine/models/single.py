"""Single files: a ControlNet whose configuration is told by the names and shapes of its weights.

Both layouts that are about: diffusers' own names, and those of the first release, which diffusers
renames. Knows no files; what shapes do not tell is given.
"""

import re
from collections.abc import Mapping
from typing import Any

import torch

Json = dict[str, Any]
Tensors = dict[str, torch.Tensor]

_DOWNSAMPLER = re.compile(r"(?:control_model\.)?input_blocks\.(\d+)\.0\.op\.weight$")
_MOST = 64  # blocks that are counted


def controlnet(tensors: Tensors, told: Mapping[str, object]) -> tuple[Json, Tensors]:
    """Give the configuration of a ControlNet, and its weights by diffusers' names.

    :param told: what shapes do not tell, such as the heads of attention.
    :raises KeyError: when weights are missing.
    :raises ValueError: for a layout that this does not know.
    """
    named = tensors if "conv_in.weight" in tensors else _renamed(tensors)
    levels = _count(named, "down_blocks.{}.resnets.0.conv1.weight")
    attentive = [
        f"down_blocks.{level}.attentions.0.proj_in.weight" in named for level in range(levels)
    ]
    first = attentive.index(True)
    attention, seeing = f"down_blocks.{first}.attentions.0", "controlnet_cond_embedding"
    halvings = _count(named, f"{seeing}.blocks.{{}}.weight") // 2
    text = named[f"{attention}.transformer_blocks.0.attn2.to_k.weight"]
    return {
        "in_channels": named["conv_in.weight"].shape[1],
        "conditioning_channels": named[f"{seeing}.conv_in.weight"].shape[1],
        "conditioning_embedding_out_channels": [
            _width(named, f"{seeing}.conv_in"),
            *(_width(named, f"{seeing}.blocks.{2 * n + 1}") for n in range(halvings)),
        ],
        "down_block_types": ["CrossAttnDownBlock2D" if one else "DownBlock2D" for one in attentive],
        "block_out_channels": [
            _width(named, f"down_blocks.{level}.resnets.0.conv1") for level in range(levels)
        ],
        "layers_per_block": _count(named, "down_blocks.0.resnets.{}.conv1.weight"),
        "cross_attention_dim": text.shape[1],
        "use_linear_projection": named[f"{attention}.proj_in.weight"].ndim == 2,
        **_sized(named, levels),
        **told,
    }, named  # fmt: skip


def _sized(named: Tensors, levels: int) -> Json:
    """Tell of a net of Stable Diffusion XL what other families do not have."""
    added = named.get("add_embedding.linear_1.weight")
    if added is None:
        return {}
    blocks = "down_blocks.{}.attentions.0.transformer_blocks.{{}}.norm1.weight"
    return {
        "addition_embed_type": "text_time",
        "projection_class_embeddings_input_dim": added.shape[1],
        "transformer_layers_per_block": [
            _count(named, blocks.format(level)) or 1 for level in range(levels)
        ],
    }


def _renamed(tensors: Tensors) -> Tensors:
    from diffusers.loaders.single_file_utils import convert_controlnet_checkpoint

    halved = [int(found[1]) for name in tensors if (found := _DOWNSAMPLER.match(name))]
    if min(halved, default=0) < 2:
        raise ValueError("its weights have unknown names")
    config = {"layers_per_block": min(halved) - 1}
    renamed = convert_controlnet_checkpoint(dict(tensors), config)
    return {name: tensor for name, tensor in renamed.items() if tensor is not None}


def _count(tensors: Tensors, pattern: str) -> int:
    return next((n for n in range(_MOST) if pattern.format(n) not in tensors), _MOST)


def _width(tensors: Tensors, name: str) -> int:
    return int(tensors[f"{name}.weight"].shape[0])
