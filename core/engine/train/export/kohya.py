"""Small matrices under the names of kohya's trainer, as all programs read them.

A network's layers have the names of its authors there: those of Stable Diffusion XL are of the
first release's layout, and FLUX and Stable Diffusion 3 have queries, keys and values in one layer,
whose matrices are those of ours side by side. What no such name is for has diffusers' own.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import nn

from core.engine.adapters import dialects
from core.engine.models.families import MODEL, TEXT_ENCODER, TEXT_ENCODER_2, TEXT_ENCODER_3
from core.engine.tasks.originals import ORIGINALS

_ADAPTER = "default"
_ONE = {TEXT_ENCODER: "lora_te_"}
_MORE = {
    TEXT_ENCODER: "lora_te1_", TEXT_ENCODER_2: "lora_te2_", TEXT_ENCODER_3: "lora_te3_",
}  # fmt: skip
_TEXTS: Mapping[str, Mapping[str, str]] = {"sd1": _ONE, "sd2": _ONE}  # all others: numbered
_LOKR = ("lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2")

Tensors = dict[str, torch.Tensor]  # role in kohya's words, without ".weight" → tensor


class Matrices(NamedTuple):
    """The matrices of one layer of a network: role → tensor, float32, and alpha by rank."""

    tensors: Tensors
    rank: int
    scale: float


def matrices(
    family: str,
    part: str,
    network: nn.Module,
    layers: Mapping[str, Any],
    carried: Mapping[str, Matrices] | None = None,
) -> Tensors:
    """Give all tensors of a part in kohya's names.

    :param network: the part without matrices.
    :param layers: peft's, by the name of what they change.
    :param carried: what was added to the part before, and belongs to what comes out.
    """
    own = {name: of_layer(layer) for name, layer in layers.items()}
    for name, more in (carried or {}).items():
        own[name] = _both(own[name], more) if name in own else more
    start = prefix(family, part)
    if part != MODEL:
        clip = type(network).__name__.startswith("CLIPText")
        return _named(own, start, lambda name: _text(name, clip).replace(".", "_"))
    if (naming := _NAMINGS.get(family)) is not None:
        names = naming(network)
        return _named(own, start, lambda name: names[name].replace(".", "_"))
    modules = dict(network.named_modules())
    made: Tensors = {}
    for name, members in dialects.layers_of([key for key in modules if key]).items():
        present = {one: own[one] for one in members.names if one in own}
        if not present or any("lokr" in role for one in present.values() for role in one.tensors):
            continue
        joined = _joined(present, members, modules)
        made |= _stored(f"{start}{name}", joined)
        for one in present:
            del own[one]
    lokr = "lycoris_" if made == {} and _mixed(network) else start
    return made | _named(own, lokr, lambda name: name.replace(".", "_"))


def prefix(family: str, part: str) -> str:
    """Give what kohya's names of a part begin with."""
    return "lora_unet_" if part == MODEL else _TEXTS.get(family, _MORE)[part]


def sgm(network: nn.Module) -> dict[str, str]:
    """Name the modules of a UNet as the first release does."""
    shapes = {
        f"{name}.weight": tuple(module.weight.shape)
        for name, module in network.named_modules()
        if isinstance(getattr(module, "weight", None), torch.Tensor)
    }
    unet = next(one for one in ORIGINALS["sdxl"] if one.folder == "unet")
    return {
        ours.removesuffix(".weight"): theirs.removesuffix(".weight")
        for ours, theirs in zip(shapes, unet.names(shapes), strict=True)
    }


# Whose network kohya trains as the first release has it.
_NAMINGS: Mapping[str, Callable[[nn.Module], dict[str, str]]] = {"sdxl": sgm, "sdxl-refiner": sgm}


