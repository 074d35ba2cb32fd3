"""What a plan is made from: the model, the pictures, the device. Numbers, all found elsewhere."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from core.records.training import Subject
from core.records.weighed import Weighed

Device = Literal["cpu", "cuda", "mps"]


class PictureFacts(Struct, frozen=True, kw_only=True):
    """A picture of a dataset, by its measures."""

    width: int  # pixels
    height: int
    captioned: bool = False
    transparent: bool = False
    held_out: bool = False


class Measured(Struct, frozen=True, kw_only=True):
    """How long an optimizer step took here, with the same base and method."""

    seconds: float
    rows: float  # pictures of the subject and of the class that went through the denoiser
    pixels: int  # of one of them
    grad_checkpoint: bool = False


class Facts(Struct, frozen=True, kw_only=True):
    """All that a plan asks."""

    family: str
    edition: str | None = None  # of the family: inpaint, schnell, …
    format: str = "diffusers"
    resolution: Annotated[int, Meta(description="Side that the model draws best, in pixels.")] = 512
    weighed: Weighed = Weighed()
    subjects: list[Subject] = []
    pictures: list[PictureFacts] = []  # of all subjects
    device: Device = "cpu"
    device_name: str = ""
    devices: int = 1  # that a run may share
    total_bytes: int = 0  # of the device's memory, of the machine's on the CPU; 0 unknown
    free_bytes: int = 0  # of it, when nothing of ours lies there; 0 unknown
    disk_bytes: int = 0  # free, where runs lie; 0 unknown
    quantize: Literal["none", "fp8", "nf4", "int8"] = "none"  # of pictures' denoisers
    half: Literal["bfloat16", "float16"] = "bfloat16"  # what the device computes well in
    libraries: frozenset[str] | None = None  # installed in the engine; None: unknown
    measured: Measured | None = None
    draw_seconds: float | None = None  # of one picture with the plan's steps of the prior
    done: int = 0  # steps that the run has taken already
