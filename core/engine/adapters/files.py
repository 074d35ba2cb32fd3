"""Files of adapters: which of their tensors change which layer of a network, whatever the names.

Reads the names of kohya (``lora_unet_…``), of diffusers old and new, of peft, of LyCORIS, XLabs and
OneTrainer. Knows neither formulas (``deltas``) nor networks, but for the names of their layers.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from msgspec import Struct, structs
from safetensors import SafetensorError, safe_open

from core.engine.adapters import dialects
from core.engine.adapters.fused import Share
from core.engine.models.families import MODEL, TEXT_ENCODER, TEXT_ENCODER_2, TEXT_ENCODER_3
from core.errors import ModelUnreadable

Tensors = dict[str, torch.Tensor]  # role → tensor: "down", "lokr_w1", …

_NAMED = r"(?:\.(?!weight|bias)\w+)?"  # peft puts the name of the adapter there
_ROLES = tuple(
    (re.compile(rf"(?:{pattern})$"), role)
    for pattern, role in (
        (rf"\.lora_(?:down|A{_NAMED})\.weight|[._]lora(?:_linear_layer)?\.down\.weight", "down"),
        (rf"\.lora_(?:up|B{_NAMED})\.weight|[._]lora(?:_linear_layer)?\.up\.weight", "up"),
        (r"(?<=_lora[12])\.down\.weight", "down"),
        (r"(?<=_lora[12])\.up\.weight", "up"),
        (r"\.lora_mid\.weight", "mid"),
        (rf"\.lora_up\.bias|\.lora_B{_NAMED}\.bias", "bias"),
        (r"\.alpha|_lora\.alpha", "alpha"),
        (rf"\.lora_magnitude_vector{_NAMED}(?:\.weight)?", "magnitude"),
        (r"\.dora_scale", "dora_scale"),
        (r"\.(?P<role>hada_(?:w[12]_[ab]|t[12]))", ""),
        (r"\.(?P<role>lokr_(?:w[12](?:_[ab])?|t2))", ""),
        (r"\.(?:diff|w_norm)", "diff"),
        (r"\.(?:diff_b|b_norm)", "diff_b"),
    )
)  # fmt: skip
_PARTS = (  # how the names of a part begin, the longer first
    ("lora_unet_", MODEL), ("lycoris_", MODEL), ("unet.", MODEL), ("diffusion_model.", MODEL),
    ("lora_te1_", TEXT_ENCODER), ("lora_te_", TEXT_ENCODER), ("text_encoder.", TEXT_ENCODER),
    ("lora_te2_", TEXT_ENCODER_2), ("text_encoder_2.", TEXT_ENCODER_2),
    ("lora_te3_", TEXT_ENCODER_3), ("text_encoder_3.", TEXT_ENCODER_3),
    ("lora_transformer_", MODEL), ("transformer.", MODEL),
    ("text_encoders.clip_l.transformer.", TEXT_ENCODER),
    ("text_encoders.clip_g.transformer.", TEXT_ENCODER_2),
    ("text_encoders.t5xxl.transformer.", TEXT_ENCODER_3),
)  # fmt: skip
_FOLDERS = {
    "unet": MODEL, "transformer": MODEL, TEXT_ENCODER: TEXT_ENCODER,
    TEXT_ENCODER_2: TEXT_ENCODER_2, TEXT_ENCODER_3: TEXT_ENCODER_3,
}  # fmt: skip
_OF_TEXT = re.compile(r"(?:^|[._])(?:text_model|self_attn|token_embedding)[._]")
_OLD_TEXT = re.compile(r"self_attn_to_(q|k|v|out)$")
_SGM = re.compile(r"^(?:input_blocks|middle_block|output_blocks)_")
_SGM_LAYERS = (  # what the converter leaves as it is
    ("input_blocks_", "down_blocks_"), ("middle_block_", "mid_block_"),
    ("output_blocks_", "up_blocks_"),
    ("in_layers_2", "conv1"), ("out_layers_3", "conv2"), ("emb_layers_1", "time_emb_proj"),
    ("skip_connection", "conv_shortcut"), ("downsamplers_0_op", "downsamplers_0_conv"),
)  # fmt: skip


class Layer(Struct, frozen=True, kw_only=True):
    """The tensors of a file that change one layer: role → name in the file."""

    name: str  # underscores for dots, without the name of the part
    names: dict[str, str]
    share: Share | None = None  # of a module that has only some rows of it


class AdapterFile:
    """An adapter's file, opened: a context manager, since its tensors are read one by one.

    :raises ModelUnreadable: when it cannot be read, or changes nothing that we know.
    """

    def __init__(self, path: str) -> None:
        self.name = Path(path).stem
        try:
            opened: Any = safe_open(path, framework="pt")
            self._file = opened
            self._known = _settings(opened.metadata() or {})
            names = list(opened.keys())
        except (OSError, SafetensorError, ValueError) as error:
            raise self.unreadable(str(error)) from error
        if dialects.of_control(names):
            raise ModelUnreadable("adapter_control", model=self.name)
        self._parts: dict[str, dict[str, Layer]] = {}
        for name in names:
            if (found := _role(name)) is not None:
                self._add(name, *found)
        if not self._parts:
            raise ModelUnreadable("adapter_unsupported", model=self.name)

    def layers(self, part: str) -> list[Layer]:
        """List the layers of a part that the file changes, in the order of their names."""
        found = self._parts.get(part, {})
        return [found[name] for name in sorted(found)]

    def tensors(self, layer: Layer) -> Tensors:
        """Read the tensors of a layer into RAM, in the format they are stored in."""
        return {role: self._file.get_tensor(name) for role, name in layer.names.items()}

    def scale(self, part: str, layer: Layer, tensors: Tensors, rank: int | None) -> float:
        """Give what a change of this rank is multiplied with: alpha by rank, 1 if neither is known.

        :raises ModelUnreadable: when it is no number.
        """
        told = self._known.get(part, {})
        alpha = tensors.get("alpha")
        scale = 1.0
        if rank and alpha is not None and alpha.numel() == 1:
            scale = float(alpha) / rank
        elif rank and (given := _of_pattern(told, layer.name)) is not None:
            scale = given / (rank**0.5 if told.get("use_rslora") else rank)
        if not abs(scale) < 1e12:  # NaN as well
            raise self.unreadable(f"{layer.name} has no number as its alpha")
        return scale

    def unreadable(self, reason: str) -> ModelUnreadable:
        """Make the error that says what is wrong with the file."""
        return ModelUnreadable(model=self.name, reason=reason[:500])

    def _add(self, name: str, role: str, stem: str) -> None:
        part, layer = _place(stem)
        layers = self._parts.setdefault(part, {})
        layers.setdefault(layer, Layer(name=layer, names={})).names[role] = name


class Names:
    """The layers of a network, found by what files call them.

    :param names: of the network's modules that have a weight, with dots.
    :param per_block: layers in each block of a UNet, 0 for a network that is none.
    """

    def __init__(self, names: Collection[str], per_block: int = 0) -> None:
        self._names = {name.replace(".", "_").removeprefix("text_model_"): name for name in names}
        self._per_block = per_block

    def find(self, layers: Collection[Layer]) -> Iterator[tuple[str, Layer]]:
        """Give the module's name for each layer that is there, and leave out those that are not."""
        renamed = self._from_sgm([layer.name for layer in layers])
        for layer in layers:
            name = renamed.get(layer.name, layer.name)
            found = self._names.get(name) or self._names.get(f"{name}_0")
            if found is not None:
                yield found, layer
            elif place := dialects.place_of(layer.name, self._names.keys()):
                names = tuple(self._names[one] for one in place.names)
                for at, own in enumerate(names):
                    share = Share(names, at, place.turned)
                    yield own, structs.replace(layer, share=share)

    def _from_sgm(self, names: Collection[str]) -> Mapping[str, str]:
        """Translate the names of Stability's own code, by diffusers' converter."""
        from diffusers.loaders.lora_conversion_utils import _maybe_map_sgm_blocks_to_diffusers

        given: dict[str, Any] = {f"lora_unet_{name}": name for name in names if _SGM.match(name)}
        if not given or not self._per_block:
            return {}
        try:
            config = SimpleNamespace(layers_per_block=self._per_block)
            found = _maybe_map_sgm_blocks_to_diffusers(given, config)
        except (ValueError, IndexError, KeyError):
            return {}
        renamed = {}
        for made, name in found.items():
            for theirs, ours in _SGM_LAYERS:
                made = made.replace(theirs, ours)
            renamed[name] = made.removeprefix("lora_unet_")
        return renamed


