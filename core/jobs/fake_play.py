"""What the fake engine does with a job of each kind, and what it remembers between two.

Knows no time and no generations: those are ``fake``'s.
"""

from collections import OrderedDict
from pathlib import Path

import anyio
import msgspec
from anyio import to_thread

from core.errors import HeliographError, ModelUnreadable, Params
from core.graph.catalogue import Catalogue
from core.ipc.commands import Run, RunGraph, RunTask, RunTraining, Steer
from core.ipc.reports import JobDone, JobFailed
from core.jobs import fake_folder, fake_made
from core.jobs.fake_job import FakeJob, FakeScript, Host
from core.jobs.fake_run import FakeRun
from core.jobs.fake_task import SAME, Ended, FakeTask, drawing
from core.jobs.fake_training import FakeTraining, TrainingEnd
from core.records.task import Convert, Export, Publish

_CACHED = 4096  # keys


class FakePlay:
    """The work of a fake engine, over all of its generations."""

    def __init__(self, staging: Path, host: Host) -> None:
        self._staging = staging
        self._host = host
        self._keys: OrderedDict[bytes, None] = OrderedDict()
        self._crashed: set[str] = set()  # jobs that crashed once already
        self._trainings: dict[str, FakeTraining] = {}

    async def play(
        self, command: Run, canceled: anyio.Event, catalogue: Catalogue, script: FakeScript
    ) -> TrainingEnd:
        """Do a job; give its last report."""
        if isinstance(command, RunTraining):
            return await self._train(command, canceled, script)
        report: Ended
        if isinstance(command, RunTask) and command.training is not None:
            return await self._of_run(command, command.training)
        if isinstance(command, RunTask) and isinstance(command.task, Convert):
            report = await self._convert(command, command.task, canceled, script)
        else:
            report = await self._draw(drawing(command), canceled, catalogue, script)
        if isinstance(command, RunTask) and isinstance(report, JobDone) and not report.made:
            report = msgspec.structs.replace(report, result=SAME)
        return report

    def steer(self, command: Steer) -> None:
        """Hand on what is asked of a training; of one that does not run it is nothing."""
        if command.job in self._trainings:
            self._trainings[command.job].steer(command)

    def park(self) -> None:
        """Ask every training to save itself and end."""
        for training in self._trainings.values():
            training.park()

    def forget(self) -> None:
        """Drop what is cached."""
        self._keys.clear()

    async def _draw(
        self, command: RunGraph, canceled: anyio.Event, catalogue: Catalogue, script: FakeScript
    ) -> Ended:
        run = FakeRun(command, catalogue, self._staging, self._keys)
        report = await FakeJob(command, run, script, canceled, self._crashed, self._host).play()
        if isinstance(report, JobDone):
            self._remember(run.keys)
        else:
            await to_thread.run_sync(run.sweep)
        return report

    async def _convert(
        self, command: RunTask, task: Convert, canceled: anyio.Event, script: FakeScript
    ) -> Ended:
        job = FakeTask(command, task, script, canceled, self._crashed, self._host)
        report = await job.play()
        if not isinstance(report, JobDone):
            await to_thread.run_sync(job.sweep)
        return report

    async def _train(
        self, command: RunTraining, canceled: anyio.Event, script: FakeScript
    ) -> TrainingEnd:
        training = FakeTraining(command, script, canceled, self._crashed, self._host, self._staging)
        self._trainings[command.job] = training
        try:
            report = await training.play()
        finally:
            del self._trainings[command.job]
        if not isinstance(report, JobDone):
            await to_thread.run_sync(training.sweep)
        return report

    async def _of_run(self, command: RunTask, run: RunTraining) -> JobDone | JobFailed:
        """Make a model of a snapshot, or a file of a model."""
        try:
            if isinstance(command.task, Publish):
                snapshot = Path(run.folder, "snapshots", command.task.snapshot)
                step = await to_thread.run_sync(fake_folder.step_of, snapshot)
                made = await to_thread.run_sync(fake_made.write, run)
                return JobDone(job=command.job, made=[made], result={"step": step})
            assert isinstance(command.task, Export)
            source = Path(command.resources[command.task.made].path)
            size = await to_thread.run_sync(fake_made.export, run, source, command.task.file)
            return JobDone(job=command.job, result={"file": command.task.file, "bytes": size})
        except HeliographError as error:
            return JobFailed(job=command.job, code=error.name, params=error.params)
        except OSError as error:
            params: Params = {"reason": error.strerror or ""}
            return JobFailed(job=command.job, code=ModelUnreadable.code, params=params)

    def _remember(self, keys: list[bytes]) -> None:
        for key in keys:
            self._keys[key] = None
        while len(self._keys) > _CACHED:
            self._keys.popitem(last=False)
