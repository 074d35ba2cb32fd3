"""Twins: a network that shares every tensor with another, but for the layers that differ.

Knows modules; nothing of adapters. The other network is left as it is.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import nn

from core.engine.speed import uncompiled

Changes = Mapping[str, Mapping[str, torch.Tensor]]  # name of a module → its new tensors, in RAM

_TABLES = [name for name, value in nn.Module().__dict__.items() if isinstance(value, dict)]


class Twin(NamedTuple):
    """``module`` works as the whole network; ``own`` holds the layers that it does not share."""

    module: nn.Module
    own: nn.Module


def twin(base: nn.Module, changes: Changes) -> Twin:
    """Make a twin of ``base`` in which some tensors of some modules are others.

    A module without tensors is copied, so that a hook of either network is not one of both. One
    with tensors is shared, or copied with all that is in it; copies lie in RAM.
    """
    above = {
        ".".join(parts[:count])
        for parts in (name.split(".") for name in changes)
        for count in range(len(parts) + 1)
    }
    own = nn.ModuleList()
    made = _copied(base, "", changes, above, own)
    own.eval()
    # Where the network works is asked of those whose tensors it has (``carrier.place_of``).
    object.__setattr__(made, "_lent_by", (base, own))
    return Twin(made, own)


def _copied(
    module: nn.Module, name: str, changes: Changes, above: set[str], own: nn.ModuleList
) -> nn.Module:
    tables = (module._parameters, module._buffers)
    holds = any(tensor is not None for table in tables for tensor in table.values())
    if not holds and module._modules:
        made = _shallow(module)
        made._modules = {
            key: None if child is None else _copied(child, _join(name, key), changes, above, own)
            for key, child in module._modules.items()
        }
        return made
    if name not in above:
        return module
    made = _owned(module, name, changes)
    own.append(made)
    return made


def _owned(module: nn.Module, name: str, changes: Changes) -> nn.Module:
    """Copy a module with all its tensors, the changed ones in their new form."""
    made = _shallow(module)
    new = changes.get(name, {})
    for key, tensor in module._parameters.items():
        if tensor is not None:
            value = new[key] if key in new else tensor.detach().to("cpu", copy=True)
            made._parameters[key] = nn.Parameter(value, requires_grad=False)
    for key, buffer in module._buffers.items():
        if buffer is not None:
            made._buffers[key] = buffer.detach().to("cpu", copy=True)
    made._forward_hooks = OrderedDict()  # they may bring in the weights of the one that is copied
    made._forward_pre_hooks = OrderedDict()
    made._forward_hooks_always_called = OrderedDict()
    made._modules = {
        key: None if child is None else _owned(child, _join(name, key), changes)
        for key, child in module._modules.items()
    }
    return made


def _shallow(module: nn.Module) -> nn.Module:
    """Copy a module without its children: tables of its own, with the same content."""
    made: nn.Module = module.__class__.__new__(module.__class__)
    made.__dict__.update(module.__dict__)
    made.__dict__.pop("_offloaded", None)
    uncompiled(made)
    for name in _TABLES:
        made.__dict__[name] = module.__dict__[name].copy()
    return made


def _join(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key
