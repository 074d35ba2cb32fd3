"""LoRAs that become part of a checkpoint: each weight that they change is made when it is written.

By the same formulas as when a picture is drawn with them (``adapters.merge``), in float32. Knows
parts of tensors; no files.
"""

import re
from collections.abc import Mapping, Sequence

import msgspec
import torch
from torch import nn

from core.engine.adapters import merge
from core.engine.adapters.files import Names
from core.engine.models.families import family_of
from core.engine.tasks.parts import Component
from core.engine.tasks.tensors import Lazy
from core.engine.values import Handle

_LAYER = re.compile(r"down_blocks\.0\.resnets\.(\d+)\.")


def merged(parts: Sequence[Component], handle: Handle) -> list[Component]:
    """Give parts with the adapters of a handle merged; what they change is float32.

    :raises ModelUnreadable: when an adapter cannot be read, changes nothing, or is for another
        family.
    """
    ids = {part.folder: name for name, part in family_of(handle.family).parts.items()}
    return [
        part._replace(tensors=_merged(part, msgspec.structs.replace(handle, part=ids[part.folder])))
        if part.folder in ids
        else part
        for part in parts
    ]


def _merged(part: Component, handle: Handle) -> dict[str, Lazy]:
    modules = {name.removesuffix(".weight") for name in part.tensors if name.endswith(".weight")}
    layers = [int(found[1]) for name in part.tensors if (found := _LAYER.match(name))]
    uses = merge.uses_of(handle, Names(modules, 1 + max(layers) if layers else 0))
    made = dict(part.tensors)
    for module, own in uses.items():
        for key in ("weight", "bias"):
            name = f"{module}.{key}"
            if name in part.tensors:
                made[name] = _changed(part.tensors, module, key, handle, own)
    return made


def _changed(
    tensors: Mapping[str, Lazy], module: str, key: str, handle: Handle, uses: merge.Uses
) -> Lazy:
    def make() -> torch.Tensor:
        layer = _layer(tensors, module)
        shares = [used.share for _, used, _ in uses if used.share is not None]
        others = {one: _layer(tensors, one) for share in shares for one in share.names}
        new = merge.merged(layer, handle, uses, torch.float32, others)
        before = getattr(layer, key)
        assert isinstance(before, torch.Tensor)
        return new.get(key, before.detach())

    return Lazy(torch.float32, tensors[f"{module}.{key}"].shape, make)


def _layer(tensors: Mapping[str, Lazy], module: str) -> nn.Module:
    """Make what the formulas ask of a layer."""
    layer = nn.Module()
    for one in ("weight", "bias"):
        lazy = tensors.get(f"{module}.{one}")
        value = None if lazy is None else lazy.make().float()
        layer.register_parameter(
            one, None if value is None else nn.Parameter(value, requires_grad=False)
        )
    return layer
