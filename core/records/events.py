"""Every fact and every frame: the WebSocket's vocabulary.

A *fact* is something that happened: numbered, stored in the transaction that made it true,
replayable, never dropped. A *frame* shows something going on: newest wins, never stored.
Stands below both the store, which numbers facts, and the bus, which sends them.
"""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from core.errors import Problem
from core.records.graph import Json
from core.records.image import Image
from core.records.imports import ImportStatus
from core.records.job import CachedNodes, JobKind
from core.records.model import Model
from core.records.training import CheckpointKind, LossPoint, SampleRole, Warned

Topic = Literal["jobs", "previews", "training", "gallery", "models", "system"]
TOPICS: tuple[Topic, ...] = ("jobs", "previews", "training", "gallery", "models", "system")


class Fact(Struct, frozen=True, kw_only=True, tag_field="type"):
    """Something that happened. ``seq`` and ``at`` are given when it is stored."""

    topic: ClassVar[Topic] = "system"
    owner: Annotated[str | None, Meta(description="Whose it is; null for everybody.")] = None


class JobQueued(Fact, frozen=True, kw_only=True, tag="job.queued"):
    """A single job entered the queue."""

    topic: ClassVar[Topic] = "jobs"
    job: str
    batch: str
    kind: JobKind = "graph"
    priority: int = 0


class BatchQueued(Fact, frozen=True, kw_only=True, tag="batch.queued"):
    """A batch of several jobs entered the queue: one event, however many jobs."""

    topic: ClassVar[Topic] = "jobs"
    batch: str
    count: int
    priority: int = 0


class JobStarted(Fact, frozen=True, kw_only=True, tag="job.started"):
    """The engine took a job."""

    topic: ClassVar[Topic] = "jobs"
    job: str
    batch: str
    attempt: int


class JobRetried(Fact, frozen=True, kw_only=True, tag="job.retried"):
    """A job went back to the queue: the engine or the server died under it, or somebody asked."""

    topic: ClassVar[Topic] = "jobs"
    job: str
    batch: str
    reason: Literal["engine_lost", "server_restart", "disk_full", "memory", "asked"]


class JobEnded(Fact, frozen=True, kw_only=True, tag="job.ended"):
    """A job reached its terminal state; no frame of it follows."""

    topic: ClassVar[Topic] = "jobs"
    job: str
    batch: str
    status: Literal["succeeded", "failed", "canceled", "quarantined"]
    seconds: float | None = None
    images: list[str] = []
    error: Problem | None = None
    degraded: list[str] = []
    result: Annotated[
        dict[str, Json] | None, Meta(description="What a task found or made; see `Job`.")
    ] = None
    cached: CachedNodes = []


class BatchEnded(Fact, frozen=True, kw_only=True, tag="batch.ended"):
    """The last job of a batch of several ended."""

    topic: ClassVar[Topic] = "jobs"
    batch: str
    counts: dict[str, int]


class BatchRetried(Fact, frozen=True, kw_only=True, tag="batch.retried"):
    """What failed of a batch is tried again, by new jobs: one event, however many."""

    topic: ClassVar[Topic] = "jobs"
    batch: str
    count: int
    jobs: Annotated[list[str], Meta(description="Ids of the first 200.")] = []


class QueueChanged(Fact, frozen=True, kw_only=True, tag="queue.changed"):
    """The queue was paused, resumed, cleared, or its order changed."""

    topic: ClassVar[Topic] = "jobs"
    paused: bool
    reason: Literal["asked", "disk_full", "engine_unavailable", "reordered", "cleared"]


class ImageAdded(Fact, frozen=True, kw_only=True, tag="image.added"):
    """A picture came into the gallery."""

    topic: ClassVar[Topic] = "gallery"
    image: Image


class ImageChanged(Fact, frozen=True, kw_only=True, tag="image.changed"):
    """A picture was starred, moved, annotated, restored."""

    topic: ClassVar[Topic] = "gallery"
    image: Image


class ImageDeleted(Fact, frozen=True, kw_only=True, tag="image.deleted"):
    """A picture went to the trash, or for good."""

    topic: ClassVar[Topic] = "gallery"
    image: str
    forever: bool = False


