"""Pictures in the gallery."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

ImageKind = Literal["output", "upload", "mask", "sample"]


class ImageFacts(Struct, frozen=True, kw_only=True):
    """What made a picture: the fields people search and filter by."""

    prompt: str | None = None
    negative_prompt: str | None = None
    model: str | None = None
    seed: int | None = None
    steps: int | None = None
    sampler: str | None = None
    guidance_scale: float | None = None


class Image(Struct, frozen=True, kw_only=True):
    """One picture: its file, where it came from, and what people did with it."""

    id: str
    order: Annotated[int, Meta(description="Its place in lists: the newest has the highest.")] = 0
    kind: ImageKind
    width: Annotated[int, Meta(description="Pixels.")]
    height: Annotated[int, Meta(description="Pixels.")]
    bytes: int
    sha256: str
    created: str
    made: Annotated[
        str | None, Meta(description="When another program made it; null for what is our own.")
    ] = None
    job: str | None = None
    batch: str | None = None
    board: str | None = None
    starred: bool = False
    note: str | None = None
    prompt: str | None = None
    negative_prompt: str | None = None
    model: str | None = None
    seed: int | None = None
    steps: int | None = None
    sampler: str | None = None
    guidance_scale: float | None = None
    intermediate: Annotated[
        bool, Meta(description="Sent for a job and not for the gallery: lists leave it out.")
    ] = False
    deleted: Annotated[str | None, Meta(description="When it went to the trash.")] = None
    url: str
    thumbnail_url: str