def _role(name: str) -> tuple[str, str] | None:
    """Give the role of a tensor, and its name without what says so."""
    for pattern, role in _ROLES:
        if found := pattern.search(name):
            return role or found["role"], name[: found.start()]
    return None


def _place(stem: str) -> tuple[str, str]:
    """Give the part, and the name of the layer in it."""
    stem = stem.removeprefix("base_model.model.")
    start, part = next(
        (row for row in _PARTS if stem.startswith(row[0])),
        ("", TEXT_ENCODER if _OF_TEXT.search(stem) else MODEL),
    )
    name = stem[len(start) :].removeprefix("base_model.model.")
    name = name.replace(".processor.", ".").replace(".", "_")
    if part != MODEL:
        name = name.removeprefix("text_model_")
        name = _OLD_TEXT.sub(r"self_attn_\1_proj", name)
    return part, name


def _settings(metadata: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Read what diffusers stores of peft's settings, by part."""
    try:
        decoded = json.loads(metadata.get("lora_adapter_metadata", "{}"))
    except (ValueError, RecursionError):
        return {}
    found: dict[str, dict[str, Any]] = {}
    for name, value in decoded.items() if isinstance(decoded, dict) else ():
        folder, _, setting = name.partition(".")
        part = _FOLDERS.get(folder)
        if part is not None:
            found.setdefault(part, {})[setting] = value
    return found


def _of_pattern(told: Mapping[str, Any], layer: str) -> float | None:
    """Give the alpha of a layer: of the pattern that its name ends in, else the one of all."""
    patterns = told.get("alpha_pattern")
    alpha = told.get("lora_alpha")
    for name, value in patterns.items() if isinstance(patterns, dict) else ():
        if layer.endswith(str(name).strip("^$").replace("\\", "").replace(".", "_")):
            alpha = value
            break
    plain = isinstance(alpha, int | float) and not isinstance(alpha, bool)
    return float(alpha) if plain and alpha is not None else None
