"""Reports: what the engine tells the server. Knows nothing of pipes.

Every report names the job it speaks of; the executor stamps the engine's generation on it.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from core.errors import Params
from core.graph.catalogue import Catalogue
from core.meters import Tally
from core.records.graph import Json
from core.records.task import MadeModel
from core.records.training import CheckpointKind, LossPoint, SampleRole


class Report(Struct, frozen=True, kw_only=True, tag_field="say"):
    """Something the engine tells the server."""


class SavedImage(Struct, frozen=True, kw_only=True):
    """A picture that lies in ``staging/``, synced to disk."""

    path: str  # file name inside staging/
    thumbnail: str  # file name inside staging/
    node: str
    index: int  # running number of the job's outputs
    size: int  # bytes
    sha256: str
    width: int
    height: int
    kind: Literal["output", "mask", "sample"] = "output"


class Hello(Report, frozen=True, kw_only=True, tag="hello"):
    """First report: who the engine is and what it can run."""

    protocol: int
    pid: int
    device: str  # "cuda:0", "mps", "cpu"
    device_name: str
    memory_total: int  # bytes of the device (of the machine for cpu)
    torch: str
    catalogue: Catalogue
    devices: int = 1  # of its kind that a training may share; on the CPU processes, a core each


class CatalogueChanged(Report, frozen=True, kw_only=True, tag="catalogue_changed"):
    """A user's node file was added, changed or removed."""

    catalogue: Catalogue


class Heartbeat(Report, frozen=True, kw_only=True, tag="heartbeat"):
    """Every two seconds, from a thread of its own."""

    jobs: list[str]
    phase: str  # what holds the device: "idle", "import", "load", "encode", "step", "decode", …
    progress_age: float  # seconds since anything moved
    rss: int
    used: int  # device bytes
    total: int
    models: list[str]  # identities of what is in memory
    steps: Tally = Tally()  # seconds of the sampling loop's turns, in buckets of SECONDS
    widths: Tally = Tally()  # rows of these turns, in buckets of COUNTS
    weights_device: int = 0  # bytes of weights on a device with memory of its own
    weights_ram: int = 0  # bytes of weights in RAM
    vram_budget: int = 0  # bytes that the former may be; 0 on the CPU
    ram_budget: int = 0  # bytes beyond which idle weights leave RAM


class JobProgressed(Report, frozen=True, kw_only=True, tag="job_progressed"):
    """A job moved; newest wins."""

    job: str
    node: str | None
    phase: str
    step: int
    steps: int
    cached_nodes: tuple[str, ...] = ()  # so far, at most MAX_CACHED


class Previewed(Report, frozen=True, kw_only=True, tag="previewed"):
    """A small picture of the current guess; newest wins, at most eight a second a job."""

    job: str
    node: str
    step: int
    steps: int
    width: int
    height: int
    mime: str
    data: bytes


class JobDone(Report, frozen=True, kw_only=True, tag="job_done"):
    """A job succeeded; its pictures lie in staging."""

    job: str
    images: list[SavedImage] = []
    outputs: dict[str, Any] = {}  # "node.port" → plain value, for workflows
    seconds: float = 0.0
    degraded: list[str] = []
    peak_bytes: int = 0
    cached: int = 0  # nodes whose output was taken from the cache
    ran: int = 0  # nodes that ran
    made: list[MadeModel] = []
    result: Annotated[
        dict[str, Json] | None, Meta(description="What a task found; shown with the job.")
    ] = None
    cached_nodes: tuple[str, ...] = ()  # at most MAX_CACHED


class JobFailed(Report, frozen=True, kw_only=True, tag="job_failed"):
    """A job failed; the engine is well."""

    job: str
    code: str
    params: Params = {}
    node: str | None = None
    path: str | None = None
    seconds: float = 0.0
    detail: str = ""  # traceback, for the log only
    degraded: list[str] = []
    cached_nodes: tuple[str, ...] = ()  # at most MAX_CACHED


class JobCanceled(Report, frozen=True, kw_only=True, tag="job_canceled"):
    """A job left at a check."""

    job: str
    seconds: float = 0.0


class Degraded(Report, frozen=True, kw_only=True, tag="degraded"):
    """A rung of the memory ladder was taken for a job."""

    job: str
    rung: str
    needed: int = 0
    free: int = 0


class Pong(Report, frozen=True, kw_only=True, tag="pong"):
    """The answer to a Ping."""

    number: int


class Fatal(Report, frozen=True, kw_only=True, tag="fatal"):
    """The engine is poisoned and will exit; last report."""

    reason: str


class TrainingBegan(Report, frozen=True, kw_only=True, tag="training_began"):
    """A run is about to take a step: the first one, or the first after it was gone on with."""

    job: str
    training: str
    step: int  # done so far
    steps: int


class TrainingLosses(Report, frozen=True, kw_only=True, tag="training_losses"):
    """Steps that were taken: every one, a few at a time."""

    job: str
    training: str
    points: list[LossPoint]


class TrainingSampled(Report, frozen=True, kw_only=True, tag="training_sampled"):
    """A picture of what the run knows lies in staging."""

    job: str
    training: str
    step: int
    image: SavedImage
    prompt: str
    seed: int
    role: SampleRole


class TrainingSaved(Report, frozen=True, kw_only=True, tag="training_saved"):
    """A checkpoint or a snapshot lies, whole and synced, in the run's folder."""

    job: str
    training: str
    name: str  # of its folder, inside checkpoints/ or snapshots/
    step: int
    kind: CheckpointKind
    size: int  # bytes
    metric: float | None = None
    best: bool = False
    removed: Annotated[list[str], Meta(description="Names that gave way to it.")] = []


class TrainingPauses(Report, frozen=True, kw_only=True, tag="training_pauses"):
    """A run waits between two steps, or goes on."""

    job: str
    training: str
    step: int
    paused: bool


class TrainingWarned(Report, frozen=True, kw_only=True, tag="training_warned"):
    """Something is not as it should be, and the run goes on."""

    job: str
    training: str
    step: int
    code: str
    params: Params = {}


class TrainingParked(Report, frozen=True, kw_only=True, tag="training_parked"):
    """A run was saved and let go of, to be gone on with: last report of the job's attempt."""

    job: str
    training: str
    step: int
    reason: Literal["stopping", "memory"]
    seconds: float = 0.0


AnyTrainingReport = (
    TrainingBegan | TrainingLosses | TrainingSampled | TrainingSaved | TrainingPauses
    | TrainingWarned | TrainingParked
)  # fmt: skip
AnyReport = (
    Hello | CatalogueChanged | Heartbeat | JobProgressed | Previewed | JobDone | JobFailed
    | JobCanceled | Degraded | Pong | Fatal | AnyTrainingReport
)  # fmt: skip
