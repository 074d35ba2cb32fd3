"""Control: what a run was asked for is done between two optimizer steps, and only there.

So nothing that is asked changes a loss. Knows what is wanted; how state is saved, and what a sample
is, is known to who does it.
"""

import time
from typing import Any, Literal, Protocol

from pytorch_lightning import Callback, Trainer

from core.engine.steering import Reason, Wishes

_SLICE = 0.1  # seconds between two looks at the job of a run that waits
_PATIENCE = 300.0  # seconds that weights of a run that waits stay where they are

End = Literal["stopped"] | Reason | None


class Steered(Protocol):
    """The run that is steered."""

    def check(self) -> None:
        """Leave if the job was canceled."""

    def moved(self) -> None:
        """Show a sign of life."""

    def save(self, snapshot: bool = False) -> None:
        """Keep the state as of the last step; may go on beside what follows.

        :param snapshot: usable weights as well.
        """

    def sample(self, step: int, prompts: tuple[str, ...]) -> None:
        """Draw what was asked for."""

    def wanted(self) -> bool:
        """Say whether others want the memory of a run that waits."""

    def pauses(self, step: int, paused: bool) -> None:
        """Tell that the run waits, or goes on."""


class Control(Callback):  # type: ignore[misc]  # no types
    """Does what was asked for after each optimizer step; without the baton.

    ``end`` says why the run ended before its last step, where it did.

    :param patience: seconds after which a run that waits lets go of its weights.
    """

    def __init__(self, wishes: Wishes, run: Steered, patience: float = _PATIENCE) -> None:
        self._wishes = wishes
        self._run = run
        self._patience = patience
        self._step = 0
        self.end: End = None

    def on_train_start(self, trainer: Trainer, *_: Any) -> None:
        """Note where the run goes on; what was asked for meanwhile is done before it does."""
        self._step = trainer.global_step
        self._look(trainer)

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Look, if a step was taken."""
        if trainer.global_step != self._step:
            self._step = trainer.global_step
            self._look(trainer)

    def _look(self, trainer: Trainer) -> None:
        self._serve()
        if self._wishes.pausing():
            self._pause()
        self._run.check()
        self.end = "stopped" if self._wishes.stopping else self._wishes.parking
        if self.end is not None:
            trainer.should_stop = True

    def _serve(self) -> None:
        if self._wishes.saving():
            self._run.save(snapshot=True)
        for prompts in self._wishes.samples():
            self._run.sample(self._step, prompts)

    def _pause(self) -> None:
        """Wait until the run is to go on or to end."""
        self._run.save()
        self._run.pauses(self._step, True)
        since = time.monotonic()
        while not self._wishes.ending and self._wishes.pausing() is not False:
            self._run.check()
            self._run.moved()
            self._serve()
            if self._run.wanted() or time.monotonic() - since >= self._patience:
                self._wishes.park("memory")
            else:
                self._wishes.wait(_SLICE)
        self._run.check()
        if not self._wishes.ending:
            self._run.pauses(self._step, False)
