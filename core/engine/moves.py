"""Moves: how a part comes onto the device, leaves it, or works there with its weights in RAM.

Knows what parts share with each other; which of them moves, and when, is residency's knowledge.
Only under the baton.
"""

from collections.abc import Callable, Iterable, Iterator

from core.engine.device import Device
from core.engine.part import Part
from core.engine.speed import eager, quick


class Moves:
    """The moves of one residency's parts.

    :param parts: lists them all, for those that share layers with the one that moves.
    """

    def __init__(self, device: Device, parts: Callable[[], Iterable[Part]]) -> None:
        self._carrier = device.carrier
        self._parts = parts

    def bring(self, part: Part) -> None:
        """Move a part onto the device.

        :raises torch.OutOfMemoryError: when it does not fit; then it lies in RAM, as before.
        """
        assert part.own is not None
        self._carrier.bring(part.own)
        part.on_device = True

    def take_away(self, part: Part) -> None:
        """Move a part into RAM."""
        assert part.own is not None
        self._carrier.take_away(part.own)
        part.on_device = False

    def offload(self, part: Part) -> None:
        """Let a part that lies in RAM work on the device, layer by layer."""
        assert part.own is not None
        for one in self._sharing(part):  # what was compiled knows of no weights that come and go
            eager(one.module)
        self._carrier.offload(part.own, shared=self._shared(part))
        part.offloaded = True

    def share(self, part: Part) -> None:
        """Let others work with an offloaded part's layers, if those know only of its own order."""
        assert part.own is not None
        if part.offloaded and self._carrier.streamed(part.own):
            self._carrier.restore(part.own)
            self._carrier.offload(part.own, shared=True)

    def restore(self, part: Part) -> None:
        """Undo ``offload``: the part lies in RAM."""
        assert part.own is not None
        self._carrier.restore(part.own)
        part.offloaded = False
        for one in self._sharing(part):
            if not one.offloaded and not (one.lender is not None and one.lender.offloaded):
                quick(one.module)

    def _shared(self, part: Part) -> bool:
        """Say whether more than the part itself works with its layers."""
        twins = (one for one in self._parts() if one.lender is part and one.pins)
        return part.lender is not None or any(twins)

    def _sharing(self, part: Part) -> Iterator[Part]:
        """List the part and those that have layers of it; all of them are in memory."""
        for one in self._parts():
            if one.module is not None and (one is part or one.lender is part):
                yield one
