"""Parts: one network of a checkpoint as residency keeps it, and how many bytes it takes.

An adapted part is a twin of the one it was made from (``adapters.twin``): it moves and counts its
own layers alone, and works only as long as the other is where it was.
"""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

import msgspec
import torch
from torch import nn

from core.engine.ladder import Shortage
from core.engine.values import WHOLE, Handle

_FIRST = ("text_encoder", "image_encoder")  # needed once a picture, and quickly brought back
_LAST = ("model", WHOLE)  # needed at every step


class Holder(Protocol):
    """The job that asks for a part; ``core.engine.context.Job`` is one."""

    id: str

    def check(self) -> None:
        """Leave if it was canceled."""

    def degrade(self, rung: str, shortage: Shortage) -> None:
        """Note that a rung of the memory ladder was taken for it."""

    @property
    def tell(self) -> Callable[[str], None]:
        """Give what shows what it waits for."""


class Weights(NamedTuple):
    """Bytes of weights, and what they may be; on the CPU all of them are in RAM."""

    on_device: int
    in_ram: int
    device_budget: int
    ram_budget: int


class Part:
    """What is in memory under one handle; the fields are residency's to change."""

    def __init__(self, handle: Handle) -> None:
        self.handle = handle
        self.key = key_of(handle)
        self.module: nn.Module | None = None  # what works
        self.own: nn.Module | None = None  # what is moved: all of it, or what a twin does not share
        self.lender: Part | None = None  # has the rest of a twin's tensors
        self.bytes = 0
        self.on_device = False
        self.offloaded = False  # its weights lie in RAM, and it works on the device
        self.hosted = False  # somebody else's, who moves it and lets go of it
        self.pins = 0
        self.used = time.monotonic()
        self.lock = threading.Lock()  # one loads, others wait for it

    def hold(self, module: nn.Module, own: nn.Module, lender: "Part | None") -> None:
        """Take what was read."""
        self.own, self.lender = own, lender
        self.bytes = size_of(own)
        self.module = module

    def drop(self) -> None:
        """Let go of it."""
        self.module = self.own = self.lender = None
        self.on_device = False

    @property
    def there(self) -> nn.Module:
        """Give what works, of a part that is in memory."""
        assert self.module is not None
        return self.module

    @property
    def turn(self) -> tuple[int, float]:
        """Order parts by when they make way: encoders first, denoisers last, each by last use."""
        name = self.handle.part
        rank = 0 if name.startswith(_FIRST) else 2 if name in _LAST else 1
        return rank, self.used


def key_of(handle: Handle) -> Handle:
    """Give what two handles have in common that name the same weights, wherever the files lie."""
    adapters = tuple((identity, "", weight) for identity, _, weight in handle.adapters)
    pictures = tuple((identity, "", count) for identity, _, count in handle.image_adapters)
    return msgspec.structs.replace(
        handle, path="", stamp=(0, 0), weights="", adapters=adapters, image_adapters=pictures
    )


def dtype_of(handle: Handle, usual: torch.dtype) -> torch.dtype:
    """Say in which number format a part works, on a device that works in the usual one."""
    return torch.float32 if handle.precise else usual


def plain(handle: Handle) -> Handle:
    """Name the same part without adapters."""
    return msgspec.structs.replace(handle, adapters=(), image_adapters=())


def identities(handle: Handle) -> list[str]:
    """Name what is in memory with a part: its checkpoint, and the adapters on top."""
    adapters = (*handle.adapters, *handle.image_adapters)
    return [handle.identity, *(identity for identity, *_ in adapters)]


def size_of(module: nn.Module) -> int:
    """Count the bytes of a module's parameters and buffers, shared ones once."""
    tensors = {t.data_ptr(): t for t in (*module.parameters(), *module.buffers())}
    return sum(t.nbytes for t in tensors.values())
