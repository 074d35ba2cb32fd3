"""Stowing: the optimizer's state leaves the device while pictures need it, between two steps.

Only the bytes move, and they come back before the next forward, so no step is another one. What
leaves is the larger part of full training: two numbers for each weight. Knows no files.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import nn

from core.engine.carrier import Carrier
from core.engine.faults import out_of_memory
from core.engine.part import Part

_SMALL = 1024  # bytes; counters of steps stay where they are


class _Luggage(nn.Module):
    """Tensors as a module, so that they move as weights do, through pinned memory."""

    def __init__(self, tensors: list[torch.Tensor]) -> None:
        super().__init__()
        for number, tensor in enumerate(tensors):
            self.register_buffer(f"at{number}", tensor)


class _Slot(NamedTuple):
    """Where the optimizer keeps a tensor."""

    state: dict[str, Any]
    name: str

    @property
    def tensor(self) -> torch.Tensor:
        """Give it."""
        found: torch.Tensor = self.state[self.name]
        return found


class Stowing(Callback):  # type: ignore[misc]  # no types
    """Moves the optimizer's state. ``give`` and ``back`` are called under the baton.

    :param make_room: sends idle parts away, until so many bytes are free.
    :param accumulate: forwards of a step: in its middle nothing is given.
    """

    def __init__(
        self, carrier: Carrier, make_room: Callable[[int], object], accumulate: int
    ) -> None:
        self.part: Part | None = None  # with which the state is counted
        self.count = 0  # times that it was given
        self._carrier = carrier
        self._make_room = make_room
        self._accumulate = accumulate
        self._optimizer: Any = None
        self._module: Any = None
        self._luggage: _Luggage | None = None
        self._counted = 0

    @property
    def stowed(self) -> bool:
        """Say whether the state lies in RAM."""
        return self._luggage is not None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Learn whose state it is."""
        self._optimizer, self._module = trainer.optimizers[0], pl_module

    def on_train_batch_end(self, *_: Any) -> None:
        """Count what the first steps made."""
        if self._luggage is None:
            self._count(self.bytes)

    def on_train_end(self, *_: Any) -> None:
        """Let go of it."""
        self._optimizer = self._module = self._luggage = None
        self._count(0)

    on_exception = on_train_end

    @property
    def bytes(self) -> int:
        """Count the state's bytes, and those of the gradients that one step needs."""
        if self._optimizer is None:
            return 0
        rows = self._optimizer.param_groups
        trained: list[torch.Tensor] = [one for row in rows for one in row["params"]]
        grads = sum(one.nbytes for one in trained if one.requires_grad)
        return grads + sum(slot.tensor.nbytes for slot in self._slots())

    def give(self) -> int:
        """Take the state into RAM, if no step has begun; give the bytes that freed."""
        if self._optimizer is None or self._luggage is not None:
            return 0
        slots = list(self._slots())
        if self._module.position % self._accumulate or not slots:
            return 0
        luggage = _Luggage([slot.tensor for slot in slots])
        self._carrier.take_away(luggage)
        self._unpack(luggage, slots)
        self._luggage = luggage
        self.count += 1
        self._count(0)
        return sum(tensor.nbytes for tensor in luggage.buffers())

    def back(self) -> bool:
        """Bring the state back; say whether it is there, which it is not while memory is short."""
        luggage = self._luggage
        if luggage is None:
            return True
        slots = list(self._slots())
        # As it is now: a checkpoint that was read meanwhile would have put others in their places.
        luggage = _Luggage([slot.tensor for slot in slots])
        self._make_room(sum(tensor.nbytes for tensor in luggage.buffers()))
        try:
            self._carrier.bring(luggage)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            return False
        finally:
            self._unpack(luggage, slots)
        self._luggage = None
        self._count(self.bytes)
        return True

    def _slots(self) -> Iterator[_Slot]:
        for state in self._optimizer.state.values():
            for name, value in state.items():
                if isinstance(value, torch.Tensor) and value.nbytes > _SMALL:
                    yield _Slot(state, name)

    def _unpack(self, luggage: _Luggage, slots: list[_Slot]) -> None:
        for slot, tensor in zip(slots, luggage.buffers(), strict=True):
            slot.state[slot.name] = tensor

    def _count(self, size: int) -> None:
        if self.part is not None:
            self.part.bytes += size - self._counted
            self._counted = size
