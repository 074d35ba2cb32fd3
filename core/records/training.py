"""Trainings and datasets, as clients see them."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from core.errors import Params, Problem
from core.records.recipe import Method, Recipe

TrainingStatus = Literal[
    "queued", "running", "paused", "succeeded", "stopped", "failed", "canceled"
]
CheckpointKind = Literal["checkpoint", "snapshot"]
SampleRole = Literal["subject", "context", "drift", "asked"]


class LossPoint(Struct, frozen=True, kw_only=True):
    """The losses of one optimizer step."""

    step: int
    loss: float
    loss_instance: float
    loss_prior: float | None = None
    lr: float
    grad_norm: float | None = None
    seconds: float
    validation: float | None = None
    rates: Annotated[dict[str, float], Meta(description="Learning rate of each group.")] = {}
    norms: Annotated[dict[str, float], Meta(description="Norm of each group's gradient.")] = {}
    memory_bytes: int = 0


class Subject(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that a run teaches: which pictures show it, and what it is called."""

    dataset: Annotated[str, Meta(min_length=1, max_length=64)]
    token: Annotated[str, Meta(min_length=1, max_length=64, description="A rare word.")] = "sks"
    class_word: Annotated[str, Meta(min_length=1, max_length=100)] = "object"
    instance_prompt: (
        Annotated[
            str, Meta(max_length=1_000, description='Null: "a photo of {token} {class_word}".')
        ]
        | None
    ) = None
    class_prompt: (
        Annotated[str, Meta(max_length=1_000, description='Null: "a photo of a {class_word}".')]
        | None
    ) = None


class Warned(Struct, frozen=True, kw_only=True):
    """Something that is worth knowing before a run, or during it; words are those of `code`."""

    code: str
    params: Params = {}
    message: str = ""


class DatasetImage(Struct, frozen=True, kw_only=True, tag_field="kind", tag="kept"):
    """A picture of a dataset, turned upright and decoded in full."""

    id: str
    file: Annotated[str, Meta(description="Its name when it came.")]
    width: int
    height: int
    bytes: int
    sha256: str
    caption: str | None = None
    transparent: bool = False
    held_out: bool = False
    notes: Annotated[
        list[Warned], Meta(description="What was odd about it; it is trained on all the same.")
    ] = []
    url: str
    thumbnail_url: str
    preview_url: Annotated[str, Meta(description="What a model sees of it.")] = ""


class Quarantined(Struct, frozen=True, kw_only=True, tag_field="kind", tag="quarantined"):
    """A file that is not trained on, and why."""

    id: str
    file: str
    code: str
    params: Params = {}
    message: str = ""


class Bucket(Struct, frozen=True, kw_only=True):
    """A size that pictures are trained in."""

    width: int
    height: int
    count: int


class PictureSize(Struct, frozen=True, kw_only=True):
    """How large a picture is, in pixels."""

    width: int
    height: int


class Dataset(Struct, frozen=True, kw_only=True):
    """Pictures of a subject."""

    id: str
    name: str
    count: Annotated[int, Meta(description="Pictures that are kept.")]
    kept: Annotated[list[DatasetImage], Meta(description="The first 200 of them.")] = []
    next: Annotated[str | None, Meta(description="Cursor of those that follow, for `/images`.")] = (
        None
    )
    quarantined: Annotated[
        list[Quarantined], Meta(description="The newest 200 files that are not trained on.")
    ] = []
    quarantined_count: int = 0
    bytes: Annotated[int, Meta(description="Of the pictures that are kept.")] = 0
    smallest: Annotated[
        PictureSize | None, Meta(description="Of the pictures as they came; null: none is kept.")
    ] = None
    largest: PictureSize | None = None
    buckets: Annotated[
        list[Bucket], Meta(description="What a training of the resolution asked for makes of them.")
    ] = []
    created: str
    owner: str


class Ingested(Struct, frozen=True, kw_only=True):
    """What came of several files: those that are kept, also from before, and the others."""

    kept: list[DatasetImage]
    quarantined: list[Quarantined]
    folders: Annotated[
        list[str], Meta(description="Folders inside, which were not looked into.")
    ] = []
    next: Annotated[
        str | None, Meta(description="Say it as `after` to go on; null: all are done.")
    ] = None


class Plan(Struct, frozen=True, kw_only=True):
    """What a run will do and take, before it does."""

    steps: int
    epochs: float
    pictures: int
    class_pictures: int
    recipe: Annotated[Recipe, Meta(description="With every choice made.")]
    peak_bytes: Annotated[int, Meta(description="Of the device.")]
    budget_bytes: Annotated[int, Meta(description="What the device has for it; 0 unknown.")]
    checkpoint_bytes: int
    seconds: Annotated[float | None, Meta(description="Null until a step was measured here.")]
    yields: Annotated[
        Literal["stay", "park"],
        Meta(description="What becomes of its weights while pictures need the device."),
    ] = "stay"
    warnings: list[Warned] = []


class Checkpoint(Struct, frozen=True, kw_only=True):
    """Resumable state (checkpoint) or usable weights (snapshot) of a run."""

    id: str
    training: str
    step: int
    kind: CheckpointKind
    bytes: int
    created: str
    metric: Annotated[float | None, Meta(description="Validation loss at this step.")] = None
    best: bool = False


class Sample(Struct, frozen=True, kw_only=True):
    """A picture that a run drew of what it knew."""

    training: str
    step: int
    image: str
    prompt: str
    seed: int
    role: SampleRole


class Training(Struct, frozen=True, kw_only=True):
    """A run, over all the jobs that it took."""

    id: str
    name: str
    job: Annotated[str, Meta(description="The newest job that works on it.")]
    status: TrainingStatus
    base_model: str
    dataset: str
    subjects: list[Subject] = []
    token: str
    class_word: str
    method: Method
    recipe: Recipe
    plan: Plan | None = None
    step: int = 0
    steps: int = 0
    loss: float | None = None
    eta_seconds: float | None = None
    model: Annotated[str | None, Meta(description="Id of the newest published model.")] = None
    parent: Annotated[str | None, Meta(description="Run that this one was branched from.")] = None
    sweep: Annotated[str | None, Meta(description="What runs of one sweep share.")] = None
    warnings: list[Warned] = []
    error: Problem | None = None
    created: str
    ended: str | None = None
    owner: str
