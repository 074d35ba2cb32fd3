"""A run that several devices share, as its job sees it: processes are started, followed and ended.

What they prepare from one cache was prepared before, and what is done with their last checkpoint is
done after, by a session of the job itself. Knows neither parts nor steps.
"""

import os

from msgspec import structs

from core.engine.context import Engine, Job
from core.engine.train.callbacks.control import End
from core.engine.train.keep import beginning
from core.engine.train.share import launch
from core.engine.train.share.launch import Launch
from core.engine.train.tell.voice import Voice
from core.ipc.commands import RunTraining
from core.ipc.reports import AnyReport, TrainingBegan, TrainingLosses
from core.records.recipe import Recipe

_SLICE = 0.1  # seconds between two looks at the job of a run that waits


class Shared:
    """The steps of one run, taken by processes."""

    def __init__(
        self, engine: Engine, job: Job, command: RunTraining, recipe: Recipe, voice: Voice
    ) -> None:
        self._engine, self._job, self._voice = engine, job, voice
        self._command = structs.replace(command, recipe=recipe)
        self._steps, self._count = recipe.max_steps or 0, recipe.parallel

    @property
    def left(self) -> bool:
        """Say whether there are steps left after the newest checkpoint."""
        return self._done() < self._steps

    def drive(self) -> End:
        """Take the steps that are left; say why the run ended before, where it did.

        A pause ends the processes and starts others: they go on exactly.

        :raises Cancelled: when the job is canceled; the processes are gone.
        :raises JobError: as the run failed; processes_lost where they get no further.
        """
        wishes = self._job.wishes
        while self.left:
            pausing = self._go()
            if wishes.stopping:
                return "stopped"
            if wishes.parking is not None:
                return wishes.parking
            if pausing:
                self._wait()
            # A command that names its checkpoint did so for the first start alone.
            self._command = structs.replace(self._command, start=None, fresh=False)
        return None

    def _done(self) -> int:
        return beginning.newest_step(self._command)

    def _go(self) -> bool:
        """Run the processes until their last step, or until something is wanted of the run."""
        wishes, pausing = self._job.wishes, False

        def wanted() -> bool:
            nonlocal pausing
            pausing = pausing or bool(wishes.pausing())
            return pausing or wishes.ending

        device = self._engine.device.torch.type
        threads = max(1, (os.cpu_count() or 1) // self._count) if device == "cpu" else 0
        told = Launch(
            command=self._command, device=device, count=self._count, threads=threads,
            options=self._engine.options,
        )  # fmt: skip
        with self._engine.baton.aside("train"):
            launch.run(told, self._told, self._done, wanted=wanted)
        return pausing

    def _wait(self) -> None:
        wishes, step = self._job.wishes, self._done()
        self._voice.pauses(step, True)
        while not wishes.ending and wishes.pausing() is not False:
            self._voice.idle()
            wishes.wait(_SLICE)
        self._job.check()
        if not wishes.ending:
            self._voice.pauses(step, False)

    def _told(self, report: AnyReport) -> None:
        self._voice.idle()
        match report:
            case TrainingLosses():
                for point in report.points:
                    self._voice.told.take(point)
            case TrainingBegan():
                self._voice.send(report)
            case _:
                self._voice.told.flush()
                self._engine.outbox.send(report)
