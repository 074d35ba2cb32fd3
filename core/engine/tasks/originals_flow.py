"""Single files of FLUX.1 and Stable Diffusion 3: what their tensors are called.

The other half of ``originals``, which says how such tables are read.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch

from core.engine.tasks.layouts import Shape, Shapes, Tensors

Rules = tuple[tuple[str, str], ...]
Joins = tuple[tuple[str, tuple[str, ...], str], ...]

_MODULATED = "final_layer.adaLN_modulation.1"
_TIME = r"^time_text_embed\.timestep_embedder\.linear_"
_TEXT = r"^time_text_embed\.text_embedder\.linear_"
_GUIDED = r"^time_text_embed\.guidance_embedder\.linear_"
_ATTENTION = ("to_q", "to_k", "to_v")
_ADDED = ("add_q_proj", "add_k_proj", "add_v_proj")

_FLUX_JOINS: Joins = (  # first of what lies below each other, all of it, name in the file
    (r"^transformer_blocks\.(\d+)\.attn\.to_q\b", _ATTENTION, r"double_blocks.\1.img_attn.qkv"),
    (r"^transformer_blocks\.(\d+)\.attn\.add_q_proj\b", _ADDED, r"double_blocks.\1.txt_attn.qkv"),
    (r"^single_transformer_blocks\.(\d+)\.attn\.to_q\b",
     ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"), r"single_blocks.\1.linear1"),
)  # fmt: skip
_FLUX_RULES: Rules = (
    (_TIME + "1", "time_in.in_layer"), (_TIME + "2", "time_in.out_layer"),
    (_TEXT + "1", "vector_in.in_layer"), (_TEXT + "2", "vector_in.out_layer"),
    (_GUIDED + "1", "guidance_in.in_layer"), (_GUIDED + "2", "guidance_in.out_layer"),
    ("^context_embedder", "txt_in"), ("^x_embedder", "img_in"),
    (r"^norm_out\.linear", _MODULATED), ("^proj_out", "final_layer.linear"),
    (r"^single_transformer_blocks\.(\d+)\.norm\.linear", r"single_blocks.\1.modulation.lin"),
    (r"^single_transformer_blocks\.(\d+)\.proj_out", r"single_blocks.\1.linear2"),
    (r"^single_transformer_blocks\.(\d+)\.attn\.norm_q\.weight",
     r"single_blocks.\1.norm.query_norm.scale"),
    (r"^single_transformer_blocks\.(\d+)\.attn\.norm_k\.weight",
     r"single_blocks.\1.norm.key_norm.scale"),
    (r"^transformer_blocks\.(\d+)\.", r"double_blocks.\1."),
    (r"\.attn\.norm_q\.weight", ".img_attn.norm.query_norm.scale"),
    (r"\.attn\.norm_k\.weight", ".img_attn.norm.key_norm.scale"),
    (r"\.attn\.norm_added_q\.weight", ".txt_attn.norm.query_norm.scale"),
    (r"\.attn\.norm_added_k\.weight", ".txt_attn.norm.key_norm.scale"),
    (r"\.norm1\.linear", ".img_mod.lin"), (r"\.norm1_context\.linear", ".txt_mod.lin"),
    (r"\.ff\.net\.0\.proj", ".img_mlp.0"), (r"\.ff\.net\.2", ".img_mlp.2"),
    (r"\.ff_context\.net\.0\.proj", ".txt_mlp.0"), (r"\.ff_context\.net\.2", ".txt_mlp.2"),
    (r"\.attn\.to_out\.0", ".img_attn.proj"), (r"\.attn\.to_add_out", ".txt_attn.proj"),
)  # fmt: skip
_SD3_JOINS: Joins = (
    (r"^transformer_blocks\.(\d+)\.(attn2?)\.to_q\b", _ATTENTION,
     r"joint_blocks.\1.x_block.\2.qkv"),
    (r"^transformer_blocks\.(\d+)\.attn\.add_q_proj\b", _ADDED,
     r"joint_blocks.\1.context_block.attn.qkv"),
)  # fmt: skip
_SD3_RULES: Rules = (
    (_TIME + "1", "t_embedder.mlp.0"), (_TIME + "2", "t_embedder.mlp.2"),
    (_TEXT + "1", "y_embedder.mlp.0"), (_TEXT + "2", "y_embedder.mlp.2"),
    (r"^pos_embed\.pos_embed", "pos_embed"), (r"^pos_embed\.proj", "x_embedder.proj"),
    (r"^norm_out\.linear", _MODULATED), ("^proj_out", "final_layer.linear"),
    (r"^transformer_blocks\.(\d+)\.", r"joint_blocks.\1."),
    (r"\.(attn2?)\.norm_(q|k)\.", r".x_block.\1.ln_\2."),
    (r"\.attn\.norm_added_(q|k)\.", r".context_block.attn.ln_\1."),
    (r"\.(attn2?)\.to_out\.0", r".x_block.\1.proj"),
    (r"\.attn\.to_add_out", ".context_block.attn.proj"),
    (r"\.norm1\.linear", ".x_block.adaLN_modulation.1"),
    (r"\.norm1_context\.linear", ".context_block.adaLN_modulation.1"),
    (r"\.ff\.net\.0\.proj", ".x_block.mlp.fc1"), (r"\.ff\.net\.2", ".x_block.mlp.fc2"),
    (r"\.ff_context\.net\.0\.proj", ".context_block.mlp.fc1"),
    (r"\.ff_context\.net\.2", ".context_block.mlp.fc2"),
)  # fmt: skip


def flux_names(shapes: Shapes) -> dict[str, Shape]:
    """Name the tensors of a FLUX as its file does."""
    return _named(shapes, _FLUX_JOINS, _FLUX_RULES)


def sd3_names(shapes: Shapes) -> dict[str, Shape]:
    """Name the tensors of a Stable Diffusion 3 as its file does."""
    return _named(shapes, _SD3_JOINS, _SD3_RULES)


def denoiser(
    read: Callable[[Tensors, Any], Tensors], prefix: str
) -> Callable[[Tensors, Shapes], Mapping[str, torch.Tensor]]:
    """Give the converter of a denoiser whose names begin with a prefix.

    :param read: one of ``models.original.flow``.
    """

    def convert(tensors: Tensors, shapes: Shapes) -> Mapping[str, torch.Tensor]:
        made = read({name.removeprefix(prefix): one for name, one in tensors.items()}, {})
        return made

    return convert


def plain(
    prefix: str, left_out: Callable[[str], bool] = lambda name: False
) -> Callable[[Tensors, Shapes], Mapping[str, torch.Tensor]]:
    """Give the converter of a part that has the same names in a file, behind a prefix."""

    def convert(tensors: Tensors, shapes: Shapes) -> Mapping[str, torch.Tensor]:
        bare = {name.removeprefix(prefix): one for name, one in tensors.items()}
        return {name: one for name, one in bare.items() if not left_out(name)}

    return convert


def same(shapes: Shapes) -> dict[str, Shape]:
    """Name tensors as they are named."""
    return dict(shapes)


def is_projection(name: str) -> bool:
    """Say whether a tensor of a CLIP is what FLUX has no use for."""
    return name == "text_projection.weight"


def is_copied(name: str) -> bool:
    """Say whether a tensor of a T5 is the second name of another, or of its decoder."""
    return name == "encoder.embed_tokens.weight" or name.startswith(("decoder.", "lm_head."))


def _named(shapes: Shapes, joins: Joins, rules: Rules) -> dict[str, Shape]:
    left, made = dict(shapes), dict[str, Shape]()
    for pattern, parts, new in joins:
        for name in [one for one in left if re.match(pattern, one)]:
            below = [left.pop(name.replace(parts[0], part)) for part in parts]
            made[re.sub(pattern, new, name)] = (sum(one[0] for one in below), *below[0][1:])
    for name, shape in left.items():
        for pattern, new in rules:
            name = re.sub(pattern, new, name)
        made[name] = shape
    return made
