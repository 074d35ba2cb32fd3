"""Merging: a part of a checkpoint with adapters on top, beside the part itself.

Each changed layer is made in float32 from the part's weight and cast as the weight was, so steps
cost what they cost without adapters. The part stays as it is, to the bit.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from core.engine.adapters import deltas, fused
from core.engine.adapters.files import AdapterFile, Layer, Names
from core.engine.adapters.image_prompt import prompted
from core.engine.adapters.twin import Twin, twin
from core.engine.models.gguf import dense
from core.engine.models.quantize import format_of
from core.engine.speed import with_fused
from core.engine.values import Handle
from core.errors import ModelUnreadable

Uses = list[tuple[AdapterFile, Layer, float]]  # of one layer of the network


def adapt(handle: Handle, base: nn.Module) -> Twin:
    """Make a twin of a loaded part, with the adapters of its handle merged.

    :param base: what the same handle without adapters names, on any device.
    :raises ModelUnreadable: when an adapter cannot be read, changes nothing that we know, or was
        made for other networks (``adapter_misfit``).
    """
    modules = {
        name: module
        for name, module in base.named_modules()
        if isinstance(getattr(module, "weight", None), torch.Tensor)
    }
    config = getattr(base, "config", None)
    blocks = getattr(config, "layers_per_block", 0)
    uses = uses_of(handle, Names(modules.keys(), blocks if isinstance(blocks, int) else 0))
    dtype = next(base.parameters()).dtype
    changes = {
        name: new
        for name in sorted(uses)
        if (new := merged(modules[name], handle, uses[name], dtype, modules))
    }
    made = twin(base, with_fused(base, changes))
    return prompted(handle, made) if handle.image_adapters else made


def uses_of(handle: Handle, names: Names) -> dict[str, Uses]:
    """Find what the adapters of a handle change: name of a module → their layers for it.

    :raises ModelUnreadable: as ``adapt``.
    """
    files = [(AdapterFile(path), weight) for _, path, weight in handle.adapters]
    uses: dict[str, Uses] = {}
    for file, weight in files:
        layers = file.layers(handle.part)
        found = list(names.find(layers))
        if layers and not found:
            raise ModelUnreadable("adapter_misfit", model=file.name, family=handle.family)
        for name, layer in found:
            uses.setdefault(name, []).append((file, layer, weight))
    return uses


def merged(
    module: nn.Module,
    handle: Handle,
    uses: Uses,
    dtype: torch.dtype,
    others: Mapping[str, nn.Module],
) -> dict[str, torch.Tensor]:
    """Give the new tensors of a layer, in RAM: in ``dtype`` where the layer has fewer bits.

    :param others: modules by name, those at least that are one layer with it in a file.
    :raises ModelUnreadable: when an adapter does not fit, or holds what is no number.
    """
    made: dict[str, torch.Tensor] = {}
    weight = module.weight
    assert isinstance(weight, torch.Tensor)
    before = dense(weight)
    bias = getattr(module, "bias", None)
    added: list[torch.Tensor] = []
    shifted: list[torch.Tensor] = []
    for file, layer, strength in uses:
        change, shift = _change(file, layer, handle, before, others)
        if change is not None:
            added.append(change * strength)
        if shift is not None and bias is not None and shift.shape == bias.shape:
            shifted.append(shift.to(bias.device) * strength)
    if added:
        made["weight"] = _total(before, added).to("cpu", format_of(module, dtype))
    if shifted and isinstance(bias, torch.Tensor):
        made["bias"] = _total(bias.detach().float(), shifted).to("cpu", bias.dtype)
    return made


def _change(
    file: AdapterFile,
    layer: Layer,
    handle: Handle,
    before: torch.Tensor,
    others: Mapping[str, nn.Module],
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Give what one adapter adds to a weight and to its bias, in full strength.

    Of a layer that is several of the network's, what is made for the rows of this one.

    :raises ModelUnreadable: when it does not fit, or holds what is no number.
    """
    tensors = file.tensors(layer)
    scale = file.scale(handle.part, layer, tensors, deltas.rank_of(tensors))
    rows = None
    if layer.share is not None:
        mine = layer.share.rows(others)
        if narrow := fused.narrowed(tensors, mine, layer.share.count(others)):
            tensors = narrow
        else:
            before, rows = layer.share.whole(others), mine
    try:
        change = deltas.changed(before, tensors, scale)
    except deltas.Misfit as error:
        raise ModelUnreadable(
            "adapter_misfit", model=file.name, family=handle.family, reason=str(error)[:200]
        ) from error
    shift = deltas.changed_bias(tensors, scale)
    if rows is not None:
        change = None if change is None else change[rows.to(change.device)]
        shift = None if shift is None else shift[rows.to(shift.device)]
    for one in (change, shift):
        if one is not None and not math.isfinite(float(one.abs().sum())):
            raise file.unreadable(f"{layer.name} is not finite")
    return change, shift


def _total(before: torch.Tensor, added: Sequence[torch.Tensor]) -> torch.Tensor:
    total = before
    for one in added:
        total = total + one
    return total
