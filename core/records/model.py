"""Models in the library."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

ModelKind = Literal[
    "checkpoint", "lora", "vae", "controlnet", "ip_adapter", "embedding", "upscaler", "other"
]


class ModelDefaults(Struct, frozen=True, kw_only=True):
    """The settings a model draws best with; null where it does not say."""

    width: Annotated[int | None, Meta(description="Pixels.")] = None
    height: Annotated[int | None, Meta(description="Pixels.")] = None
    steps: int | None = None
    guidance_scale: float | None = None
    sampler: str | None = None


class Model(Struct, frozen=True, kw_only=True):
    """One model: what it is, where its file lies, how it likes to be used."""

    id: str
    name: str
    kind: ModelKind
    family: Annotated[str, Meta(description="sd1, sd2, sdxl, sd3, flux, …")]
    format: Literal["diffusers", "single", "gguf", "spandrel"]
    file: Annotated[str, Meta(description="Name inside its library folder, never a full path.")]
    bytes: int
    sha256: Annotated[str | None, Meta(description="Null until computed in the background.")] = None
    token: str | None = None
    trigger: str | None = None
    description: str | None = None
    defaults: ModelDefaults = ModelDefaults()
    loaded: bool = False
    source: str | None = None
    created: str = ""
