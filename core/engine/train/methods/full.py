"""Full training: a network's own copy in float32, sharing nothing with the one it is made from."""

import re
from typing import Any

import torch
from torch import nn

from core.engine.adapters.twin import twin
from core.errors import ModelUnreadable

_FUSED = ("to_qkv", "to_kv", "to_added_qkv")


def copied(base: nn.Module) -> nn.Module:
    """Copy a network with all its tensors into RAM, in float32; nothing of it has a gradient.

    :raises ModelUnreadable: training_packed where its weights are kept in fewer bits.
    """
    changes: dict[str, dict[str, torch.Tensor]] = {}
    for name, module in base.named_modules():
        own = dict(module.named_parameters(recurse=False))
        buffers = dict(module.named_buffers(recurse=False))
        for one in own.values():
            if not one.is_floating_point() or one.itemsize == 1:
                raise ModelUnreadable("training_packed", model=type(base).__name__)
        if own or buffers:
            # Outside of inference mode a copy can be trained, whatever it is made from.
            changes[name] = {
                key: one.detach().to("cpu", torch.float32, copy=True) for key, one in own.items()
            }
    made = plain(twin(base, changes).module)
    del made.__dict__["_lent_by"]  # it lies where its own tensors do
    for module in made.modules():
        for key, buffer in module._buffers.items():
            if buffer is not None and buffer.is_floating_point():
                module._buffers[key] = buffer.float()
    return made


def plain(network: nn.Module) -> nn.Module:
    """Undo the fused projections of a network whose attentions are its own.

    What was fused is no longer what it was made of once one of those is trained.
    """
    made: Any = network
    fused = False
    for module in made.modules():
        if module.__dict__.get("fused_projections"):
            fused = True
            module.fused_projections = False
            for name in _FUSED:
                module._modules.pop(name, None)
    if fused:
        # Not diffusers' way back, which takes the processors out of a table that both have.
        made.set_attn_processor(dict(made.original_attn_processors))
    return network


def params(network: nn.Module, unread: "re.Pattern[str] | None") -> dict[str, nn.Parameter]:
    """Give a copy's parameters their gradients, but for those that never come to bear."""
    trained = {
        name: one for name, one in network.named_parameters() if not (unread and unread.match(name))
    }
    for one in trained.values():
        one.requires_grad_(True)
    return trained