def of_layer(layer: Any) -> Matrices:
    """Read the matrices of one of peft's layers."""
    if hasattr(layer, "lora_A"):
        down, up = layer.lora_A[_ADAPTER].weight, layer.lora_B[_ADAPTER].weight
        made = {"lora_down": down, "lora_up": up}
        if _ADAPTER in layer.lora_magnitude_vector:
            length = layer.lora_magnitude_vector[_ADAPTER].weight
            made["dora_scale"] = length.reshape(-1, *[1] * (down.dim() - 1))  # (out, 1, …)
        return Matrices(made, int(down.shape[0]), float(layer.scaling[_ADAPTER]))
    found = {role: getattr(layer, role) for role in _LOKR}
    made = {role: one[_ADAPTER] for role, one in found.items() if _ADAPTER in one}
    rank, scale = int(layer.r[_ADAPTER]), float(layer.scaling[_ADAPTER])
    if not any(role.endswith("_b") for role in made):
        # Where both factors are whole nobody asks for alpha.
        made["lokr_w1"] = made["lokr_w1"] * scale
        scale = 1.0
    return Matrices(made, rank, scale)


def _both(one: Matrices, more: Matrices) -> Matrices:
    """Lay two changes of one layer into one, of both ranks."""
    if "lora_down" not in one.tensors:
        return one  # of no low rank; what it was trained on top of is needed beside it
    down, up = one.tensors["lora_down"], one.tensors["lora_up"]
    first = more.tensors["lora_down"].to(down.device).reshape(-1, *down.shape[1:])
    second = more.tensors["lora_up"].to(up.device) * (more.scale / one.scale)
    second = second.reshape(up.shape[0], -1, *up.shape[2:])
    joined = {"lora_down": torch.cat([down, first]), "lora_up": torch.cat([up, second], dim=1)}
    return Matrices(one.tensors | joined, one.rank + more.rank, one.scale)


def _joined(
    present: Mapping[str, Matrices], place: dialects.Place, modules: Mapping[str, nn.Module]
) -> Matrices:
    """Lay the matrices of layers that are one layer to kohya side by side.

    Downward they stand one below the other; upward each has rows and columns of its own, and what
    is not trained has rows of zeros.
    """
    if len(place.names) == 1:
        (only,) = present.values()
        if not place.turned:
            return only
        turned = {
            role: one if role == "lora_down" else one.roll(len(one) // 2, dims=0)
            for role, one in only.tensors.items()
        }
        return only._replace(tensors=turned)
    scale = next(iter(present.values())).scale
    long = any("dora_scale" in one.tensors for one in present.values())
    rank = sum(one.rank for one in present.values())
    ups, lengths, before = [], [], 0
    for name in place.names:
        weight = modules[name].weight
        assert isinstance(weight, torch.Tensor)
        up = torch.zeros(weight.shape[0], rank, device=weight.device)
        if name in present:
            own = present[name]
            up[:, before : before + own.rank] = own.tensors["lora_up"] * (own.scale / scale)
            before += own.rank
        if long:
            lengths.append(_length(weight, present.get(name)))
        ups.append(up)
    downs = [present[name].tensors["lora_down"] for name in place.names if name in present]
    made = {"lora_down": torch.cat(downs), "lora_up": torch.cat(ups)}
    if long:
        made["dora_scale"] = torch.cat(lengths)
    return Matrices(made, rank, scale)


def _length(weight: torch.Tensor, one: Matrices | None) -> torch.Tensor:
    """Give the length of each row of a weight (out, in): the one that was learned, or its own."""
    if one is not None and "dora_scale" in one.tensors:
        return one.tensors["dora_scale"]
    whole = weight.detach().float()
    if one is not None:
        added = one.tensors["lora_up"] @ one.tensors["lora_down"]
        whole = whole + added.to(whole.device) * one.scale
    length: torch.Tensor = torch.linalg.vector_norm(whole, dim=1, keepdim=True)
    return length


def _named(own: Mapping[str, Matrices], start: str, called: Any) -> Tensors:
    made: Tensors = {}
    for name, one in own.items():
        made |= _stored(f"{start}{called(name)}", one)
    return made


def _stored(name: str, one: Matrices) -> Tensors:
    made = {
        f"{name}.{role}.weight" if role in ("lora_down", "lora_up") else f"{name}.{role}": tensor
        for role, tensor in one.tensors.items()
    }
    made[f"{name}.alpha"] = torch.tensor(one.scale * one.rank)
    return made


def _text(name: str, clip: bool) -> str:
    return f"text_model.{name}" if clip and not name.startswith("text_model.") else name


def _mixed(network: nn.Module) -> bool:
    return not type(network).__name__.startswith("UNet")
