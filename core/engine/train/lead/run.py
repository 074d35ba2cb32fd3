"""One training as a job of the engine: the counterpart of ``runner.Runner`` for a run.

Knows how a run ends, what is tried where memory is lacking, and what becomes of what was learned.
"""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import torch
from msgspec import structs

from core.engine.baton import Cancelled
from core.engine.context import Engine, Job
from core.engine.ladder import Rung, Shortage, climb
from core.engine.registry import Nodes
from core.engine.steering import Reason
from core.engine.train.callbacks.control import End
from core.engine.train.callbacks.hold import Hold
from core.engine.train.keep import beginning
from core.engine.train.lead import finish
from core.engine.train.lead.conduct import Conduct, Crowded
from core.engine.train.lead.session import Learned, Session
from core.engine.train.share.shared import Shared
from core.engine.train.tell.voice import Voice
from core.ipc.commands import RunTraining
from core.ipc.reports import Fatal, JobCanceled, JobDone, JobFailed, TrainingParked
from core.records.graph import GraphNode, Json
from core.records.recipe import Recipe
from core.records.task import MadeModel

_SLICE = 0.1  # seconds between two looks of a run that waits
_ACCUMULATE = 1024  # forwards of a step at most
_CHANGES = ("narrow_batch", "optimizer_8bit")  # rungs after which losses are others


class TrainingRun:
    """Do one training for one job, on the job's own thread."""

    def __init__(self, engine: Engine, nodes: Nodes, job: Job, command: RunTraining) -> None:
        self.engine = engine
        self.job = job
        self.made: list[MadeModel] = []
        self.result: dict[str, Json] | None = None
        self._nodes = nodes
        self._command = command
        self._recipe = beginning.narrowed(command)
        self._voice = Voice(engine, job, command)
        self._conduct = Conduct(job, command, self._voice)
        self._parked: TrainingParked | None = None
        job.report = engine.outbox.send
        job.tell = self._voice.prepares

    @property
    def node(self) -> GraphNode | None:
        """Give no node: a training runs no graph of its own."""
        return None

    @property
    def outputs(self) -> dict[str, Any]:
        """Give no values: a training answers by ``made`` and ``result``."""
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
        """Train to the end, or until the run is stopped or parked.

        :raises Cancelled: at the next forward after a cancel.
        :raises HeliographError: when it cannot be done; the last good state is kept.
        """
        try:
            if self._waits(command):
                with torch.inference_mode(False):
                    climb(
                        self._attempt, self._rungs(), device=self.engine.device,
                        tell=self._degrade,
                    )  # fmt: skip
        except Crowded:
            self._park("memory", self._voice.step)
        except Cancelled:
            if self.job.wishes.canceled or self.job.wishes.parking is None:
                raise
            # The engine ends and did not wait any longer: the run goes on from what it kept.
            self._park("stopping", beginning.newest_step(command))

    def ended(
        self, report: JobDone | JobFailed | JobCanceled | Fatal
    ) -> JobDone | JobFailed | JobCanceled | TrainingParked | Fatal:
        """Give the last report of the job, where it came to such an end."""
        if not isinstance(report, JobDone):
            return report
        if self._parked is not None:
            return self._parked
        self._voice.memory()
        return structs.replace(report, peak_bytes=max(report.peak_bytes, self._voice.peak))

    def _waits(self, command: RunTraining) -> bool:
        """Wait, with nothing in memory, where a run begins paused; say whether it is to begin."""
        wishes = self.job.wishes
        if not command.paused:
            return True
        step = beginning.newest_step(command)
        self._voice.pauses(step, True)
        while not wishes.ending and wishes.pausing() is not False:
            self._voice.idle()
            wishes.wait(_SLICE)
        self.job.check()
        if wishes.parking is not None:
            self._park(wishes.parking, step)
        elif wishes.stopping:
            self.result = {"step": step, "stopped": True}
        else:
            self._voice.pauses(step, False)
        return not wishes.ending

    def _attempt(self) -> None:
        session = Session(
            self.engine, self._nodes, self.job, self._command, self._recipe, self._conduct,
            self._voice,
        )  # fmt: skip
        if self._recipe.parallel > 1 and (end := self._shared(session)) is not None:
            self._ended(end, beginning.newest_step(self._command))
            return
        with session.learned() as learned:
            if learned.end is not None:
                self._ended(learned.end, learned.step)
            else:
                self._publish(learned, session.hold)
        # Not before: until here the networks are the run's, under an identity of its own.
        if self.made:
            with session.hold.working("publish"):
                finish.adopt(self.engine, self._command, self._recipe, learned.method, self.made)

    def _shared(self, session: Session) -> End:
        """Let processes take the steps; what follows their last one is this job's own."""
        shared = Shared(self.engine, self.job, self._command, self._recipe, self._voice)
        if shared.left:
            session.prepare()
        return shared.drive()

    def _ended(self, end: End, step: int) -> None:
        """Note why a run ended before its last step."""
        if end == "stopped":
            self.result = {"step": step, "stopped": True}
        elif end is not None:
            self._park(end, step)

    def _publish(self, learned: Learned, hold: Hold) -> None:
        self.result = {"step": learned.step}
        with hold.working("publish"):
            finish.settle(learned.method, learned.mean)
        self.made = finish.publish_all(
            self._command, self._recipe, learned.method, learned.step, hold, self._voice
        )

    def _park(self, reason: Reason, step: int) -> None:
        self._parked = TrainingParked(
            job=self.job.id, training=self._command.training, step=step, reason=reason
        )

    def _rungs(self) -> Iterator[Rung]:
        """List what is tried where memory is lacking: what changes no loss comes first."""
        yield Rung("evict_idle", self._evict)
        yield Rung("grad_checkpoint", lambda: self._with(_checkpointed))
        for _ in range(self._recipe.batch.bit_length()):
            yield Rung("narrow_batch", lambda: self._anew(_narrower))
        yield Rung("optimizer_8bit", lambda: self._anew(_in_8_bit))

    def _evict(self) -> bool:
        with self.engine.baton.hold(self.job.id, "load", check=self.job.check):
            return self.engine.residency.evict_idle() > 0

    def _with(self, change: Callable[[Recipe], Recipe | None]) -> bool:
        changed = change(self._recipe)
        if changed is None:
            return False
        self._recipe = changed
        return True

    def _anew(self, change: Callable[[Recipe], Recipe | None]) -> bool:
        """Change what losses depend on: only before anything was kept that depends on it."""
        if beginning.newest_step(self._command) or not self._with(change):
            return False
        beginning.narrow(self._command, self._recipe)
        return True

    def _degrade(self, rung: str, shortage: Shortage) -> None:
        self.job.degrade(rung, shortage)
        if rung in _CHANGES:
            self._voice.warn(
                "training_degraded",
                {"rung": rung, "needed": shortage.needed, "free": shortage.free},
            )


def _checkpointed(recipe: Recipe) -> Recipe | None:
    return None if recipe.grad_checkpoint else structs.replace(recipe, grad_checkpoint=True)


def _narrower(recipe: Recipe) -> Recipe | None:
    """Halve the batch and double what is accumulated: a step sees as many pictures."""
    if recipe.batch % 2 or recipe.accumulate * 2 > _ACCUMULATE:
        return None
    return structs.replace(recipe, batch=recipe.batch // 2, accumulate=recipe.accumulate * 2)


def _in_8_bit(recipe: Recipe) -> Recipe | None:
    if recipe.optimizer not in (None, "adamw") or find_spec("bitsandbytes") is None:
        return None
    return structs.replace(recipe, optimizer="adamw8bit")
