"""What a model file is: kind and family, told from tensor names and shapes.

The file's own name is never asked. Families are rows in tables. Knows no weights and no folders.
"""

import re
from collections.abc import Callable

from msgspec import Struct

from core.library.header import Header
from core.records.model import ModelKind

UNKNOWN = "unknown"

CONTEXT_FAMILIES = {768: "sd1", 1024: "sd2", 1280: "sdxl-refiner", 2048: "sdxl"}
_PREFIX = "model.diffusion_model."
_CONTEXT = re.compile(r"attn2[._]to_k[._](?:lora_down\.|lora_A\.|lora\.down\.)?weight$")
_ADAPTER = re.compile(
    r"\.lora_(?:down|up|A|B)\b|\.lora\.(?:down|up)\.|\.lokr_w|\.hada_w|\.dora_scale$|\.diff_b?$"
    r"|_lora\d?\.(?:down|up)\.weight$"
)
_ADAPTER_FAMILIES = (  # names that only one family has, the most telling first
    (re.compile(r"single_transformer_blocks[._]|double_blocks[._]|single_blocks[._]"), "flux"),
    (re.compile(r"joint_blocks[._]|(?:^|[._])transformer_blocks[._]\d+[._]attn[._]add_"), "sd3"),
    (re.compile(r"lora_te2_|text_encoder_2\.|add_embedding|label_emb"), "sdxl"),
)
_UPSCALERS = (  # names that are all there, the first of them a matrix or a convolution
    ("conv_first.weight",), ("model.0.weight",), ("body.0.rdb1.conv1.weight",),
    ("layers.0.residual_group.blocks.0.attn.qkv.weight",), ("params_ema.conv_first.weight",),
    ("conv_first.1.weight",), ("body.0.weight", "body.1.weight", "body.2.weight"),
    ("conv_1.sk.weight", "upsampler.0.weight"), ("feats.0.weight", "feats.1.refine.weight"),
    ("gblocks.0.weight", "gblocks.1.conv.weight"), ("in_to_dim.weight", "blocks.0.blocks.0.gamma"),
    ("to_feat.weight", "to_img.0.weight"), ("to_feat.1.weight", "to_img.0.weight"),
    ("input.weight", "residual_layer.0.residual_layer.0.layer.0.fn.0.weight"),
    ("initial.cnn.depthwise.weight", "final_conv.pointwise.weight"),
    ("unet1.conv1.conv.0.weight", "unet2.conv1.conv.0.weight"), ("m_head.weight", "m_tail.weight"),
    ("m_head.0.weight", "m_tail.0.weight"), ("intro.weight", "ending.weight"),
    ("tail.1.weight", "body.0.body.0.body.0.weight"), ("sft.weight", "conv_after_body.weight"),
    ("fea_conv.weight", "B1.body.0.transformer_body.0.blocks.0.attn.qkv.weight"),
    ("conv_1.weight", "body.0.local_block.norm_1.weight"),
    ("mid_attn.layers.0.0.to_out.weight", "final_res_block.block1.proj.weights"),
    ("toRGB.0.weight", "stylegan_decoder.style_mlp.1.weight"),
)  # fmt: skip
_ARCHITECTURES = (  # metadata of the trainers, where shapes do not tell
    ("stable-diffusion-xl", "sdxl"), ("sdxl", "sdxl"), ("stable-diffusion-v1", "sd1"),
    ("sd_v1", "sd1"), ("stable-diffusion-v2", "sd2"), ("sd_v2", "sd2"),
    ("stable-diffusion-3", "sd3"), ("flux", "flux"),
)  # fmt: skip


class Detected(Struct, frozen=True):
    """What a file or folder was found to be."""

    kind: ModelKind
    family: str


def detect(header: Header) -> Detected:
    """Tell kind and family of a single file; ``other`` and ``unknown`` where nothing fits."""
    for tell in _TELLS:
        found = tell(header)
        if found is not None:
            return Detected(found.kind, found.family or _from_metadata(header))
    return Detected("other", UNKNOWN)


