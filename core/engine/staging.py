"""Staging: weights pass two pinned buffers on their way, one filled while the other leaves.

From pinned memory a device fetches by itself, at the full speed of its bus. Pinning the weights
where they lie would be as fast, but takes memory of the machine that nobody else can have; so two
buffers of one size are all that is pinned. Knows tensors; neither modules nor parts.
"""

import logging
from typing import Any, NamedTuple

import torch
from torch import nn

log = logging.getLogger(__name__)

SIZE = 32 << 20  # bytes of each buffer
_LEAST = 1 << 20  # bytes of a tensor below which staging it is not worth it
_PLAIN = (torch.Tensor, nn.Parameter)  # others know by themselves how they move


class _Buffer(NamedTuple):
    memory: torch.Tensor  # uint8, in RAM
    left: Any  # a ``torch.Event``: its content has been fetched


class Staging:
    """Two buffers for one device; made when the first tensor passes. For one thread at a time.

    :param pin: whether they are pinned; a device without a bus of its own has no use for that.
    """

    def __init__(self, device: torch.device, size: int = SIZE, *, pin: bool = True) -> None:
        self._device = device
        self._size = size
        self._pin = pin
        self._buffers: list[_Buffer] = []
        self._turn = 0

    def moved(self, tensor: torch.Tensor) -> torch.Tensor:
        """Give a tensor on the device, laid out as it was; the same where it is there already.

        :raises torch.OutOfMemoryError: when it does not fit.
        """
        if tensor.device == self._device and self._pin:
            return tensor
        if tensor.nbytes < _LEAST or not _stageable(tensor) or not self._ready():
            return tensor.to(self._device)
        made = torch.empty_like(tensor, device=self._device)
        source, target = _bytes(tensor.detach()), _bytes(made)
        for begin in range(0, len(source), self._size):
            self._send(source[begin : begin + self._size], target[begin : begin + self._size])
        return made

    def _send(self, source: torch.Tensor, target: torch.Tensor) -> None:
        buffer = self._buffers[self._turn]
        self._turn = 1 - self._turn
        if buffer.left is not None:
            buffer.left.synchronize()
        part = buffer.memory[: len(source)]
        part.copy_(source)
        target.copy_(part, non_blocking=True)
        if buffer.left is not None:
            buffer.left.record()

    def _ready(self) -> bool:
        """Make the buffers; say whether there are any."""
        if not self._buffers and self._size:
            try:
                self._buffers = [self._buffer() for _ in range(2)]
            except RuntimeError as error:  # no more may be pinned: a limit of the system
                log.warning("Weights move without pinned memory: %s", error)
                self._size = 0
        return bool(self._buffers)

    def _buffer(self) -> _Buffer:
        memory = torch.empty(self._size, dtype=torch.uint8, pin_memory=self._pin)
        return _Buffer(memory, torch.Event(self._device) if self._pin else None)


def _stageable(tensor: torch.Tensor) -> bool:
    """Say whether a tensor is plain bytes in RAM without gaps."""
    dense = tensor.is_contiguous() or tensor.is_contiguous(memory_format=torch.channels_last)
    return dense and type(tensor) in _PLAIN and tensor.device.type == "cpu"


def _bytes(tensor: torch.Tensor) -> torch.Tensor:
    """See a tensor without gaps as its bytes, in the order in which they lie."""
    return tensor.as_strided((tensor.numel(),), (1,)).view(torch.uint8)
