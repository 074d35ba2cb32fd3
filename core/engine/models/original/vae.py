"""The autoencoder of every family: what was published with Stable Diffusion, and wider ones."""

import torch

from core.engine.models.original.shapes import Json, Tensors, count, width

MARKS = ("decoder.up.0.block.0.conv1.weight", "decoder.up_blocks.0.resnets.0.conv1.weight")
_GROUPS = 32  # of each normalisation


def named(tensors: Tensors, facts: Json) -> Tensors:
    """Give the weights by diffusers' names."""
    if MARKS[0] not in tensors:
        return tensors
    from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

    levels = count(tensors, "encoder.down.{}.block.0.conv1.weight")
    blocks = {"down_block_types": [None] * levels, "up_block_types": [None] * levels}
    renamed: Tensors = convert_ldm_vae_checkpoint(tensors, blocks)
    return {name: _own(tensor) for name, tensor in renamed.items()}


def config(weights: Tensors, facts: Json) -> Json:
    """Give the configuration of an autoencoder by diffusers' names.

    :param facts: how latents are scaled, which shapes do not tell.
    :raises KeyError: when weights are missing.
    """
    levels = count(weights, "encoder.down_blocks.{}.resnets.0.conv1.weight")
    attentive = any(name.startswith("encoder.mid_block.attentions.0.") for name in weights)
    return {
        "in_channels": width(weights, "encoder.conv_in.weight", 1),
        "out_channels": width(weights, "decoder.conv_out.weight"),
        "latent_channels": width(weights, "decoder.conv_in.weight", 1),
        "block_out_channels": [
            width(weights, f"encoder.down_blocks.{level}.resnets.0.conv1.weight")
            for level in range(levels)
        ],
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "layers_per_block": count(weights, "encoder.down_blocks.0.resnets.{}.conv1.weight"),
        "norm_num_groups": _GROUPS,
        "use_quant_conv": "quant_conv.weight" in weights,
        "use_post_quant_conv": "post_quant_conv.weight" in weights,
        "mid_block_add_attention": attentive,
        **facts,
    }


def _own(tensor: torch.Tensor) -> torch.Tensor:
    """Give weights of a convolution of one pixel that became a matrix a place of their own."""
    return tensor if tensor.is_contiguous() else tensor.contiguous()
