"""Voice: what a run tells the server of itself. Knows reports; neither parts nor steps."""

from core.engine.context import Engine, Job
from core.engine.memory import resident
from core.engine.train.callbacks.told import Told
from core.engine.train.keep.keeping import Saved
from core.errors import Params
from core.ipc.commands import RunTraining
from core.ipc.reports import (
    AnyTrainingReport,
    JobProgressed,
    TrainingPauses,
    TrainingSaved,
    TrainingWarned,
)


class Voice:
    """Speaks for one run.

    ``step`` is the last one that was shown, ``peak`` the most bytes that were seen in use: of the
    process, or of a card that counts.
    """

    def __init__(self, engine: Engine, job: Job, command: RunTraining) -> None:
        self._engine, self._job, self._training = engine, job, command.training
        self.step = 0
        self.peak = 0
        self.told = Told(
            engine.outbox, job.id, command.training, command.recipe.max_steps or 0, self._stepped
        )

    def moved(self) -> None:
        """Show a sign of life."""
        self._engine.baton.moved()

    def idle(self) -> None:
        """Show one, and leave if the job was canceled: while something is waited for."""
        self.moved()
        self._job.check()

    def prepares(self, phase: str, done: int = 0, total: int = 0) -> None:
        """Show how far the preparation is, and leave if the job was canceled."""
        self.idle()
        self._engine.outbox.progress(
            JobProgressed(job=self._job.id, node=None, phase=phase, step=done, steps=total)
        )

    def pauses(self, step: int, paused: bool) -> None:
        """Tell that the run waits, or goes on."""
        self.told.flush()
        self.send(
            TrainingPauses(job=self._job.id, training=self._training, step=step, paused=paused)
        )

    def warn(self, code: str, params: Params) -> None:
        """Tell of something that is not as it should be; from any thread."""
        self.send(
            TrainingWarned(
                job=self._job.id, training=self._training, step=self.step, code=code,
                params=params,
            )
        )  # fmt: skip

    def saved(self, saved: Saved) -> None:
        """Tell what is on the disk; from any thread."""
        self.send(
            TrainingSaved(
                job=self._job.id, training=self._training, name=saved.name, step=saved.step,
                kind=saved.kind, size=saved.size, metric=saved.metric, best=saved.best,
                removed=saved.removed,
            )
        )  # fmt: skip

    def send(self, report: AnyTrainingReport) -> None:
        """Send a report; from any thread."""
        self._engine.outbox.send(report)

    def memory(self) -> int:
        """Give the bytes that are taken: on a card by tensors, else by the process."""
        device = self._engine.device
        taken = device.allocated() if device.counts else resident()
        self.peak = max(self.peak, taken)
        return taken

    def _stepped(self, step: int) -> None:
        self.step = step
        self.moved()
