"""What a row follows: its prompts in their turns, guided or not, for the whole and in regions.

Lays out a row's entries of a batch and combines what the network makes of them. Knows neither
latents nor schedulers.
"""

from collections.abc import Sequence

import torch

from core.engine.diffusion.guidance import Guidance, combine
from core.engine.diffusion.prompted import Prompted
from core.engine.diffusion.regions import Cut, Regions, whole
from core.engine.diffusion.turns import Turn


class Followed:
    """The conditioning of a row at the step to come.

    :param negative: needed where any step is guided, else not used.
    :param turns: what takes the place of these from a step on, in order; shaped as they are.
    :param steps: how many the caller counts.
    :raises ValueError: for a guided row without ``negative``, or shapes that differ.
    """

    def __init__(
        self,
        positive: Prompted,
        negative: Prompted | None,
        regions: Regions | None,
        turns: Sequence[Turn],
        guidance: Guidance,
        steps: int,
    ) -> None:
        if guidance.ever and negative is None:
            raise ValueError("a guided row needs its negative conditioning")
        first = Turn(0, positive, negative, () if regions is None else regions.prompts)
        for turn in (first, *turns):
            for one in (turn.positive, turn.negative, *turn.regions):
                if one is not None and one.shape != positive.shape:
                    raise ValueError(f"conditioning differs: {one.shape}, {positive.shape}")
        self.positive = positive
        self.negative = negative if guidance.ever else None
        self._regions = regions
        self._guidance = guidance
        self._turns = list(turns)
        self._steps = steps
        self._guiding = False
        self.turn(0)

    def turn(self, done: int) -> None:
        """Take what follows ``done`` steps."""
        self._guiding = self.negative is not None and self._guidance.at(done, self._steps)
        while self._turns and self._turns[0].done <= done:
            turn = self._turns.pop(0)
            self.positive = turn.positive
            self.negative = turn.negative if self._guidance.ever else None
            if self._regions is not None:
                self._regions.prompts = turn.regions

    def enter(self, device: torch.device, dtype: torch.dtype) -> None:
        """Move onto the device; does nothing when it is there."""
        self.positive = self.positive.to(device, dtype)
        if self.negative is not None:
            self.negative = self.negative.to(device, dtype)
        if self._regions is not None:
            self._regions.enter(device, dtype)

    def entries(self) -> list[Prompted]:
        """List what the entries of a batch are conditioned on.

        The unconditional half is first, where there is one, and regions are last.
        """
        first = [self.negative] if self._guiding and self.negative is not None else []
        return [*first, self.positive, *(self._regions.prompts if self._regions else ())]

    def conditional(self) -> list[bool]:
        """Say of each entry whether it follows a prompt; the unconditional half does not."""
        return [not (self._guiding and not place) for place in range(len(self.entries()))]

    def combined(self, predictions: Sequence[torch.Tensor], cut: Cut = whole) -> torch.Tensor:
        """Make one prediction of those of the entries; all (1, C, h, w) float32.

        :param cut: takes out the part of the picture that the predictions are of.
        """
        some = predictions[1:] if self._guiding else predictions
        conditional = some[0] if self._regions is None else self._regions.blend(some, cut)
        if not self._guiding:
            return conditional
        return combine(predictions[0], conditional, self._guidance.scale, self._guidance.rescale)
