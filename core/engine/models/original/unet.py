"""The denoiser of Stable Diffusion 1, 2 and XL."""

import re

from core.engine.models.original.shapes import Json, Tensors, count, width

_DOWNSAMPLER = re.compile(r"input_blocks\.(\d+)\.0\.op\.weight$")
_PREFIX = "model.diffusion_model."  # that diffusers' converter asks for
MARKS = ("input_blocks.0.0.weight", "down_blocks.0.resnets.0.conv1.weight")


def named(tensors: Tensors, facts: Json) -> Tensors:
    """Give the weights by diffusers' names.

    :raises ValueError: for a layout that this does not know.
    """
    if MARKS[0] not in tensors:
        return tensors
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

    halved = [int(found[1]) for name in tensors if (found := _DOWNSAMPLER.match(name))]
    if min(halved, default=0) < 2:
        raise ValueError("its weights have unknown names")
    told: Json = {"layers_per_block": min(halved) - 1}
    if "label_emb.0.0.weight" in tensors:
        told["addition_embed_type"] = "text_time"
    whole = {_PREFIX + name: tensor for name, tensor in tensors.items()}
    renamed = convert_ldm_unet_checkpoint(whole, told)
    return {name: tensor for name, tensor in renamed.items() if tensor is not None}


def config(weights: Tensors, facts: Json) -> Json:
    """Give the configuration of a denoiser by diffusers' names.

    :param facts: ``heads`` of attention, or ``head_width``, which shapes do not tell.
    :raises KeyError: when weights are missing.
    :raises ValueError: for a denoiser that is conditioned on what no family gives.
    """
    if any(name.startswith("class_embedding.") for name in weights):
        raise ValueError("it is conditioned on more than words")
    levels = count(weights, "down_blocks.{}.resnets.0.conv1.weight")
    widths = [width(weights, f"down_blocks.{level}.resnets.0.conv1.weight")
              for level in range(levels)]  # fmt: skip
    deep = [_depth(weights, f"down_blocks.{level}.attentions.0") for level in range(levels)]
    middle = _depth(weights, "mid_block.attentions.0")
    first = f"down_blocks.{next(level for level, depth in enumerate(deep) if depth)}.attentions.0"
    heads = facts.get("heads") or [max(1, wide // facts["head_width"]) for wide in widths]
    made: Json = {
        "sample_size": facts["sample_size"],
        "in_channels": width(weights, "conv_in.weight", 1),
        "out_channels": width(weights, "conv_out.weight"),
        "block_out_channels": widths,
        "layers_per_block": count(weights, "down_blocks.0.resnets.{}.conv1.weight"),
        "down_block_types": ["CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in deep],
        "up_block_types": ["CrossAttnUpBlock2D" if depth else "UpBlock2D" for depth in deep[::-1]],
        "transformer_layers_per_block": [depth or middle or 1 for depth in deep],
        "cross_attention_dim": width(weights, f"{first}.transformer_blocks.0.attn2.to_k.weight", 1),
        "attention_head_dim": heads,
        "use_linear_projection": weights[f"{first}.proj_in.weight"].ndim == 2,
        "upcast_attention": facts.get("upcast_attention", False),
    }
    if not middle:
        made["mid_block_type"] = None
    if "add_embedding.linear_1.weight" in weights:
        made |= {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": facts["addition_time_embed_dim"],
            "projection_class_embeddings_input_dim": width(
                weights, "add_embedding.linear_1.weight", 1
            ),
        }
    return made


def _depth(weights: Tensors, attention: str) -> int:
    return count(weights, attention + ".transformer_blocks.{}.norm1.weight")
