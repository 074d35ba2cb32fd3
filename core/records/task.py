"""Tasks: work on models that is no picture, as it is asked for, kept and shown."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Layout = Literal["diffusers", "single"]
Dtype = Literal["float32", "float16", "bfloat16", "float8_e4m3fn"]
Name = Annotated[str, Meta(min_length=1, max_length=200)]

SINGLE_FAMILIES = frozenset(
    {"sd1", "sd2", "sdxl", "sd3", "flux"}
)  # of which folders become single files
MAX_LORAS = 16  # of one merge


class Merged(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A LoRA that becomes part of the checkpoint."""

    model: Annotated[Name, Meta(description="Id, name or hash.")]
    weight: Annotated[float, Meta(ge=-4, le=4, description="1 is its full strength.")] = 1.0


class Target(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a model is converted to; null leaves it as it is."""

    layout: Annotated[
        Layout | None, Meta(description="A folder as diffusers has it, or a single file.")
    ] = None
    dtype: Annotated[
        Dtype | None,
        Meta(description="Number format of the weights; of float8 norms and biases stay wider."),
    ] = None
    loras: Annotated[list[Merged], Meta(max_length=MAX_LORAS)] = []
    name: Annotated[Name | None, Meta(description="Of the new model; null makes one.")] = None


class Task(Struct, frozen=True, kw_only=True, tag_field="task"):
    """What a job of kind `task` does; kept as the recipe of its batch."""


class Convert(Task, frozen=True, kw_only=True, tag="convert"):
    """Write a model anew: in another layout or number format, or with LoRAs merged."""

    model: str  # id
    to: Target  # complete: nothing is null, LoRAs by id


class Verify(Task, frozen=True, kw_only=True, tag="verify"):
    """Draw one picture twice: as here, and by diffusers' own pipeline; the graph draws ours."""

    model: str  # id
    prompt: str
    negative_prompt: str = ""
    width: int  # pixels
    height: int
    steps: int
    guidance_scale: float
    sampler: str
    scheduler: str
    seed: int


class Publish(Task, frozen=True, kw_only=True, tag="publish"):
    """Make a model of a training's snapshot; nothing is trained again."""

    training: str  # id
    model: str  # id of the checkpoint that was trained
    snapshot: str  # name of its folder
    step: int
    name: str  # of the model


class Export(Task, frozen=True, kw_only=True, tag="export"):
    """Write the model that a training made as a file for other programs."""

    training: str  # id
    model: str  # id of the checkpoint that was trained
    made: str  # id of the model that the training made
    format: Literal["diffusers", "kohya", "single"]
    file: str  # name of the file, inside the run's folder of exports


AnyTask = Convert | Verify | Publish | Export


class MadeFile(Struct, frozen=True, kw_only=True):
    """A file of a model that was made, synced to disk."""

    name: str  # inside the model's folder, with forward slashes; of a single file empty
    size: int  # bytes
    sha256: str


class MadeModel(Struct, frozen=True, kw_only=True):
    """A model that lies where models are made."""

    path: str  # file or folder name there
    name: str
    files: list[MadeFile]
