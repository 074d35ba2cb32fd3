"""What is put on a checkpoint: LoRA and its relatives, IP-Adapters, ControlNets, embeddings.

Each function tells one kind from names and shapes, or gives None. A family of "" is one that the
shapes do not tell. Knows the names that kohya, diffusers, PEFT, XLabs, OneTrainer and BFL write.
"""

import re

from core.library import families
from core.library.families import Detected
from core.library.header import Header

_ADAPTER = re.compile(
    r"\.lora_(?:down|up|A|B)\b|\.lora\.(?:down|up)\.|\.lokr_w|\.hada_w|\.dora_scale$|\.diff_b?$"
    r"|_lora\d?\.(?:down|up)\.weight$|\.oft_(?:blocks|diag)"
)
_ONLY = (  # names that only one family has, the most telling first
    (re.compile(r"single_transformer_blocks[._]|double_blocks[._]|single_blocks[._]"), "flux"),
    (re.compile(r"joint_blocks[._]|^lycoris_transformer_blocks_\d+_attn"), "sd3"),
    (re.compile(r"lora_te2_|text_encoder_2\.|add_embedding|label_emb"), "sdxl"),
)  # fmt: skip
_STREAMS = re.compile(
    r"(?:double_blocks|single_blocks|single_transformer_blocks)[._]\d+[._]"
    r"(?:img_attn[._]qkv|linear1|attn[._]to_[qkv])\."
)
_WIDER = {4096: "flux2", 6144: "flux2"}  # the same names, but for what they take
_MIXED = re.compile(  # networks that draw text and picture together: their names are shared
    r"(?:^|[._])transformer_blocks[._](\d+)[._](?:attn|ff_context|norm1_context)[._]"
)
_MIXED_WIDTHS = {1536: ("sd3", 24), 2432: ("sd3", 38), 3072: ("flux", 19)}  # and their blocks
_DEEP = re.compile(  # only one family's attentions have more than one block of transformers
    r"(?:attentions[._]\d|put_blocks[._]\d+[._]1|middle_block[._]1)[._]transformer_blocks[._][1-9]"
)
_CROSS = re.compile(r"attn2[._](?:processor[._])?to_[kv](?:_lora)?\.")
_TEXT = re.compile(r"(?:lora_te_|text_encoder\.).*(?:self_attn[._][kqv]_proj|mlp[._]fc1)\.")
_TEXTS = {768: "sd1", 1024: "sd2"}
_INNER = (  # tensors whose last side is the width of what a layer takes
    "lora_down.weight", "lora_A.weight", "lora.down.weight", "lora_A.default.weight",
    "hada_w1_b", "hada_w2_b", "diff",
)  # fmt: skip
_IP = ("ip_adapter.", "image_proj.", "ip_adapter_proj_model.")
_IP_WIDTHS = {4096: "flux", 3072: "flux", 2432: "sd3", 1536: "sd3"}
_HINTS = ("control_model.", "controlnet_cond_embedding.", "input_hint_block.", "lora_controlnet")


def lora(header: Header) -> Detected | None:
    """Tell an adapter of layers, of any dialect."""
    names = [name for name in header.tensors if _ADAPTER.search(name)]
    if not names:
        return None
    for pattern, family in _ONLY:
        if any(pattern.search(name) for name in header.tensors):
            return Detected("lora", _wider(header, names) or family)
    mixed = _mixed(header, names)
    if mixed is not None:
        return Detected("lora", mixed)
    cross = {_taken(header, name) for name in names if _CROSS.search(name)}
    family = families.of_widths(cross)
    if family:
        return Detected("lora", family)
    if any(_DEEP.search(name) for name in names):
        return Detected("lora", "sdxl")
    texts = {_taken(header, name) for name in names if _TEXT.search(name)} & _TEXTS.keys()
    return Detected("lora", _TEXTS[texts.pop()] if len(texts) == 1 and not cross else "")


def ip_adapter(header: Header) -> Detected | None:
    """Tell an adapter for pictures as prompts."""
    found = {}
    for name, tensor in header.tensors.items():
        if name.endswith(("to_k_ip.weight", "ip_adapter_double_stream_k_proj.weight")):
            found[name] = tensor.shape[-1] if tensor.shape else 0
    if not found and not any(name.startswith(_IP) for name in header.tensors):
        return None
    if any("double_stream" in name for name in found):
        return Detected("ip_adapter", "flux")
    widths = set(found.values())
    family = families.of_widths(widths)
    if not family and len(widths) == 1:
        family = _IP_WIDTHS.get(widths.pop(), "")
    return Detected("ip_adapter", family, _sight(header))


