"""Parts: one network of a checkpoint as residency keeps it, and how many bytes it takes.

An adapted part is a twin of the one it was made from (``adapters.twin``): it moves and counts its
own layers alone, and works only as long as the other is where it was.
"""

import threading
import time

from torch import nn

from core.engine.values import Handle


class Part:
    """What is in memory under one handle; the fields are residency's to change."""

    def __init__(self, handle: Handle) -> None:
        self.handle = handle
        self.module: nn.Module | None = None  # what works
        self.own: nn.Module | None = None  # what is moved: all of it, or what a twin does not share
        self.lender: Part | None = None  # has the rest of a twin's tensors
        self.bytes = 0
        self.on_device = False
        self.offloaded = False  # its weights lie in RAM, and it works on the device
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


def size_of(module: nn.Module) -> int:
    """Count the bytes of a module's parameters and buffers, shared ones once."""
    tensors = {t.data_ptr(): t for t in (*module.parameters(), *module.buffers())}
    return sum(t.nbytes for t in tensors.values())
