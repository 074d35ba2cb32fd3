"""The denoisers of FLUX.1 and Stable Diffusion 3.

What is stored in blocks of fewer bits (GGUF) goes through as it is: such weights are cut and joined
by whole rows.
"""

import math

import torch

from core.engine.models.original.shapes import Json, Tensors, count, width

FLUX_MARKS = ("double_blocks.0.img_attn.qkv.weight", "transformer_blocks.0.attn.add_q_proj.weight")
SD3_MARKS = (
    "joint_blocks.0.context_block.attn.qkv.weight", "transformer_blocks.0.attn.add_q_proj.weight",
)  # fmt: skip
_SINGLE = "single_blocks.{}.linear1"
_WIDTH = 3072  # of every published FLUX; diffusers' converter knows no other
_HEAD = 64  # width of a head of SD3, where no norm tells it


def flux(tensors: Tensors, facts: Json) -> Tensors:
    """Give the weights of a FLUX by diffusers' names; they are taken out of ``tensors``."""
    if FLUX_MARKS[0] not in tensors:
        return tensors
    from diffusers.loaders.single_file_utils import convert_flux_transformer_checkpoint_to_diffusers

    wide = width(tensors, "img_in.weight")
    made: Tensors = {}
    for block in range(count(tensors, _SINGLE + ".weight")):
        for kind in ("weight", "bias"):
            whole = tensors[f"{_SINGLE.format(block)}.{kind}"]
            stem = f"single_transformer_blocks.{block}."
            rest = whole.shape[0] - 3 * wide
            parts = torch.split(whole, [wide, wide, wide, rest], dim=0)
            for name, part in zip(
                ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"), parts, strict=True
            ):
                made[f"{stem}{name}.{kind}"] = _own(part)
            tensors[f"{_SINGLE.format(block)}.{kind}"] = torch.empty((7 * _WIDTH, 0))
    return {**convert_flux_transformer_checkpoint_to_diffusers(tensors), **made}


def flux_config(weights: Tensors, facts: Json) -> Json:
    """Give the configuration of a FLUX by diffusers' names.

    :raises KeyError: when weights are missing.
    """
    head = width(weights, "transformer_blocks.0.attn.norm_q.weight")
    first = head // 8  # of what is turned by position: one part for the picture's number
    return {
        "patch_size": 1,
        "in_channels": width(weights, "x_embedder.weight", 1),
        "out_channels": width(weights, "proj_out.weight"),
        "num_layers": count(weights, "transformer_blocks.{}.attn.to_q.weight"),
        "num_single_layers": count(weights, "single_transformer_blocks.{}.attn.to_q.weight"),
        "attention_head_dim": head,
        "num_attention_heads": width(weights, "x_embedder.weight") // head,
        "joint_attention_dim": width(weights, "context_embedder.weight", 1),
        "pooled_projection_dim": width(weights, "time_text_embed.text_embedder.linear_1.weight", 1),
        "guidance_embeds": "time_text_embed.guidance_embedder.linear_1.weight" in weights,
        "axes_dims_rope": [first, (head - first) // 2, (head - first) // 2],
    }


def sd3(tensors: Tensors, facts: Json) -> Tensors:
    """Give the weights of a Stable Diffusion 3 by diffusers' names; taken out of ``tensors``."""
    if SD3_MARKS[0] not in tensors:
        return tensors
    from diffusers.loaders.single_file_utils import convert_sd3_transformer_checkpoint_to_diffusers

    made: Tensors = convert_sd3_transformer_checkpoint_to_diffusers(tensors)
    return made


def sd3_config(weights: Tensors, facts: Json) -> Json:
    """Give the configuration of a Stable Diffusion 3 by diffusers' names.

    :raises KeyError: when weights are missing.
    """
    layers = count(weights, "transformer_blocks.{}.attn.to_q.weight")
    patch = width(weights, "pos_embed.proj.weight", 3)
    wide = width(weights, "pos_embed.proj.weight")
    norm = weights.get("transformer_blocks.0.attn.norm_q.weight")
    head = _HEAD if norm is None else int(norm.shape[0])
    places = width(weights, "pos_embed.pos_embed", 1)
    return {
        "sample_size": facts["sample_size"],
        "patch_size": patch,
        "in_channels": width(weights, "pos_embed.proj.weight", 1),
        "out_channels": width(weights, "proj_out.weight") // (patch * patch),
        "num_layers": layers,
        "attention_head_dim": head,
        "num_attention_heads": wide // head,
        "joint_attention_dim": width(weights, "context_embedder.weight", 1),
        "caption_projection_dim": width(weights, "context_embedder.weight"),
        "pooled_projection_dim": width(weights, "time_text_embed.text_embedder.linear_1.weight", 1),
        "pos_embed_max_size": math.isqrt(places),
        "qk_norm": None if norm is None else "rms_norm",
        "dual_attention_layers": [
            n for n in range(layers) if f"transformer_blocks.{n}.attn2.to_q.weight" in weights
        ],
    }


def _own(tensor: torch.Tensor) -> torch.Tensor:
    """Copy a part, so that the whole can be let go of."""
    return torch.cat([tensor])
