"""A device with a budget: real tensors on the processor, whose live bytes are counted.

What torch makes inside a measurement counts until its storage dies, and so do weights from the
moment they are moved in until they are moved out. What does not fit is refused as CUDA's
allocator refuses it.
"""

import threading
import weakref
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from core.engine.carrier import Carrier
from core.engine.device import Device
from core.engine.residency import size_of

_REFUSAL = (
    "CUDA out of memory. Tried to allocate {asked}. GPU 0 has a total capacity of {total} of which "
    "{free} is free. Including non-PyTorch memory, this process has {live} memory in use. Of the "
    "allocated memory {live} is allocated by PyTorch, and 0 bytes is reserved by PyTorch but "
    "unallocated. If reserved but unallocated memory is large try setting "
    "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation."
)


class Budget:
    """Counts live bytes, of all threads; refuses what would exceed ``limit``."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.live = 0
        self.peak = 0  # since the last measurement began
        self.highest = 0
        self.refused: list[int] = []
        self._lock = threading.RLock()  # a storage may die wherever the garbage is collected

    def take(self, size: int) -> None:
        with self._lock:
            if self.live + size > self.limit:
                self.refused.append(size)
                raise torch.OutOfMemoryError(
                    _REFUSAL.format(
                        asked=written(size), total=written(self.limit), live=written(self.live),
                        free=written(self.limit - self.live),
                    )
                )  # fmt: skip
            self.live += size
            self.peak = max(self.peak, self.live)
            self.highest = max(self.highest, self.live)

    def give(self, size: int) -> None:
        with self._lock:
            self.live -= size


class Counting(TorchDispatchMode):
    """Counts what every operation makes, as long as it lives. Also the usage of a measurement."""

    def __init__(self, budget: Budget) -> None:
        super().__init__()
        self.peak = 0
        self._budget = budget
        self._before = 0

    def __enter__(self) -> "Counting":
        self._before = self._budget.peak = self._budget.live
        super().__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)
        self.peak = self._budget.peak - self._before

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = {id(storage) for storage in storages([*args, *kwargs.values()])}
        made = func(*args, **kwargs)
        for storage in storages(made):
            if id(storage) not in given:  # a view, or done in place
                self._count(storage)
        return made

    def _count(self, storage: torch.UntypedStorage) -> None:
        size = storage.nbytes()
        self._budget.take(size)
        weakref.finalize(storage, self._budget.give, size).atexit = False


class BudgetCarrier(Carrier):
    """Charges the budget for weights on the device: all of a module, or of one block."""

    def __init__(self, device: torch.device, budget: Budget) -> None:
        super().__init__(device)
        self._budget = budget
        self._held: dict[
            int, Any
        ] = {}  # gives the weights' bytes back, at the latest when they die
        self._hooks: dict[int, list[Any]] = {}

    def bring(self, module: nn.Module) -> None:
        size = size_of(module)
        self._budget.take(size)
        super().bring(module)
        self._held[id(module)] = weakref.finalize(module, self._budget.give, size)

    def take_away(self, module: nn.Module) -> None:
        if held := self._held.pop(id(module), None):
            held()
        super().take_away(module)

    def offload(self, module: nn.Module, shared: bool = False) -> None:
        blocks = [(block, direct) for block in module.modules() if (direct := weights(block))]
        super().offload(module, shared)
        hooks = self._hooks[id(module)] = []
        for block, size in blocks:
            hooks.append(block.register_forward_pre_hook(lambda *_, n=size: self._budget.take(n)))
            hooks.append(
                block.register_forward_hook(
                    lambda *_, n=size: self._budget.give(n), always_call=False
                )
            )

    def restore(self, module: nn.Module) -> None:
        for hook in self._hooks.pop(id(module)):
            hook.remove()
        super().restore(module)


class BudgetDevice(Device):
    """The processor, as if it were a card of ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__("cpu")
        self.budget = Budget(limit)
        self.is_cpu = False
        self.counts = True
        self.carrier = BudgetCarrier(self.torch, self.budget)
        self.broken = False

    def total(self) -> int:
        return self.budget.limit

    def used(self) -> int:
        return self.budget.live

    def free(self) -> int:
        return self.budget.limit - self.budget.live

    def allocated(self) -> int:
        return self.budget.live

    def peak(self) -> int:
        return self.budget.highest

    def reset_peak(self) -> None:
        self.budget.highest = self.budget.live

    def measure(self, watch: bool = True) -> Counting:
        return Counting(self.budget)

    def prove(self) -> None:
        if self.broken:
            raise torch.AcceleratorError("CUDA error: device-side assert triggered")

    def fetch(self, tensor: torch.Tensor) -> torch.Tensor:
        with _disable_current_modes():
            return tensor.clone()


def storages(value: Any) -> list[torch.UntypedStorage]:
    """Give the memory behind the tensors of a value; those on ``meta`` have none."""
    if isinstance(value, torch.Tensor):
        return [] if value.is_meta else [value.untyped_storage()]
    if isinstance(value, tuple | list):
        return [storage for one in value for storage in storages(one)]
    return []


def weights(module: nn.Module) -> int:
    """Count the bytes of a module's own parameters, without those of the modules in it."""
    return sum(parameter.nbytes for parameter in module.parameters(recurse=False))


def written(size: int) -> str:
    """Write a size as torch's allocator does."""
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= factor:
            return f"{size / factor:.2f} {unit}"
    return f"{size} bytes"