def controlnet(header: Header) -> Detected | None:
    """Tell a network that steers another by a picture."""
    names = header.tensors
    union = any(
        name.startswith(("control_add_embedding.", "controlnet_mode_embedder.", "task_embedding"))
        for name in names
    )
    edition = "union" if union else ""
    if any(name.startswith("controlnet_blocks.") for name in names):
        mixed = "pos_embed.proj.weight" in names or "pos_embed_input.proj.weight" in names
        return Detected("controlnet", "sd3" if mixed else "flux", edition)
    if not any(name.startswith(_HINTS) for name in names):
        return None
    if "lora_controlnet" in names:
        return Detected("controlnet", "sdxl" if _labelled(header) else "sd1", "lora")
    widths = families.context_widths(header)
    if not widths and _labelled(header):  # a small one of it has no attention at all
        return Detected("controlnet", "sdxl", edition)
    if any(name.startswith("double_blocks.") for name in names):
        return Detected("controlnet", "flux", edition)
    return Detected("controlnet", families.of_widths(widths), edition)


def steering(header: Header) -> Detected | None:
    """Tell what steers in ways that nothing here draws with: so that it is not taken for more."""
    names = header.tensors
    if any(name.startswith("lllite_") for name in names):
        return Detected("other", "", "controllllite")
    if any(name.startswith(("adapter.body.", "body.0.block1.", "body.0.in_conv.")) or
           name.startswith("adapter.conv_in.") for name in names):  # fmt: skip
        return Detected("other", "", "t2i-adapter")
    if any("motion_modules." in name for name in names):
        return Detected("other", "", "motion")
    return None


def embedding(header: Header) -> Detected | None:
    """Tell tokens that were learned: their width is that of the text."""
    names = header.tensors
    if {"clip_l", "clip_g"} <= names.keys():
        return Detected("embedding", "sdxl")
    shape = header.shape("emb_params")
    if shape:
        return Detected("embedding", families.CONTEXT_FAMILIES.get(shape[-1], ""))
    if len(names) == 1:
        (only,) = names.values()
        shape = only.shape
    if len(shape) not in (1, 2):
        return None
    if shape[-1] not in families.CONTEXT_FAMILIES:
        # Of a width that nobody else trains for; it says itself what it is.
        told = header.metadata.get("modelspec.architecture", "").endswith("/textual-inversion")
        return Detected("embedding", "") if told else None
    return Detected("embedding", families.CONTEXT_FAMILIES[shape[-1]])


def _wider(header: Header, names: list[str]) -> str:
    """Name the family that shares its names with another, and is wider; empty for that other."""
    widths = {_taken(header, name) for name in names if _STREAMS.search(name)} & _WIDER.keys()
    return _WIDER[widths.pop()] if len(widths) == 1 else ""


def _mixed(header: Header, names: list[str]) -> str | None:
    """Name the family of an adapter for a network that draws text and picture together."""
    blocks = {name: int(found[1]) for name in names if (found := _MIXED.search(name))}
    if not blocks:
        return None
    widths = {
        _taken(header, name) for name in blocks
        if re.search(r"attn[._](?:add_[kqv]_proj|to_[kqv])\.", name)
    } & _MIXED_WIDTHS.keys()  # fmt: skip
    if len(widths) != 1:
        return ""
    family, depth = _MIXED_WIDTHS[widths.pop()]
    return family if max(blocks.values()) < depth else ""


def _taken(header: Header, name: str) -> int:
    """Give the width of what an adapted layer takes, as one of its tensors tells; 0 for none."""
    shape = header.shape(name)
    if name.endswith(_INNER) and len(shape) >= 2:
        return shape[1] if len(shape) == 4 else shape[-1]
    module, _, part = name.rpartition(".")
    if part not in ("lokr_w2", "lokr_w2_b") or len(shape) < 2:
        return 0
    outer = header.shape(f"{module}.lokr_w1") or header.shape(f"{module}.lokr_w1_b")
    return outer[-1] * shape[1] if len(outer) == 2 else 0


def _labelled(header: Header) -> bool:
    return any(name.startswith("add_embedding.") or "label_emb." in name for name in header.tensors)


def _sight(header: Header) -> str:
    """Name the way in which an adapter sees its picture."""
    names = header.tensors
    if any(name.startswith("ip_adapter.0.to_q_lora") for name in names):
        return "faceid"
    if "image_proj.latents" in names:
        return "plus"
    return "full" if "image_proj.ff.net.0.proj.weight" in names else ""
