"""What server and engine say to each other: Commands down, Reports up. Knows nothing of pipes.

A command carries everything resolved, so the engine never asks back. Every report names the
job it speaks of; the executor stamps the engine's generation on it.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from core.errors import Params
from core.graph.catalogue import Catalogue, Resource
from core.meters import Tally
from core.records.graph import Graph, Json
from core.records.task import AnyTask, MadeModel

PROTOCOL = 1
Quantize = Literal["none", "fp8", "nf4", "int8"]  # how the weights of denoisers are kept


class EngineOptions(Struct, frozen=True, kw_only=True):
    """What an engine is started with: one JSON argument of ``python -m core.engine``."""

    staging: str  # folder for pictures on their way to the gallery
    nodes: str  # folder of users' node files
    device: str = "auto"
    dtype: str = "auto"
    threads: int = 0  # 0: all cores
    preview_rate: float = 8.0  # a second and job
    preview_size: int = 256  # longest side, pixels
    cache_mb: int = 256
    ram_budget_mb: int = 0  # of weights in RAM; 0: half of the machine's
    failpoints: str = ""  # see core.failpoint
    memory_mb: int = 0  # most of the device's memory it may take; 0: all
    log_level: str = "INFO"
    max_rows: int = 0  # of one forward; 0: as many as are worth it
    vram_budget_mb: int = 0  # of weights on the device; 0: all but a tenth of it
    speed: Literal["plain", "fused", "compiled"] = "plain"
    quantize: Quantize = "none"


class Command(Struct, frozen=True, kw_only=True, tag_field="do"):
    """Something the server asks of the engine."""


class RunGraph(Command, frozen=True, kw_only=True, tag="run_graph"):
    """Run a graph; answered by JobDone, JobFailed or JobCanceled."""

    job: str
    graph: Graph
    resources: dict[str, Resource] = {}
    metadata: Annotated[
        dict[str, str], Meta(description="Text chunks for saved pictures: keyword → text.")
    ] = {}
    request_id: str = ""
    exact: Annotated[bool, Meta(description="Rows run alone, for bit-identical replay.")] = False
    alone: Annotated[bool, Meta(description="A suspect: no other job beside it.")] = False


class RunTask(Command, frozen=True, kw_only=True, tag="run_task"):
    """Do a task; answered as RunGraph is. What it names by id is in ``resources``."""

    job: str
    task: AnyTask
    folder: Annotated[str, Meta(description="Where models are made; names begin with the job.")]
    graph: Annotated[Graph | None, Meta(description="What draws our picture of a Verify.")] = None
    resources: dict[str, Resource] = {}
    hashes: Annotated[dict[str, str], Meta(description="Id of a model → SHA-256, if known.")] = {}
    metadata: dict[str, str] = {}
    request_id: str = ""
    alone: bool = False


class Cancel(Command, frozen=True, kw_only=True, tag="cancel"):
    """Stop a job at its next check."""

    job: str


class Watch(Command, frozen=True, kw_only=True, tag="watch"):
    """Say for which jobs previews are wanted; ``None`` means every job, empty means none."""

    jobs: list[str] | None


class Unload(Command, frozen=True, kw_only=True, tag="unload"):
    """Drop models from memory: one by identity, or all that no job needs."""

    identity: str | None = None


class Rescan(Command, frozen=True, kw_only=True, tag="rescan"):
    """Import users' nodes again and report the catalogue if it changed."""


class Tune(Command, frozen=True, kw_only=True, tag="tune"):
    """Change settings of a running engine; executors keep it for the engines that follow."""

    preview_rate: float  # a second and job; 0 turns previews off
    log_level: str = "INFO"


class Stop(Command, frozen=True, kw_only=True, tag="stop"):
    """End the process once no job is running, at the latest after ``grace`` seconds."""

    grace: float = 0.0


class Ping(Command, frozen=True, kw_only=True, tag="ping"):
    """Ask for a sign of life through mailbox, loop and pipe; answered by Pong."""

    number: int


Run = RunGraph | RunTask  # what becomes a job of the engine
AnyCommand = RunGraph | RunTask | Cancel | Watch | Unload | Rescan | Tune | Stop | Ping


class Report(Struct, frozen=True, kw_only=True, tag_field="say"):
    """Something the engine tells the server."""


class Hello(Report, frozen=True, kw_only=True, tag="hello"):
    """First report: who the engine is and what it can run."""

    protocol: int
    pid: int
    device: str  # "cuda:0", "mps", "cpu"
    device_name: str
    memory_total: int  # bytes of the device (of the machine for cpu)
    torch: str
    catalogue: Catalogue


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
    kind: Literal["output", "mask"] = "output"


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


AnyReport = (
    Hello | CatalogueChanged | Heartbeat | JobProgressed | Previewed | JobDone | JobFailed
    | JobCanceled | Degraded | Pong | Fatal
)  # fmt: skip
