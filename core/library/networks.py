"""Whole networks: what draws, what reads prompts, what sees pictures, what codes latents.

Each function tells one kind from names and shapes, or gives None. Knows original and diffusers'
names. A family of "" is one that the shapes do not tell.
"""

from core.library import families
from core.library.families import Detected
from core.library.header import Header

_PREFIXES = ("model.diffusion_model.", "", "diffusion_model.", "transformer.", "unet.")
_VAES = ("", "first_stage_model.", "vae.")
_UNETS = {4: "", 5: "depth", 8: "edit", 9: "inpaint"}  # channels that go in → edition
_FLUXES = {64: "", 128: "control", 384: "fill"}
_OTHERS = (  # a name that only this family has; it is told before what it resembles
    ("single_stream_modulation.lin.weight", "flux2"),
    ("single_stream_modulation.linear.weight", "flux2"),
    ("distilled_guidance_layer.in_proj.bias", "chroma"),
    ("txt_norm.weight", "qwen-image"),
    ("cap_embedder.0.weight", "lumina"),
    ("head.modulation", "wan"),
    ("txt_in.individual_token_refiner.blocks.0.adaLN_modulation.1.bias", "hunyuan"),
    ("blocks.0.cross_attn.q_linear.weight", "sana"),
    ("double_layers.0.attn.w2q.weight", "auraflow"),
    ("patchify_proj.weight", "ltx"),
)
_TINY = (  # first convolution of the decoder, and of its first block
    ("decoder.layers.0.weight", "decoder.layers.2.conv.0.weight"),
    ("decoder.1.weight", "decoder.3.conv.0.weight"),
    ("1.weight", "3.conv.0.weight"),
)
_ENCODERS = {768: "clip-l", 1024: "clip-h", 1280: "clip-g"}  # width → edition


def drawing(header: Header) -> Detected | None:
    """Tell a checkpoint, or the network alone that draws in it."""
    for prefix in _PREFIXES:
        for name, family in _OTHERS:
            if f"{prefix}{name}" in header.tensors:
                return Detected("checkpoint", family)
        found = _flux(header, prefix) or _sd3(header, prefix) or _unet(header, prefix)
        if found is not None:
            return found
    return None


def vae(header: Header) -> Detected | None:
    """Tell a coder of latents: that of any family, or a tiny one."""
    for prefix in _VAES:
        shape = header.shape(f"{prefix}decoder.conv_in.weight")
        if len(shape) == 4 and f"{prefix}encoder.conv_in.weight" in header.tensors:
            return Detected("vae", "", f"{shape[1]}ch")
    for first, block in _TINY:
        shape = header.shape(first)
        if len(shape) == 4 and shape[1] in (4, 16) and len(header.shape(block)) == 4:
            return Detected("vae", "", f"tiny {shape[1]}ch")
    return None


def clip_vision(header: Header) -> Detected | None:
    """Tell an encoder of pictures, one that reads texts beside included."""
    for name in header.tensors:
        if name.endswith("vision_model.embeddings.patch_embedding.weight"):
            siglip = "vision_model.head.probe" in header.tensors
            return Detected("clip_vision", "", "siglip" if siglip else _seen(header, name))
        if name.endswith("visual.conv1.weight") and len(header.shape(name)) == 4:
            return Detected("clip_vision", "", _seen(header, name))
    return None


def text_encoder(header: Header) -> Detected | None:
    """Tell an encoder of prompts alone: CLIP in three sizes, T5."""
    for name, tensor in header.tensors.items():
        if len(tensor.shape) != 2:
            continue
        if name.endswith("token_embedding.weight"):
            return Detected("text_encoder", "", _ENCODERS.get(tensor.shape[1], "clip"))
    for name in ("encoder.block.0.layer.0.SelfAttention.q.weight", "enc.blk.0.attn_q.weight"):
        for prefix in ("", "t5xxl.transformer.", "text_encoder_2."):
            shape = header.shape(prefix + name)
            if len(shape) == 2:
                return Detected("text_encoder", "", "t5-xxl" if shape[-1] == 4096 else "t5")
    return None


def _flux(header: Header, prefix: str) -> Detected | None:
    names = header.tensors
    if f"{prefix}double_blocks.0.img_attn.qkv.weight" in names:
        taken, guided = header.shape(f"{prefix}img_in.weight"), f"{prefix}guidance_in."
    elif (
        f"{prefix}single_transformer_blocks.0.proj_mlp.weight" in names
        and f"{prefix}transformer_blocks.0.attn.add_k_proj.weight" in names
    ):
        taken = header.shape(f"{prefix}x_embedder.weight")
        guided = f"{prefix}time_text_embed.guidance_embedder."
    else:
        return None
    edition = _FLUXES.get(taken[1], "") if len(taken) == 2 else ""
    if not edition:
        edition = "dev" if any(name.startswith(guided) for name in names) else "schnell"
    return Detected("checkpoint", "flux", edition)


def _sd3(header: Header, prefix: str) -> Detected | None:
    names = header.tensors
    original = f"{prefix}joint_blocks.0.context_block.attn.qkv.weight" in names
    ours = (
        f"{prefix}transformer_blocks.0.attn.add_k_proj.weight" in names
        and f"{prefix}pos_embed.proj.weight" in names
    )
    if not original and not ours:
        return None
    block = f"{prefix}joint_blocks." if original else f"{prefix}transformer_blocks."
    if any(name.startswith(f"{block}37.") for name in names):
        return Detected("checkpoint", "sd3", "3.5-large")
    both = ("x_block.attn2.qkv.weight",) if original else ("attn2.to_q.weight",)
    twice = any(f"{block}0.{name}" in names for name in both)
    return Detected("checkpoint", "sd3", "3.5-medium" if twice else "medium")


def _unet(header: Header, prefix: str) -> Detected | None:
    for first, clock in (
        ("input_blocks.0.0.weight", "time_embed.0.weight"),
        ("conv_in.weight", "time_embedding.linear_1.weight"),
    ):
        shape = header.shape(prefix + first)
        if len(shape) != 4:
            continue
        if first != "conv_in.weight" or prefix + clock in header.tensors:
            family = families.of_widths(families.context_widths(header))
            return Detected("checkpoint", family, _UNETS.get(shape[1], ""))
    return None


def _seen(header: Header, name: str) -> str:
    """Name an encoder of pictures by its width."""
    return {768: "vit-b", 1024: "vit-l", 1280: "vit-h", 1664: "vit-g"}.get(
        header.shape(name)[0] if header.shape(name) else 0, ""
    )
