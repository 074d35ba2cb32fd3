"""Conduct: what a run does between steps when it is asked to, or lacks memory.

Knows what keeps state and draws samples of the steps that are being taken, by callables.
"""

import time
from collections.abc import Callable, Sequence

from core.engine.context import Job
from core.engine.train.draw import asking
from core.engine.train.draw.sampled import Asked
from core.engine.train.tell.voice import Voice
from core.ipc.commands import RunTraining

_SLICE = 0.1  # seconds between two looks of a run that lacks memory
_PATIENCE = 30.0  # seconds that it lacks memory before it lets go of all it has


class Crowded(BaseException):
    """Raised in a run's thread where it cannot go on beside pictures; it is to be parked."""


class Conduct:
    """How one run behaves; ``callbacks.control.Steered``.

    :param patience: seconds that it waits for memory.
    """

    def __init__(
        self, job: Job, command: RunTraining, voice: Voice, patience: float = _PATIENCE
    ) -> None:
        self._job, self._command, self._voice = job, command, voice
        self._patience = patience
        self._short_since: float | None = None
        self._save: Callable[[bool], None] = lambda snapshot: None
        self._draw: Callable[[int, Sequence[Asked]], None] = lambda step, asked: None
        self._wanted: Callable[[], bool] = lambda: False

    def begin(
        self,
        save: Callable[[bool], None],
        draw: Callable[[int, Sequence[Asked]], None],
        wanted: Callable[[], bool],
    ) -> None:
        """Take what keeps state and draws samples, of the steps that follow."""
        self._save, self._draw, self._wanted = save, draw, wanted

    def check(self) -> None:
        """Leave if the job was canceled."""
        self._job.check()

    def moved(self) -> None:
        """Show a sign of life."""
        self._voice.moved()

    def save(self, snapshot: bool = False) -> None:
        """Keep the state as of the last step, and usable weights where those are wanted."""
        self._voice.told.flush()
        self._save(snapshot)

    def sample(self, step: int, prompts: tuple[str, ...]) -> None:
        """Draw what was asked for; without prompts the regular ones."""
        self._draw(step, asking.asked(self._command, prompts))

    def wanted(self) -> bool:
        """Say whether pictures want the memory of a run that waits."""
        return self._wanted()

    def pauses(self, step: int, paused: bool) -> None:
        """Tell that the run waits, or goes on."""
        self._voice.pauses(step, paused)

    def short(self) -> None:
        """Wait a moment for memory that pictures have.

        :raises Crowded: when that was long enough; the state is kept.
        """
        now = time.monotonic()
        if self._short_since is None:
            self._short_since = now
            self._voice.warn("training_stowed", {})
        if now - self._short_since >= self._patience or self._job.wishes.ending:
            self._save(False)
            raise Crowded
        self._voice.idle()
        self._job.wishes.wait(_SLICE)

    def enough(self) -> None:
        """Note that memory is there again."""
        self._short_since = None