# Each tells one kind, or None. A family of "" is one that the shapes do not tell.
def _adapter(header: Header) -> Detected | None:
    names = [name for name in header.tensors if _ADAPTER.search(name)]
    if not names:
        return None
    for pattern, family in _ADAPTER_FAMILIES:
        if any(pattern.search(name) for name in header.tensors):
            return Detected("lora", family)
    widths = {
        shape[-1]
        for name in names
        if _CONTEXT.search(name) and len(shape := header.tensors[name].shape) >= 2
    }
    return Detected("lora", _family_of(widths))


def _ip_adapter(header: Header) -> Detected | None:
    if not any(name.startswith(("ip_adapter.", "image_proj.")) for name in header.tensors):
        return None
    widths = {
        tensor.shape[-1]
        for name, tensor in header.tensors.items()
        if name.endswith("to_k_ip.weight") and len(tensor.shape) == 2
    }
    return Detected("ip_adapter", _family_of(widths))


def _controlnet(header: Header) -> Detected | None:
    marks = ("control_model.", "controlnet_cond_embedding.", "input_hint_block.")
    if not any(name.startswith(marks) for name in header.tensors):
        return None
    return Detected("controlnet", _family_of(_context_widths(header)))


def _checkpoint(header: Header) -> Detected | None:
    names = header.tensors
    for prefix in (_PREFIX, ""):
        if f"{prefix}double_blocks.0.img_attn.qkv.weight" in names:
            return Detected("checkpoint", "flux")
        if f"{prefix}joint_blocks.0.context_block.attn.qkv.weight" in names:
            return Detected("checkpoint", "sd3")
        if f"{prefix}input_blocks.0.0.weight" in names:
            return Detected("checkpoint", _family_of(_context_widths(header)))
    return None


def _embedding(header: Header) -> Detected | None:
    if {"clip_l", "clip_g"} <= header.tensors.keys():
        return Detected("embedding", "sdxl")
    shape = header.shape("emb_params")
    if not shape and len(header.tensors) == 1:
        (only,) = header.tensors.values()
        shape = only.shape
    if len(shape) not in (1, 2) or shape[-1] not in (768, 1024):
        return None
    return Detected("embedding", CONTEXT_FAMILIES[shape[-1]])


def _vae(header: Header) -> Detected | None:
    for prefix in ("", "first_stage_model.", "vae."):
        shape = header.shape(f"{prefix}decoder.conv_in.weight")
        if len(shape) == 4 and f"{prefix}encoder.conv_in.weight" in header.tensors:
            return Detected("vae", "")
    return None


def _upscaler(header: Header) -> Detected | None:
    for names in _UPSCALERS:
        if len(header.shape(names[0])) in (2, 4) and header.tensors.keys() >= set(names):
            return Detected("upscaler", "")
    return None


_TELLS: tuple[Callable[[Header], Detected | None], ...] = (
    _adapter, _ip_adapter, _controlnet, _checkpoint, _embedding, _vae, _upscaler,
)  # fmt: skip


def _context_widths(header: Header) -> set[int]:
    """Collect the widths of the text that cross-attention reads."""
    return {
        tensor.shape[-1]
        for name, tensor in header.tensors.items()
        if name.endswith("attn2.to_k.weight") and len(tensor.shape) == 2
    }


def _family_of(widths: set[int]) -> str:
    found = {CONTEXT_FAMILIES[width] for width in widths if width in CONTEXT_FAMILIES}
    return found.pop() if len(found) == 1 else ""


def _from_metadata(header: Header) -> str:
    said = " ".join(
        header.metadata.get(name, "")
        for name in ("modelspec.architecture", "ss_base_model_version", "ss_sd_model_name")
    ).lower()
    return next((family for mark, family in _ARCHITECTURES if mark in said), UNKNOWN)
