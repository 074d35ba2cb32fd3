"""Modules: a class, its configuration and its weights become a network, without random weights.

Sets no global state: torch's default number format leaks between threads, so modules are built
empty and their weights assigned in the format they have. Knows no files.
"""

import threading
from collections.abc import Collection
from importlib import import_module
from typing import Any

import torch
from torch import nn

Json = dict[str, Any]
Tensors = dict[str, torch.Tensor]

transformers_lock = threading.Lock()  # its loading patches module-wide state while it runs
_INNER = "text_model."  # before the names of a CLIP that has a projection as well


def of_diffusers(kind: str, config: Json, tensors: Tensors) -> nn.Module:
    """Make a network of diffusers.

    :raises ValueError: when weights are missing.
    :raises RuntimeError: when they are of other shapes than the configuration says.
    """
    module = empty("diffusers", kind, config)
    # Old checkpoints call the parts of an attention block otherwise; diffusers knows how.
    type(module)._fix_state_dict_keys_on_load(module, tensors)
    made: nn.Module = filled(module, tensors)
    return made


def of_transformers(kind: str, config: Json, tensors: Tensors) -> nn.Module:
    """Make a text encoder of transformers.

    :raises ValueError: when weights are missing.
    :raises RuntimeError: when they are of other shapes than the configuration says.
    """
    module = empty("transformers", kind, config)
    return shared(filled(module, owned(module, tensors)))


def empty(library: str, kind: str, config: Json) -> Any:
    """Make a network without weights: it takes no memory, and no random numbers are drawn."""
    class_: Any = getattr(import_module(library), kind)
    if library == "diffusers":
        with torch.device("meta"):  # a mode of this thread only
            return class_.from_config(config)
    with transformers_lock, torch.device("meta"):
        return class_(class_.config_class(**config))


def owned(module: nn.Module, tensors: Tensors) -> Tensors:
    """Name the weights of a CLIP as the class does, which may have the encoder within."""
    own = module.state_dict().keys()
    return {name if name in own else f"{_INNER}{name}": one for name, one in tensors.items()}


def shared(module: Any) -> nn.Module:
    """Let the table of a T5 lie there once, which two of its modules use."""
    if hasattr(module, "shared"):
        module.set_input_embeddings(module.shared)
    made: nn.Module = module
    return made


def filled(module: nn.Module, tensors: Tensors, kept: Collection[str] = ()) -> nn.Module:
    """Put weights into an empty module.

    :param kept: names of those that are in it already.
    :raises ValueError: when some are missing.
    :raises RuntimeError: when they are of other shapes.
    """
    given = {name: tensor for name, tensor in tensors.items() if name not in kept}
    lacking, _ = module.load_state_dict(given, assign=True, strict=False)
    missing = [name for name in lacking if name not in kept]
    if missing:
        raise ValueError(f"{len(missing)} weights are missing, such as {missing[0]}")
    for block in module.modules():
        places = block._buffers.get("position_ids")
        if places is not None and places.is_meta:
            block._buffers["position_ids"] = torch.arange(places.shape[-1]).expand(places.shape)
    if empty := [name for name, tensor in module.named_buffers() if tensor.is_meta]:
        raise ValueError(f"the buffer {empty[0]} is not among the weights")
    return module
