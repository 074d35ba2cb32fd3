"""What goes into the store and what comes out of it, beside the records that clients see.

Knows no SQL and no clock; ``core.jobs.queue`` passes these through.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

from core.errors import Problem
from core.graph.sweep import BoundAxis, Cell
from core.records.graph import Graph, Json
from core.records.image import ImageFacts, ImageKind
from core.records.job import JobKind
from core.records.model import ModelDefaults, ModelFacts, ModelKind
from core.records.webhook import Webhook

LISTED = 200  # ids that ``Added`` names; the rest is found by the batch


class NewBatch(Struct, frozen=True, kw_only=True):
    """Jobs that are asked for together: one graph, and one cell of the axes for each job."""

    owner: str
    graph: Graph
    kind: JobKind = "graph"
    client: str = ""  # whose fair share it counts against: token or session; empty: the owner
    recipe: dict[str, Json] | None = None
    axes: Sequence[BoundAxis] = ()
    cells: Iterable[Cell] = ((),)  # one job each: a value of every axis
    priority: int = 0
    board: str | None = None
    request_id: str = ""
    idempotency: tuple[str, str] | None = None  # (key, hash of the body)
    exact: bool = False
    cost: int = 1  # of one job: rows x steps x pixels
    max_rows: int | None = None  # jobs that may be in the line or running; the others are held
    webhook: Webhook | None = None  # who is told of the end


class Added(Struct, frozen=True, kw_only=True):
    """What came of a batch."""

    batch: str
    count: int
    jobs: list[str]  # ids of the first 200
    repeated: bool = False  # the idempotency key was known: these are the jobs of the first time


class Claimed(Struct, frozen=True, kw_only=True):
    """A job that is now running under (boot, generation), with all that dispatch needs."""

    job: str
    batch: str
    kind: JobKind
    owner: str
    graph: Graph  # before the cell is applied
    axes: Sequence[BoundAxis]  # without their values: those of this job are in ``cell``
    cell: Cell
    attempt: int  # 1 for the first
    request_id: str
    exact: bool
    alone: bool  # a suspect: nothing may run beside it
    cost: int
    recipe: dict[str, Json] | None = None
    board: str | None = None
    waited: float = 0.0  # seconds since it was accepted


RawPath = bytes  # a path as the system has it, which need not be text


class NewImage(Struct, frozen=True, kw_only=True):
    """A picture whose file already lies in its place."""

    id: str
    width: int  # pixels
    height: int
    bytes: int
    sha256: str
    kind: ImageKind = "output"
    index: int = 0  # running number of the job's outputs
    blob: bool = False  # the file is the blob of that SHA-256, not images/<id>
    facts: ImageFacts = ImageFacts()
    made: int | None = None  # when another program made it: milliseconds since 1970
    external: RawPath | None = None  # path of a file that is not ours, and stays where it is
    intermediate: bool = False  # sent for a job alone: lists leave it out


class Finished(Struct, frozen=True, kw_only=True):
    """How a running job ended."""

    job: str
    generation: int
    status: Literal["succeeded", "failed", "canceled"]
    seconds: float = 0.0  # engine time
    images: Sequence[NewImage] = ()
    error: Problem | None = None
    degraded: Sequence[str] = ()
    cached: Sequence[str] = ()  # ids of nodes, at most MAX_CACHED
    models: Sequence["NewModel"] = ()  # whose files lie in their place
    result: dict[str, Json] | None = None  # what a task found


class Requeued(Struct, frozen=True, kw_only=True):
    """What became of jobs whose engine or server died: ids of jobs."""

    queued: Sequence[str] = ()  # will be tried again; a suspect alone
    canceled: Sequence[str] = ()  # somebody had asked for it
    quarantined: Sequence[str] = ()  # crashed alone, twice


class QueueState(Struct, frozen=True, kw_only=True):
    """The queue at a glance."""

    counts: dict[str, int]  # jobs by status, every status named
    paused: bool
    reason: str | None = None  # why it is paused
    eta_seconds: float | None = None  # until all that waits and runs is done; null: not known yet


class NewModel(Struct, frozen=True, kw_only=True):
    """What a scan or an install found at one place."""

    name: str
    kind: ModelKind
    family: str
    format: Literal["diffusers", "single", "gguf", "spandrel"]
    root: str  # label of the library folder
    file: str  # path inside it
    bytes: int
    changed: int  # milliseconds: time of the last change of the file
    identity: str = ""  # what stands for the content until its hash is known
    token: str | None = None
    class_word: str | None = None  # what the token stands before
    trigger: str | None = None
    description: str | None = None
    defaults: ModelDefaults = ModelDefaults()
    source: str | None = None
    sha256: str | None = None
    variant: str | None = None
    edition: str | None = None
    trigger_words: list[str] = []
    metadata: ModelFacts = ModelFacts()
    licence: str | None = None
    link: str | None = None
    stamp: str = ""  # changes when the file is to be read again
    inode: str = ""  # stays when the file is renamed


class ModelFile(Struct, frozen=True, kw_only=True):
    """Where a model lies, and what stands for its content."""

    id: str
    root: str
    file: str
    bytes: int
    changed: int
    sha256: str | None
    identity: str = ""  # what stands for the content until its hash is known
    missing: bool = False  # its file is gone
    stamp: str = ""
    inode: str = ""
