"""One task as a job of the engine: the counterpart of ``runner.Runner`` for what is no graph.

Knows which function does which task, and how its progress is told.
"""

from typing import Any

from core.engine.cache import Cache
from core.engine.context import Engine, Job
from core.engine.registry import Nodes
from core.engine.runner import Runner
from core.ipc.commands import RunTask
from core.ipc.reports import JobProgressed
from core.records.graph import GraphNode, Json
from core.records.task import AnyTask, Convert, MadeModel, Verify

_MIB = 1 << 20


class TaskRun:
    """Do one task for one job, on the job's own thread."""

    def __init__(self, engine: Engine, nodes: Nodes, job: Job, command: RunTask) -> None:
        self.engine = engine
        self.job = job
        self.made: list[MadeModel] = []
        self.result: dict[str, Json] | None = None
        self._command = command
        # Of graphs that a task needs; they are timed, so nothing is taken from a cache.
        self._runner = Runner(engine, Cache(0), nodes, job)
        self._shown = -1
        job.tell = self.tell

    @property
    def node(self) -> GraphNode | None:
        """Give the node that runs, where the task runs a graph."""
        return self._runner.node

    @property
    def outputs(self) -> dict[str, Any]:
        """Give no values: a task answers by ``made`` and ``result``."""
        return {}

    @property
    def cached(self) -> int:
        """Count the nodes whose output was taken from the cache."""
        return self._runner.cached

    @property
    def ran(self) -> int:
        """Count the nodes that ran."""
        return self._runner.ran

    def run(self, task: AnyTask) -> None:
        """Do the task.

        :raises Cancelled: at the next check after a cancel.
        :raises HeliographError: when it cannot be done.
        """
        # Imported here: an engine says hello before it has imported diffusers.
        if isinstance(task, Convert):
            from core.engine.tasks import convert

            with self.engine.baton.aside("convert"):
                counter = convert.Counter(self._count)
                self.made.append(convert.convert(self._command, task, counter))
        else:
            from core.engine.tasks import verify

            assert isinstance(task, Verify)
            self.result = verify.verify(self, self._runner, self._command, task)

    def tell(self, phase: str, step: int = 0, steps: int = 0) -> None:
        """Show how far the task is."""
        self.engine.baton.moved()
        self.engine.outbox.progress(
            JobProgressed(job=self.job.id, node=None, phase=phase, step=step, steps=steps)
        )

    def _count(self, done: int, total: int) -> None:
        self.job.check()
        if done // _MIB == self._shown:
            self.engine.baton.moved()
            return
        self._shown = done // _MIB
        self.tell("convert", self._shown, -(-total // _MIB))
