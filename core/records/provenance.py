"""How a picture was made, as its metadata tells: one record for every program's words."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from core.errors import Problem

Source = Literal["heliograph", "a1111", "invokeai", "comfyui", "swarmui", "fooocus", "novelai"]


class LoraUsed(Struct, frozen=True, kw_only=True):
    """A LoRA that a picture was made with."""

    name: str
    weight: float | None = None


class Provenance(Struct, frozen=True, kw_only=True):
    """What made a picture, in our words; null where its metadata does not say.

    Bytes of strangers said so: it is shown, and checked like any request when it is used.
    """

    source: Annotated[Source, Meta(description="The program whose words were read.")]
    version: Annotated[str | None, Meta(description="Of that program.")] = None
    prompt: str = ""
    negative_prompt: str = ""
    seed: int | None = None
    steps: int | None = None
    sampler: Annotated[str | None, Meta(description="Our name; the nearest, or null.")] = None
    scheduler: str | None = None
    guidance_scale: float | None = None
    width: Annotated[int | None, Meta(description="Pixels.")] = None
    height: Annotated[int | None, Meta(description="Pixels.")] = None
    strength: float | None = None
    clip_skip: Annotated[int | None, Meta(description="Text layers left out; 0 for none.")] = None
    model: str | None = None
    model_hash: Annotated[str | None, Meta(description="As the program gives it.")] = None
    loras: list[LoraUsed] = []
    raw: Annotated[
        dict[str, str], Meta(description="The texts that were read, as they stood.")
    ] = {}
    remarks: Annotated[
        list[Problem], Meta(description="What was not understood, or is not as it was there.")
    ] = []
