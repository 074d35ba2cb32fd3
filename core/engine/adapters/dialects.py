"""Dialects: what the authors of FLUX and Stable Diffusion 3 call layers that diffusers splits.

Files of adapters use their names: one layer of theirs may be several of diffusers', side by side in
its rows. Knows names; neither files nor tensors. Underscores stand for dots.
"""

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple


class Place(NamedTuple):
    """Where a layer of a file lies in a network.

    ``names`` are the modules whose weights, one below the other, are the layer's weight. A layer
    that is ``turned`` has its upper half below in the network: shift and scale change places.
    """

    names: tuple[str, ...]
    turned: bool = False


# After what names the block: theirs → diffusers'.
_DOUBLE = {
    "img_attn_qkv": ("attn_to_q", "attn_to_k", "attn_to_v"),
    "txt_attn_qkv": ("attn_add_q_proj", "attn_add_k_proj", "attn_add_v_proj"),
    "img_attn_proj": ("attn_to_out_0",),
    "txt_attn_proj": ("attn_to_add_out",),
    "img_mlp_0": ("ff_net_0_proj",),
    "img_mlp_2": ("ff_net_2",),
    "txt_mlp_0": ("ff_context_net_0_proj",),
    "txt_mlp_2": ("ff_context_net_2",),
    "img_mod_lin": ("norm1_linear",),
    "txt_mod_lin": ("norm1_context_linear",),
}
_XLABS_DOUBLE = {
    "qkv_lora1": _DOUBLE["img_attn_qkv"],
    "qkv_lora2": _DOUBLE["txt_attn_qkv"],
    "proj_lora1": _DOUBLE["img_attn_proj"],
    "proj_lora2": _DOUBLE["txt_attn_proj"],
}
_SINGLE = {
    "linear1": ("attn_to_q", "attn_to_k", "attn_to_v", "proj_mlp"),
    "linear2": ("proj_out",),
    "modulation_lin": ("norm_linear",),
}
_XLABS_SINGLE = {"qkv": ("attn_to_q", "attn_to_k", "attn_to_v"), "proj": ("proj_out",)}
_JOINT = {
    "x_block_attn_qkv": ("attn_to_q", "attn_to_k", "attn_to_v"),
    "x_block_attn_proj": ("attn_to_out_0",),
    "x_block_attn2_qkv": ("attn2_to_q", "attn2_to_k", "attn2_to_v"),
    "x_block_attn2_proj": ("attn2_to_out_0",),
    "x_block_mlp_fc1": ("ff_net_0_proj",),
    "x_block_mlp_fc2": ("ff_net_2",),
    "x_block_adaLN_modulation_1": ("norm1_linear",),
    "context_block_attn_qkv": ("attn_add_q_proj", "attn_add_k_proj", "attn_add_v_proj"),
    "context_block_attn_proj": ("attn_to_add_out",),
    "context_block_mlp_fc1": ("ff_context_net_0_proj",),
    "context_block_mlp_fc2": ("ff_context_net_2",),
    "context_block_adaLN_modulation_1": ("norm1_context_linear",),
}
_BLOCKS: tuple[tuple[re.Pattern[str], str, Mapping[str, tuple[str, ...]]], ...] = (
    (re.compile(r"double_blocks_(\d+)_(.+)"), "transformer_blocks", _DOUBLE | _XLABS_DOUBLE),
    (re.compile(r"single_blocks_(\d+)_(.+)"), "single_transformer_blocks", _SINGLE | _XLABS_SINGLE),
    (re.compile(r"joint_blocks_(\d+)_(.+)"), "transformer_blocks", _JOINT),
)
_OUTSIDE = {
    "img_in": "x_embedder",
    "txt_in": "context_embedder",
    "time_in_in_layer": "time_text_embed_timestep_embedder_linear_1",
    "time_in_out_layer": "time_text_embed_timestep_embedder_linear_2",
    "vector_in_in_layer": "time_text_embed_text_embedder_linear_1",
    "vector_in_out_layer": "time_text_embed_text_embedder_linear_2",
    "guidance_in_in_layer": "time_text_embed_guidance_embedder_linear_1",
    "guidance_in_out_layer": "time_text_embed_guidance_embedder_linear_2",
    "x_embedder_proj": "pos_embed_proj",
    "t_embedder_mlp_0": "time_text_embed_timestep_embedder_linear_1",
    "t_embedder_mlp_2": "time_text_embed_timestep_embedder_linear_2",
    "y_embedder_mlp_0": "time_text_embed_text_embedder_linear_1",
    "y_embedder_mlp_2": "time_text_embed_text_embedder_linear_2",
    "final_layer_linear": "proj_out",
    "final_layer_adaLN_modulation_1": "norm_out_linear",
}
_NUMBERED = re.compile(r"transformer_blocks_(\d+)_")
_ANY_NUMBERED = re.compile(r"(?:single_)?transformer_blocks_(\d+)_")
# Of adapters that widen the network's input by the channels of a picture, and change its norms.
_OF_CONTROL = re.compile(r"(?:query|key)_norm\.scale$")


def place_of(name: str, known: Collection[str]) -> Place | None:
    """Find the modules that a layer of a file is made of; ``None`` for a name that is no dialect.

    :param name: of the layer, without the name of its part.
    :param known: all names of the network's modules, with underscores.
    """
    if name in _OUTSIDE:
        return _there(Place((_OUTSIDE[name],), name.startswith("final_layer_adaLN")), known)
    for pattern, blocks, layers in _BLOCKS:
        found = pattern.fullmatch(name)
        if found and found[2] in layers:
            number = int(found[1])
            names = tuple(f"{blocks}_{number}_{layer}" for layer in layers[found[2]])
            # The last block ends the words' way: its norm shifts and scales as the final one does.
            ends = found[2] == "context_block_adaLN_modulation_1" and number == _last(known)
            return _there(Place(names, ends), known)
    return None


def layers_of(names: Collection[str]) -> dict[str, Place]:
    """Name the layers of a network as its authors do, with the modules that each is made of.

    :param names: of its modules, with dots; what comes out has them, too. Of a network that is
        none of FLUX and Stable Diffusion 3 nothing.
    """
    known = {name.replace(".", "_"): name for name in names}
    flows = "pos_embed_proj" in known  # of Stable Diffusion 3
    own = (
        {"joint_blocks": _JOINT} if flows else {"double_blocks": _DOUBLE, "single_blocks": _SINGLE}
    )
    numbers = {int(found[1]) for name in known if (found := _ANY_NUMBERED.match(name))}
    made = {}
    for number in sorted(numbers if flows or "x_embedder" in known else ()):
        for blocks, layers in own.items():
            for layer in layers:
                name = f"{blocks}_{number}_{layer}"
                if (place := place_of(name, known)) is not None:
                    made[name] = place._replace(names=tuple(known[one] for one in place.names))
    return made


def of_control(names: Collection[str]) -> bool:
    """Say whether tensors are of an adapter that needs a picture as further input channels."""
    return any(_OF_CONTROL.search(name) for name in names)


def _there(place: Place, known: Collection[str]) -> Place | None:
    return place if all(name in known for name in place.names) else None


def _last(known: Collection[str]) -> int:
    return max((int(found[1]) for name in known if (found := _NUMBERED.match(name))), default=-1)
