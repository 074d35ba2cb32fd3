"""One training as a job of the engine: the counterpart of ``runner.Runner`` for a run."""

from typing import Any

from core.engine.context import Engine, Job
from core.engine.registry import Nodes
from core.ipc.commands import RunTraining
from core.ipc.reports import Fatal, JobCanceled, JobDone, JobFailed, TrainingParked
from core.records.graph import GraphNode, Json
from core.records.task import MadeModel


class TrainingRun:
    """Do one training for one job, on the job's own thread."""

    def __init__(self, engine: Engine, nodes: Nodes, job: Job, command: RunTraining) -> None:
        self.engine = engine
        self.job = job
        self.made: list[MadeModel] = []
        self.result: dict[str, Json] | None = None
        self._parked: TrainingParked | None = None

    @property
    def node(self) -> GraphNode | None:
        """Give no node."""
        return None

    @property
    def outputs(self) -> dict[str, Any]:
        """Give no values."""
        return {}

    @property
    def cached(self) -> int:
        """Count nothing."""
        return 0

    @property
    def ran(self) -> int:
        """Count nothing."""
        return 0

    def run(self, command: RunTraining) -> None:
        """Train."""
        raise NotImplementedError

    def ended(
        self, report: JobDone | JobFailed | JobCanceled | Fatal
    ) -> JobDone | JobFailed | JobCanceled | TrainingParked | Fatal:
        """Give the last report of the job, where it came to such an end."""
        if isinstance(report, JobDone) and self._parked is not None:
            return self._parked
        return report
