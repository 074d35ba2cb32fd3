"""Targets: which layers of a network get small matrices, and which of an encoder are read at all.

A table by the network's class; names are those of diffusers and transformers.
"""

import re
from collections.abc import Mapping

from torch import nn

from core.engine.models import towers
from core.engine.models.families import Family
from core.errors import ModelUnreadable
from core.records.recipe import Targets

_UNET = r"(?:down_blocks|mid_block|up_blocks)\..*"
_UNET_ATTENTION = r".*\.attn[12]\.(?:to_[qkv]|to_out\.0)"
_MIXED = r"(?:single_)?transformer_blocks\.\d+\."
_MIXED_ATTENTION = (
    _MIXED + r"attn2?\.(?:to_[qkv]|to_out\.0|add_[qkv]_proj|to_add_out)"
)  # of pictures and of words
_MIXED_FORWARD = _MIXED + r"(?:ff(?:_context)?\.net\.(?:0\.proj|2)|proj_mlp|proj_out)"
_CLIP = r"(?:text_model\.)?encoder\.layers\.\d+\."
_CLIP_ATTENTION = _CLIP + r"self_attn\.(?:[qkv]|out)_proj"
_CLIP_FORWARD = _CLIP + r"mlp\.fc[12]"

_OF_UNET: Mapping[Targets, str] = {
    "attention": _UNET_ATTENTION,
    "attention_feed_forward": _UNET_ATTENTION + r"|.*\.ff\.net\.(?:0\.proj|2)",
    "all": _UNET,
}
_OF_MIXED: Mapping[Targets, str] = {
    "attention": _MIXED_ATTENTION,
    "attention_feed_forward": _MIXED_ATTENTION + "|" + _MIXED_FORWARD,
    "all": _MIXED + ".*",
}
_OF_CLIP: Mapping[Targets, str] = {
    "attention": _CLIP_ATTENTION,
    "attention_feed_forward": _CLIP_ATTENTION + "|" + _CLIP_FORWARD,
    "all": _CLIP_ATTENTION + "|" + _CLIP_FORWARD,
}
TARGETS: Mapping[str, Mapping[Targets, str]] = {
    "UNet2DConditionModel": _OF_UNET,
    "FluxTransformer2DModel": _OF_MIXED,
    "SD3Transformer2DModel": _OF_MIXED,
    "CLIPTextModel": _OF_CLIP,
    "CLIPTextModelWithProjection": _OF_CLIP,
}


def layers(network: nn.Module, targets: Targets, unread: "re.Pattern[str] | None") -> list[str]:
    """Name the layers of a network that get small matrices, in its order.

    :raises ModelUnreadable: family_unsupported for a network of a class that is not in the table.
    """
    kind = type(network).__name__
    if kind not in TARGETS:
        raise ModelUnreadable("family_unsupported", model=kind, family=kind)
    wanted = re.compile(TARGETS[kind][targets])
    return [
        name
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d)
        and wanted.fullmatch(name)
        and not (unread and unread.match(name))
    ]


def trained_encoders(family: Family, present: Mapping[str, nn.Module]) -> list[str]:
    """Name the text encoders that can be trained: those of CLIP, in the order they are read."""
    return [
        tower.part
        for tower in family.towers
        if tower.part in present and family.parts[tower.part].tokens == "CLIPTokenizer"
    ]


def unread(family: Family, part: str, encoder: nn.Module) -> "re.Pattern[str] | None":
    """Give what of an encoder never comes to bear, since an earlier layer of it is read."""
    tower = next(tower for tower in family.towers if tower.part == part)
    if tower.read is not towers.penultimate or hasattr(encoder, "text_projection"):
        return None
    config = encoder.config
    last = int(getattr(config, "num_hidden_layers", 0)) - 1
    return re.compile(rf"(?:text_model\.)?(?:encoder\.layers\.{last}\.|final_layer_norm\.)")