class BoardChanged(Fact, frozen=True, kw_only=True, tag="board.changed"):
    """A board was made, renamed or deleted."""

    topic: ClassVar[Topic] = "gallery"
    board: str
    deleted: bool = False


class ImportChanged(Fact, frozen=True, kw_only=True, tag="import.changed"):
    """An import of pictures was accepted, began or ended; it tells of all that it added."""

    topic: ClassVar[Topic] = "gallery"
    import_id: str
    status: ImportStatus
    added: int = 0
    refused: int = 0
    error: Problem | None = None


class ModelInstall(Fact, frozen=True, kw_only=True, tag="model.install"):
    """An install was accepted, began, was paused, finished or failed."""

    topic: ClassVar[Topic] = "models"
    install: str
    status: Literal["queued", "running", "paused", "succeeded", "failed", "canceled"]
    source: Annotated[str, Meta(description="As it was asked for, without secrets.")]
    model: str | None = None
    error: Problem | None = None


class ModelAdded(Fact, frozen=True, kw_only=True, tag="model.added"):
    """A model was found or installed."""

    topic: ClassVar[Topic] = "models"
    model: Model


class ModelChanged(Fact, frozen=True, kw_only=True, tag="model.changed"):
    """A model was edited, hashed, moved, loaded or unloaded."""

    topic: ClassVar[Topic] = "models"
    model: Model


class ModelDeleted(Fact, frozen=True, kw_only=True, tag="model.deleted"):
    """A model left the library."""

    topic: ClassVar[Topic] = "models"
    model: str


class TrainingStarted(Fact, frozen=True, kw_only=True, tag="training.started"):
    """A training took its first step."""

    topic: ClassVar[Topic] = "training"
    training: str
    job: str
    step: int
    steps: int


class TrainingLoss(Fact, frozen=True, kw_only=True, tag="training.loss"):
    """New points of the loss curve, a few times a second."""

    topic: ClassVar[Topic] = "training"
    training: str
    points: list[LossPoint]


class TrainingSample(Fact, frozen=True, kw_only=True, tag="training.sample"):
    """A training drew a picture of what it knows so far."""

    topic: ClassVar[Topic] = "training"
    training: str
    step: int
    image: str
    prompt: str = ""
    role: SampleRole = "subject"


class TrainingCheckpoint(Fact, frozen=True, kw_only=True, tag="training.checkpoint"):
    """A training wrote a checkpoint or a snapshot."""

    topic: ClassVar[Topic] = "training"
    training: str
    checkpoint: str
    step: int
    kind: CheckpointKind
    metric: float | None = None
    best: bool = False
    removed: Annotated[list[str], Meta(description="Ids of what gave way to it.")] = []


class TrainingPaused(Fact, frozen=True, kw_only=True, tag="training.paused"):
    """A training waits between two steps, or goes on."""

    topic: ClassVar[Topic] = "training"
    training: str
    step: int
    paused: bool = True


class TrainingWarned(Fact, frozen=True, kw_only=True, tag="training.warned"):
    """Something is not as it should be, and the run goes on."""

    topic: ClassVar[Topic] = "training"
    training: str
    step: int
    warning: Warned


class TrainingEnded(Fact, frozen=True, kw_only=True, tag="training.ended"):
    """A training ended, and with it the job."""

    topic: ClassVar[Topic] = "training"
    training: str
    step: int
    status: Literal["succeeded", "stopped", "failed", "canceled"]
    model: str | None = None


class TrainingChanged(Fact, frozen=True, kw_only=True, tag="training.changed"):
    """A training was asked for, asked to go on, renamed, published or deleted."""

    topic: ClassVar[Topic] = "training"
    training: str
    deleted: bool = False


class DatasetChanged(Fact, frozen=True, kw_only=True, tag="dataset.changed"):
    """Pictures or captions of a dataset changed."""

    topic: ClassVar[Topic] = "training"
    dataset: str
    deleted: bool = False


class WorkflowChanged(Fact, frozen=True, kw_only=True, tag="workflow.changed"):
    """A saved workflow was made, changed or deleted."""

    topic: ClassVar[Topic] = "system"
    workflow: str
    deleted: bool = False


class PresetChanged(Fact, frozen=True, kw_only=True, tag="preset.changed"):
    """A preset was made, changed or deleted."""

    topic: ClassVar[Topic] = "system"
    preset: str
    deleted: bool = False


