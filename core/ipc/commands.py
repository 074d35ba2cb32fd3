"""Commands: what the server asks of the engine. Knows nothing of pipes.

A command carries everything resolved, so the engine never asks back.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from core.graph.catalogue import Resource
from core.records.graph import Graph
from core.records.model import ModelDefaults
from core.records.recipe import Recipe
from core.records.task import AnyTask

PROTOCOL = 1
Quantize = Literal["none", "fp8", "nf4", "int8"]  # how the weights of denoisers are kept
Steering = Literal["pause", "resume", "stop", "checkpoint", "sample"]


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
    training: Annotated[
        "RunTraining | None", Meta(description="The run of a Publish or an Export.")
    ] = None
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


class TaughtPicture(Struct, frozen=True, kw_only=True):
    """A picture of a dataset as it is read: upright, of full size."""

    path: str  # of a PNG; transparent where it has an alpha channel
    sha256: str
    caption: str | None = None
    held_out: bool = False
    file: str = ""  # its name when it came


class TaughtSubject(Struct, frozen=True, kw_only=True):
    """What a run teaches: pictures, and the words for them. No prompt is null."""

    token: str
    class_word: str
    instance_prompt: str
    class_prompt: str
    pictures: list[TaughtPicture]


class RunTraining(Command, frozen=True, kw_only=True, tag="run_training"):
    """Train, from the beginning or from a checkpoint."""

    job: str
    training: str
    name: Annotated[str, Meta(description="Of the model that is made.")]
    recipe: Annotated[Recipe, Meta(description="Resolved.")]
    subjects: list[TaughtSubject]
    base: Annotated[str, Meta(description="Id of the checkpoint; in ``resources``.")]
    resources: dict[str, Resource] = {}
    hashes: Annotated[dict[str, str], Meta(description="Id of a model → SHA-256, if known.")] = {}
    folder: Annotated[str, Meta(description="The run's own: checkpoints, snapshots, logs.")]
    cache: Annotated[str, Meta(description="Moments, text and class pictures of all runs.")]
    making: Annotated[str, Meta(description="Where models are made; names begin with the job.")]
    start: Annotated[
        str | None,
        Meta(description="Name of a checkpoint in the folder; null: the newest, else the start."),
    ] = None
    fresh: Annotated[bool, Meta(description="Begin anew, whatever the folder holds.")] = False
    branch: Annotated[
        str | None, Meta(description="Folder of another run's checkpoint to begin from.")
    ] = None
    allow_changed: Annotated[
        bool, Meta(description="Resume although dataset or recipe are others.")
    ] = False
    trusted: Annotated[
        bool, Meta(description="Go on from a checkpoint that was made by another install.")
    ] = False
    paused: Annotated[bool, Meta(description="Wait for a resume before the first step.")] = False
    defaults: Annotated[
        ModelDefaults, Meta(description="What the base draws best with: for samples.")
    ] = ModelDefaults()
    metadata: dict[str, str] = {}
    request_id: str = ""
    alone: bool = False


class Steer(Command, frozen=True, kw_only=True, tag="steer"):
    """Ask something of a running training; it does it between two steps."""

    job: str
    steering: Steering
    prompts: Annotated[list[str], Meta(description="Of a sample; empty: the recipe's.")] = []


Run = RunGraph | RunTask | RunTraining  # what becomes a job of the engine
AnyCommand = (
    RunGraph | RunTask | RunTraining | Steer | Cancel | Watch | Unload | Rescan | Tune | Stop | Ping
)  # fmt: skip
