"""Small matrices under the names of peft, as diffusers' ``load_lora_weights`` opens them.

Alpha becomes part of the matrices, so no settings are needed beside them. The names of the base's
layers come from its file, whatever its layout.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch

from core.engine.adapters import fused
from core.engine.adapters.deltas import rank_of
from core.engine.adapters.files import AdapterFile, Layer, Names
from core.engine.models.families import family_of
from core.engine.tasks.parts import Checkpoint
from core.errors import ModelUnreadable

_ROLES = {"down": "lora_A.weight", "up": "lora_B.weight"}
_INNER = "text_model."

Tensors = dict[str, torch.Tensor]


class _Part(NamedTuple):
    """The layers of a part: rows and shape of each by its name."""

    folder: str
    shapes: Mapping[str, tuple[int, ...]]

    @property
    def names(self) -> Names:
        levels = [name.split(".") for name in self.shapes]
        first = [one[3] for one in levels if one[:3] == ["down_blocks", "0", "resnets"]]
        return Names(self.shapes.keys(), 1 + max(map(int, first), default=-1))


def renamed(file: AdapterFile, checkpoint: Checkpoint, family: str) -> Tensors:
    """Give the tensors of an adapter as diffusers saves them.

    :raises ModelUnreadable: ``adapter_misfit`` when it was made for other networks;
        ``adapter_unsupported`` for a kind that peft has no names for.
    """
    made: Tensors = {}
    found = {one.folder: one.tensors for one in checkpoint.parts}
    for part, row in family_of(family).parts.items():
        layers = file.layers(part)
        if not layers or row.folder not in found:
            continue
        shapes = {
            name.removesuffix(".weight"): lazy.shape
            for name, lazy in found[row.folder].items()
            if name.endswith(".weight")
        }
        made |= _part(file, part, layers, _Part(row.folder, shapes), family)
    if not made:
        raise ModelUnreadable("adapter_misfit", model=file.name, family=family)
    return made


def _part(
    file: AdapterFile, part: str, layers: Sequence[Layer], own: _Part, family: str
) -> Tensors:
    made: Tensors = {}
    for name, layer in own.names.find(layers):
        tensors = file.tensors(layer)
        scale = file.scale(part, layer, tensors, rank_of(tensors))
        if layer.share is not None:
            mine = _narrowed(tensors, layer.share, own.shapes)
            if mine is None:
                raise ModelUnreadable("adapter_unsupported", model=file.name)
            tensors = mine
        stem = f"{own.folder}.{_stem(own.folder, name)}"
        for role, one in _roles(tensors, scale, len(own.shapes[name])).items():
            made[f"{stem}.{role}"] = one
        if not made.keys() & {f"{stem}.lora_B.weight", f"{stem}.lokr_w1", f"{stem}.lokr_w1_b"}:
            raise ModelUnreadable("adapter_unsupported", model=file.name)
    return made


def _roles(tensors: Mapping[str, torch.Tensor], scale: float, sides: int) -> Tensors:
    """Give what peft calls the tensors of one layer, alpha taken in."""
    made: Tensors = {}
    for role, one in tensors.items():
        if role in _ROLES:
            made[_ROLES[role]] = _scaled(one, scale if role == "up" else 1.0)
        elif role.startswith("lokr_"):
            first = role in ("lokr_w1", "lokr_w1_a")
            made[role] = _scaled(one, scale if first else 1.0)
        elif role in ("dora_scale", "magnitude"):
            # (out,) of a matrix, (1, out, 1, 1) of a convolution
            length = one.reshape(-1) if sides == 2 else one.reshape(1, -1, *[1] * (sides - 2))
            made["lora_magnitude_vector.weight"] = length.contiguous()
    return made


def _narrowed(
    tensors: Tensors, share: fused.Share, shapes: Mapping[str, tuple[int, ...]]
) -> Tensors | None:
    """Give the rows of one of the layers that are one in the file, less ranks that add nothing."""
    counts = [shapes[name][0] for name in share.names]
    first = sum(counts[: share.place])
    rows = torch.arange(first, first + counts[share.place])
    if share.turned:
        rows = rows.roll(len(rows) // 2)
    length = tensors.get("dora_scale")
    plain = {role: one for role, one in tensors.items() if role != "dora_scale"}
    made = fused.narrowed(plain, rows, sum(counts))
    if made is None:
        return None
    made = fused.busy(made)
    if length is not None:
        made["dora_scale"] = length[rows]
    return {role: one.contiguous() for role, one in made.items()}


def _stem(folder: str, name: str) -> str:
    texts = folder.startswith("text_encoder") and not name.startswith(_INNER)
    return f"{_INNER}{name}" if texts else name


def _scaled(one: torch.Tensor, scale: float) -> torch.Tensor:
    return one if scale == 1 else (one.float() * scale).to(one.dtype)