class EngineState(Fact, frozen=True, kw_only=True, tag="engine.state"):
    """The engine process changed its state."""

    topic: ClassVar[Topic] = "system"
    state: Literal["starting", "ready", "restarting", "unavailable", "stopped"]
    generation: int
    device: str | None = None
    reason: str | None = None


class ConfigChanged(Fact, frozen=True, kw_only=True, tag="config.changed"):
    """A setting was changed while running."""

    topic: ClassVar[Topic] = "system"
    setting: str


AnyFact = (
    JobQueued | BatchQueued | JobStarted | JobRetried | JobEnded | BatchEnded | BatchRetried
    | QueueChanged | ImageAdded | ImageChanged | ImageDeleted | BoardChanged
    | ImportChanged
    | ModelInstall | ModelAdded | ModelChanged | ModelDeleted
    | TrainingStarted | TrainingLoss | TrainingSample | TrainingCheckpoint | TrainingPaused
    | TrainingWarned | TrainingEnded | TrainingChanged | DatasetChanged
    | WorkflowChanged | PresetChanged | EngineState | ConfigChanged
)  # fmt: skip


class Numbered(Struct, frozen=True, kw_only=True):
    """A fact as it was stored: its place in the one order, its time, its encoded text."""

    seq: int
    topic: Topic
    owner: str | None
    job: str | None  # for subscriptions to single jobs
    text: bytes  # the JSON that goes on the wire, encoded once: {"type", "seq", "at", …}


class Frame(Struct, frozen=True, kw_only=True, tag_field="type"):
    """Something going on. The newest of a key replaces the older."""

    topic: ClassVar[Topic] = "jobs"

    def key(self) -> tuple[str, ...]:
        """Name the slot in which the newest wins."""
        return (type(self).__name__,)


class JobProgress(Frame, frozen=True, kw_only=True, tag="job.progress"):
    """How far a job is."""

    job: str
    node: str | None = None
    phase: str
    step: int
    steps: int
    eta_seconds: float | None = None
    cached: CachedNodes = []  # so far; all of them in each frame, since frames are skipped

    def key(self) -> tuple[str, ...]:
        """One slot a job."""
        return ("job.progress", self.job)


class JobPreview(Frame, frozen=True, kw_only=True, tag="job.preview"):
    """A small picture of what a job is drawing; travels as a binary message."""

    topic: ClassVar[Topic] = "previews"
    job: str
    node: str
    step: int
    steps: int
    width: int  # pixels of the preview
    height: int
    mime: str
    data: bytes = b""  # not in the JSON header

    def key(self) -> tuple[str, ...]:
        """One slot a job."""
        return ("job.preview", self.job)


class ImportProgress(Frame, frozen=True, kw_only=True, tag="import.progress"):
    """How far an import of pictures is."""

    topic: ClassVar[Topic] = "gallery"
    import_id: str
    looking: Annotated[bool, Meta(description="The folder is still being walked.")]
    found: int
    added: int
    known: int
    refused: int

    def key(self) -> tuple[str, ...]:
        """One slot an import."""
        return ("import.progress", self.import_id)


class ModelProgress(Frame, frozen=True, kw_only=True, tag="model.progress"):
    """How far a download is."""

    topic: ClassVar[Topic] = "models"
    install: str
    bytes: int
    total: int | None
    per_second: float
    eta_seconds: float | None = None

    def key(self) -> tuple[str, ...]:
        """One slot an install."""
        return ("model.progress", self.install)


class Memory(Frame, frozen=True, kw_only=True, tag="memory"):
    """What the engine's memory holds. Bytes."""

    topic: ClassVar[Topic] = "system"
    device: str
    used: int
    total: int
    rss: int
    models: list[str] = []


class Readiness(Frame, frozen=True, kw_only=True, tag="readiness"):
    """Why no work is done now, whenever that changes: the reasons of `/readyz`.

    No fact, since a full disk cannot store one.
    """

    topic: ClassVar[Topic] = "system"
    reasons: Annotated[list[str], Meta(description="Empty when all is well.")]


AnyFrame = JobProgress | JobPreview | ImportProgress | ModelProgress | Memory | Readiness
