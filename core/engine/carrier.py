"""The carrier: how weights come onto the device and leave it, whole or layer by layer.

Knows modules and places. Who is moved and when is residency's knowledge.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from core.engine.memory import machine_free
from core.engine.staging import Staging

_RAM = torch.device("cpu")
_HOOKS = ("group_offloading", "layer_execution_tracker", "lazy_prefetch_group_offloading")


class Carrier:
    """Moves modules between RAM and one device. Only under the baton.

    :param streams: whether the device copies while it computes; ``None``: where that is known of
        its kind.
    """

    def __init__(self, device: torch.device, streams: bool | None = None) -> None:
        self._device = device
        self._streams = device.type == "cuda" if streams is None else streams
        self._staging = Staging(device) if device.type == "cuda" else None

    def bring(self, module: nn.Module) -> None:
        """Move a module onto the device. When it does not fit it lies in RAM, as before.

        :raises torch.OutOfMemoryError: when it does not fit.
        """
        moved = False
        try:
            # Moved in inference mode, weights would be inference tensors and could not be trained.
            with torch.inference_mode(False):
                if self._staging is None:
                    module.to(self._device)
                else:
                    module._apply(self._staging.moved)  # type: ignore[no-untyped-call]  # torch's
            moved = True
        finally:
            if not moved:
                self.take_away(module)

    def take_away(self, module: nn.Module) -> None:
        """Move a module into RAM."""
        with torch.inference_mode(False):
            module.to(_RAM)

    def offload(self, module: nn.Module, shared: bool = False) -> None:
        """Let a module that lies in RAM work on the device.

        The weights of each layer are there for its turn, and gone after it: slow, but it takes no
        more of the device than the largest layer, or two where the next one is fetched meanwhile.

        :param shared: whether other modules work with its layers. diffusers' streams learn one
            order of the layers, and would fetch for one what the other never runs.
        """
        plain = all(map(_plain, module.parameters()))
        if self._streams and plain and not shared and _called(module):
            self._stream(module)
            return
        # Not accelerate's ``cpu_offload``: it empties torch's cache for each weight that visits.
        # Nor diffusers' groups without a stream: those carry weights back that never changed, and
        # where a layer fails they leave its weights on the device.
        hooks = [hook for block in module.modules() for hook in self._visits(block)]
        module._offloaded = _Offloaded(self._device, hooks)  # type: ignore[assignment]

    def streamed(self, module: nn.Module) -> bool:
        """Say whether a module is offloaded in a way that cannot be shared."""
        offloaded = module.__dict__.get("_offloaded")
        return offloaded is not None and offloaded.streamed

    def restore(self, module: nn.Module) -> None:
        """Undo ``offload``: the module lies in RAM, and is an ordinary one again."""
        offloaded = module.__dict__.pop("_offloaded", None)
        if offloaded is None:
            return
        for hook in offloaded.hooks:
            hook.remove()
        if offloaded.streamed:
            _let_go(module)
            self.take_away(module)  # what was fetched for a turn that never came

    def _stream(self, module: nn.Module) -> None:
        """Let diffusers fetch each layer's weights while the one before it computes."""
        from diffusers.hooks import apply_group_offloading

        size = sum(tensor.nbytes for tensor in module.parameters())
        with torch.inference_mode(False), torch.no_grad():
            apply_group_offloading(
                module,
                onload_device=self._device,
                offload_device=_RAM,
                offload_type="leaf_level",
                use_stream=self._device.type != "cpu",
                # Pinned as a whole, weights lie in RAM twice for a moment; else each at its turn.
                low_cpu_mem_usage=machine_free() < 3 * size,
            )
        for group in _groups(module):
            group.onload_, group.offload_ = _outside(group.onload_), _outside(group.offload_)
        module._offloaded = _Offloaded(self._device, [], streamed=True)  # type: ignore[assignment]

    def _visits(self, block: nn.Module) -> list[RemovableHandle]:
        """Let a block's own weights be on the device while it runs, or fails."""
        tables: tuple[dict[str, Any], ...] = (block._parameters, block._buffers)
        kept = [
            (table, name, tensor)
            for table in tables
            for name, tensor in table.items()
            if tensor is not None
        ]

        def come(*_: object) -> None:
            with torch.inference_mode(False):
                for table, name, tensor in kept:
                    if not _plain(tensor):  # packed in fewer bits: it knows what else it is
                        table[name] = tensor.to(self._device)
                        continue
                    there = tensor.data.to(self._device, non_blocking=True)
                    is_weight = isinstance(tensor, nn.Parameter)
                    table[name] = nn.Parameter(there, tensor.requires_grad) if is_weight else there

        def leave(*_: object) -> None:
            for table, name, tensor in kept:
                table[name] = tensor

        if not kept:
            return []
        return [
            block.register_forward_pre_hook(come),
            block.register_forward_hook(leave, always_call=True),
        ]


class _Offloaded(NamedTuple):
    """What a module remembers while it is offloaded."""

    device: torch.device
    hooks: list[RemovableHandle]
    streamed: bool = False


def _plain(tensor: torch.Tensor) -> bool:
    """Say whether a tensor is nothing but its numbers."""
    return type(tensor) in (torch.Tensor, nn.Parameter)


def _called(module: nn.Module) -> bool:
    """Say whether all work begins with the module's own forward, from which the order is learned.

    An autoencoder is asked to encode or to decode, and what only holds networks is not asked.
    """
    return type(module).forward is not nn.Module.forward and not hasattr(module, "decode")


def _groups(module: nn.Module) -> Iterator[Any]:
    """List what diffusers moves of a module, each once."""
    for one in module.modules():
        registry = one.__dict__.get("_diffusers_hook")
        hook = registry.get_hook(_HOOKS[0]) if registry is not None else None
        if hook is not None:
            yield hook.group


def _outside(move: Callable[[], None]) -> Callable[[], None]:
    """Let weights be moved outside of inference mode: inside of it they cannot change places."""

    def moving() -> None:
        with torch.inference_mode(False), torch.no_grad():
            move()

    return moving


def _let_go(module: nn.Module) -> None:
    """Take diffusers' hooks off a module and all within, also those of an order half learned."""
    for one in module.modules():
        registry = one.__dict__.get("_diffusers_hook")
        if registry is None:
            continue
        for name in reversed(_HOOKS):
            registry.remove_hook(name, recurse=False)
        if not registry.hooks:  # else others are on it, such as those of another number format
            del one.__dict__["_diffusers_hook"]
            one.__dict__.pop("forward", None)  # the class's own again


def place_of(module: nn.Module) -> torch.device:
    """Say where a module works, and its inputs belong: not where an offloaded one lies.

    A twin works where those do that its tensors are of.
    """
    for one in (module, *module.__dict__.get("_lent_by", ())):
        offloaded = one.__dict__.get("_offloaded")
        if offloaded is not None:
            place: torch.device = offloaded.device
            return place
    return next(module.parameters()).device
