"""Single files in the layout of Stable Diffusion's first release: what their tensors are called.

A table by family and part: where a part's tensors stand in the file, diffusers' converter for
them, and the names that they have when a folder becomes a file. The names are all that is written
here of the way back; which rows go where is read off the converter (``layouts``), which is run on
these very names: so nothing is written that would not come back as it was.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch

from core.engine.models.original import flow
from core.engine.tasks import originals_flow as newer
from core.engine.tasks.layouts import Shape, Shapes, Tensors

Converted = Mapping[str, torch.Tensor | None]


class Original(NamedTuple):
    """A part of a single file."""

    folder: str  # of the part in diffusers' layout
    prefix: str  # of its tensors in the file
    convert: Callable[[Tensors, Shapes], Converted]  # to diffusers' names
    names: Callable[[Shapes], dict[str, Shape]]  # of the file, without the prefix
    usual: Callable[[str], str] = str  # the name that a folder's tensor has today; "" for none


def _unet(tensors: Tensors, shapes: Shapes) -> Converted:
    from diffusers.loaders.single_file_utils import LDM_UNET_KEY, convert_ldm_unet_checkpoint

    names = {name.removeprefix(LDM_UNET_KEY) for name in tensors}
    halved = (int(found[1]) for name in names if (found := _DOWNSAMPLER.match(name)))
    most = max((int(found[1]) for name in names if (found := _INPUT.match(name))), default=0)
    config = {
        "layers_per_block": min(halved, default=most + 1) - 1,
        "addition_embed_type": "text_time" if "label_emb.0.0.weight" in names else None,
    }
    converted: Converted = convert_ldm_unet_checkpoint(tensors, config)
    return converted


def _vae(tensors: Tensors, shapes: Shapes) -> Converted:
    from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

    blocks = {found[1] for name in tensors if (found := _LEVEL.search(name))}
    config = {"down_block_types": [*blocks], "up_block_types": [*blocks]}
    converted: Converted = convert_ldm_vae_checkpoint(tensors, config)
    return converted


def _clip(tensors: Tensors, shapes: Shapes) -> Converted:
    from diffusers.loaders.single_file_utils import convert_ldm_clip_checkpoint

    converted: Converted = convert_ldm_clip_checkpoint(tensors)
    return converted


def _open_clip(prefix: str) -> Callable[[Tensors, Shapes], Converted]:
    def convert(tensors: Tensors, shapes: Shapes) -> Converted:
        from diffusers.loaders.single_file_utils import convert_open_clip_checkpoint

        width = shapes[f"{prefix}token_embedding.weight"][1]
        config = SimpleNamespace(config=SimpleNamespace(hidden_size=width))
        converted: Converted = convert_open_clip_checkpoint(config, tensors, prefix=prefix)
        return converted

    return convert


_DOWNSAMPLER = re.compile(r"input_blocks\.(\d+)\.0\.op\.weight$")
_INPUT = re.compile(r"input_blocks\.(\d+)\.")
_LEVEL = re.compile(r"encoder\.down\.(\d+)\.")


def _unet_names(shapes: Shapes) -> dict[str, Shape]:
    from diffusers.loaders.single_file_utils import DIFFUSERS_TO_LDM_MAPPING as KNOWN

    whole: dict[str, str] = {**KNOWN["unet"]["layers"], **KNOWN["unet"]["addition_embed_type"]}
    per = 1 + _most(shapes, r"down_blocks\.0\.resnets\.(\d+)\.")  # layers of a block
    attentive = {found[1] for name in shapes if (found := _UP_ATTENTION.match(name))}
    made = {}
    for name, shape in shapes.items():
        other = whole.get(name) or _unet_name(name, per, attentive)
        made[other] = shape
    return made


_UP_ATTENTION = re.compile(r"up_blocks\.(\d+)\.attentions\.")
_LAYER = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions)\.(\d+)\.(.+)")
_RESIZE = re.compile(r"(down|up)_blocks\.(\d+)\.(?:down|up)samplers\.0\.conv\.(.+)")
_MIDDLE = re.compile(r"mid_block\.(resnets|attentions)\.(\d+)\.(.+)")
_RESNET = (
    ("norm1.", "in_layers.0."), ("conv1.", "in_layers.2."), ("norm2.", "out_layers.0."),
    ("conv2.", "out_layers.3."), ("time_emb_proj.", "emb_layers.1."),
    ("conv_shortcut.", "skip_connection."),
)  # fmt: skip


def _unet_name(name: str, per: int, attentive: set[str]) -> str:
    """Give the name that a tensor of a UNet's blocks has in the first release.

    :param per: layers of a block going down; going up there is one more.
    :param attentive: numbers of the blocks with attention that go up.
    """
    if found := _MIDDLE.fullmatch(name):
        kind, number, rest = found.groups()
        if kind == "attentions":
            return f"middle_block.{2 * int(number) + 1}.{rest}"
        return f"middle_block.{2 * int(number)}.{_replaced(rest, _RESNET)}"
    if found := _RESIZE.fullmatch(name):
        way, block, rest = found.groups()
        if way == "down":
            return f"input_blocks.{(int(block) + 1) * (per + 1)}.0.op.{rest}"
        place = 2 if block in attentive else 1
        return f"output_blocks.{int(block) * (per + 1) + per}.{place}.conv.{rest}"
    if found := _LAYER.fullmatch(name):
        way, block, kind, number, rest = found.groups()
        place = int(block) * (per + 1) + int(number) + (way == "down")
        inner = f"0.{_replaced(rest, _RESNET)}" if kind == "resnets" else f"1.{rest}"
        return f"{'input' if way == 'down' else 'output'}_blocks.{place}.{inner}"
    return name  # diffusers' converter will not know it, and so it is noticed


def _vae_names(shapes: Shapes) -> dict[str, Shape]:
    from diffusers.loaders.single_file_utils import DIFFUSERS_TO_LDM_MAPPING as KNOWN

    last = _most(shapes, r"decoder\.up_blocks\.(\d+)\.")
    made = {}
    for name, shape in shapes.items():
        other = KNOWN["vae"].get(name)
        if other is None:
            other = _vae_name(name, last)
        # Linear layers of the attention were convolutions of one pixel.
        within = other.partition(".mid.attn_1.")[2]
        made[other] = (*shape, 1, 1) if within and len(shape) == 2 else shape
    return made


_VAE_LAYER = re.compile(r"(en|de)coder\.(?:down|up)_blocks\.(\d+)\.resnets\.(\d+)\.(.+)")
_VAE_RESIZE = re.compile(r"(en|de)coder\.(?:down|up)_blocks\.(\d+)\.(down|up)samplers\.0\.(.+)")
_VAE_MIDDLE = re.compile(r"((?:en|de)coder)\.mid_block\.resnets\.(\d+)\.(.+)")
_VAE_ATTENTION = re.compile(r"((?:en|de)coder)\.mid_block\.attentions\.0\.(.+)")
_SHORTCUT = (("conv_shortcut.", "nin_shortcut."),)
_ATTENTION = (
    ("group_norm.", "norm."), ("to_q.", "q."), ("to_k.", "k."), ("to_v.", "v."),
    ("to_out.0.", "proj_out."),
)  # fmt: skip


def _vae_name(name: str, last: int) -> str:
    """Give the name that a tensor of an autoencoder's blocks has in the first release.

    :param last: number of the last block going up: those were numbered from the other end.
    """
    if found := _VAE_ATTENTION.fullmatch(name):
        return f"{found[1]}.mid.attn_1.{_replaced(found[2], _ATTENTION)}"
    if found := _VAE_MIDDLE.fullmatch(name):
        return f"{found[1]}.mid.block_{int(found[2]) + 1}.{_replaced(found[3], _SHORTCUT)}"
    if found := _VAE_RESIZE.fullmatch(name):
        side, block, way, rest = found.groups()
        level = int(block) if side == "en" else last - int(block)
        return f"{side}coder.{way}.{level}.{way}sample.{rest}"
    if found := _VAE_LAYER.fullmatch(name):
        side, block, number, rest = found.groups()
        level = int(block) if side == "en" else last - int(block)
        way = "down" if side == "en" else "up"
        return f"{side}coder.{way}.{level}.block.{number}.{_replaced(rest, _SHORTCUT)}"
    return name


_OPEN_CLIP = (
    ("text_model.embeddings.position_embedding.weight", "positional_embedding"),
    ("text_model.embeddings.token_embedding.weight", "token_embedding.weight"),
    ("text_model.final_layer_norm.", "ln_final."),
    ("text_projection.weight", "text_projection"),
    ("text_model.encoder.layers.", "transformer.resblocks."),
)
_OPEN_CLIP_LAYER = (
    (".layer_norm1.", ".ln_1."), (".layer_norm2.", ".ln_2."), (".mlp.fc1.", ".mlp.c_fc."),
    (".mlp.fc2.", ".mlp.c_proj."), (".self_attn.out_proj.", ".attn.out_proj."),
)  # fmt: skip
_JOINED = re.compile(r"(.+)\.self_attn\.q_proj\.(weight|bias)")


def _open_clip_names(shapes: Shapes) -> dict[str, Shape]:
    made: dict[str, Shape] = {}
    for name, shape in shapes.items():
        if re.search(r"\.self_attn\.[kv]_proj\.", name) or name.endswith(".position_ids"):
            continue
        other = _replaced(name, _OPEN_CLIP)
        if found := _JOINED.fullmatch(other):
            made[f"{found[1]}.attn.in_proj_{found[2]}"] = (3 * shape[0], *shape[1:])
        elif other == "text_projection":
            made[other] = (shape[1], shape[0])
        else:
            made[_replaced(other, _OPEN_CLIP_LAYER)] = shape
    return made


def _most(names: Iterable[str], pattern: str) -> int:
    """Give the greatest number that names have at a place."""
    found = re.compile(pattern)
    return max((int(match[1]) for name in names if (match := found.match(name))), default=0)


def _replaced(name: str, pairs: Iterable[tuple[str, str]]) -> str:
    for ours, theirs in pairs:
        if ours in name:
            return name.replace(ours, theirs, 1)
    return name


TEXT = "text_model."  # before the names of a text encoder, but for newer files of transformers
_OLD_ATTENTION = (
    (".query.", ".to_q."), (".key.", ".to_k."), (".value.", ".to_v."),
    (".proj_attn.", ".to_out.0."),
)  # fmt: skip


def _usual_text(name: str) -> str:
    return name if name.startswith((TEXT, "text_projection.")) else f"{TEXT}{name}"


def _usual_vae(name: str) -> str:
    for old, new in _OLD_ATTENTION:
        name = name.replace(old, new)
    return name


def _usual_t5(name: str) -> str:
    return "" if newer.is_copied(name) else name


_UNET = Original("unet", "model.diffusion_model.", _unet, _unet_names)
_VAE = Original("vae", "first_stage_model.", _vae, _vae_names, _usual_vae)


def _text(folder: str, prefix: str, *, is_open: bool) -> Original:
    if is_open:
        return Original(folder, prefix, _open_clip(prefix), _open_clip_names, _usual_text)
    return Original(folder, prefix, _clip, newer.same, _usual_text)


def _transformer(read: Any, names: Callable[[Shapes], dict[str, Shape]]) -> Original:
    return Original("transformer", _DENOISER, newer.denoiser(read, _DENOISER), names)


def _own_clip(folder: str, prefix: str, *, projects: bool) -> Original:
    convert = newer.plain(prefix) if projects else newer.plain(prefix, newer.is_projection)
    return Original(folder, prefix, convert, newer.same, _usual_text)


def _t5(folder: str) -> Original:
    return Original(folder, _T5, newer.plain(_T5, newer.is_copied), newer.same, _usual_t5)


_DENOISER = "model.diffusion_model."
_CLIP_L, _CLIP_G = "text_encoders.clip_l.transformer.", "text_encoders.clip_g.transformer."
_T5 = "text_encoders.t5xxl.transformer."


ORIGINALS: dict[str, tuple[Original, ...]] = {  # family → parts of its single files
    "sd1": (_UNET, _VAE, _text("text_encoder", "cond_stage_model.transformer.", is_open=False)),
    "sd2": (_UNET, _VAE, _text("text_encoder", "cond_stage_model.model.", is_open=True)),
    "sdxl": (
        _UNET,
        _VAE,
        _text("text_encoder", "conditioner.embedders.0.transformer.", is_open=False),
        _text("text_encoder_2", "conditioner.embedders.1.model.", is_open=True),
    ),
    "flux": (
        _transformer(flow.flux, newer.flux_names),
        _VAE._replace(prefix="vae."),
        _own_clip("text_encoder", _CLIP_L, projects=False),
        _t5("text_encoder_2"),
    ),
    "sd3": (
        _transformer(flow.sd3, newer.sd3_names),
        _VAE,
        _own_clip("text_encoder", _CLIP_L, projects=True),
        _own_clip("text_encoder_2", _CLIP_G, projects=True),
        _t5("text_encoder_3"),
    ),
}
