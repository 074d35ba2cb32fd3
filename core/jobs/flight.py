"""A job in flight: between its claim and its last report. Knows no queue and no engine."""

from core.graph.catalogue import Resources
from core.graph.describe import describe
from core.ipc.commands import RunTraining, Steer
from core.ipc.reports import JobProgressed
from core.records.events import JobProgress
from core.records.graph import Graph
from core.records.image import ImageFacts
from core.records.job import Progress
from core.records.task import AnyTask

_STEADY = frozenset(
    {"step", "convert", "train"}
)  # phases whose steps take about as long as each other
_WEIGHT = 0.3  # of the newest step in the running mean of seconds a step


class Flight:
    """What the server remembers of a job that the engine has."""

    def __init__(
        self, job: str, owner: str, generation: int, now: float, request_id: str = ""
    ) -> None:
        self.job = job
        self.request_id = request_id  # of the request that asked for it
        self.owner = owner
        self.generation = generation
        self.graph: Graph | None = None  # with its cell applied, once resolved
        self.resources: Resources = {}
        self.task: AnyTask | None = None
        self.training: RunTraining | None = None
        self.hashes: dict[str, str] = {}  # of models that the task names, by id
        self.steered: list[Steer] | None = []  # before it was sent; None: it is
        self.eta_seconds: float | None = None  # of the phase that it is in
        self.progress = Progress(phase="waiting")
        self.canceled: float | None = None  # when somebody asked to
        self.moved = now  # when it last made progress
        self._stepped: tuple[str | None, float, int] | None = None  # (node, time, step)
        self._pace: float | None = None  # seconds a step

    def advance(self, report: JobProgressed, now: float) -> JobProgress:
        """Note progress; give the frame that shows it, with the seconds that are left."""
        self.moved = now
        self.progress = Progress(
            step=report.step,
            steps=report.steps,
            phase=report.phase,
            cached=list(report.cached_nodes),
        )
        left: float | None = None
        if report.phase in _STEADY:
            before = self._stepped
            if before is not None and before[0] == report.node and report.step > before[2]:
                took = (now - before[1]) / (report.step - before[2])
                pace = took if self._pace is None else self._pace
                self._pace = pace + _WEIGHT * (took - pace)
            self._stepped = (report.node, now, report.step)
            if self._pace is not None:
                left = round(self._pace * (report.steps - report.step), 2)
        self.eta_seconds = left
        return JobProgress(
            job=self.job,
            node=report.node,
            phase=report.phase,
            step=report.step,
            steps=report.steps,
            eta_seconds=left,
            cached=self.progress.cached,
        )

    def facts(self, sink: str | None = None) -> ImageFacts:
        """Say what makes the picture that a sink saves; models by name, not by id."""
        if self.graph is None:
            return ImageFacts()
        facts = describe(self.graph, sink)
        known = self.resources.get(facts.model or "")
        if known is None or not known.name:
            return facts
        return ImageFacts(
            prompt=facts.prompt,
            negative_prompt=facts.negative_prompt,
            model=known.name,
            seed=facts.seed,
            steps=facts.steps,
            sampler=facts.sampler,
            guidance_scale=facts.guidance_scale,
        )
