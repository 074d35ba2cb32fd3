"""Models in the library."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

ModelKind = Literal[
    "checkpoint", "lora", "vae", "controlnet", "ip_adapter", "embedding", "upscaler", "other",
    "text_encoder", "clip_vision", "restorer",
]  # fmt: skip


class ModelDefaults(Struct, frozen=True, kw_only=True):
    """The settings a model draws best with; null where it does not say."""

    width: Annotated[int | None, Meta(description="Pixels.")] = None
    height: Annotated[int | None, Meta(description="Pixels.")] = None
    steps: int | None = None
    guidance_scale: float | None = None
    sampler: str | None = None


class ModelFacts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a file, or a note beside it, says of itself; each as far as it was found."""

    title: str | None = None
    author: str | None = None
    base_model: Annotated[str | None, Meta(description="What it was trained on.")] = None
    architecture: str | None = None
    method: Annotated[str | None, Meta(description="Of training: lora, loha, lokr, …")] = None
    rank: Annotated[int | None, Meta(description="Of a LoRA: the inner side of its matrices.")] = (
        None
    )
    alpha: float | None = None
    resolution: str | None = None
    training_steps: int | None = None
    epochs: int | None = None
    training_images: int | None = None
    prediction_type: str | None = None
    parts: Annotated[list[str], Meta(description="What a checkpoint's file holds.")] = []
    tags: Annotated[
        dict[str, int], Meta(description="Words of the captions it was trained on: how often each.")
    ] = {}


class ModelRoot(Struct, frozen=True, kw_only=True):
    """A folder of models that was added by hand; its files are used in place."""

    id: str
    path: str
    created: str = ""


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
    token: Annotated[str | None, Meta(description="A word that it learned.")] = None
    class_word: Annotated[str | None, Meta(description="What that is one of.")] = None
    trigger: str | None = None
    description: str | None = None
    defaults: ModelDefaults = ModelDefaults()
    loaded: bool = False
    source: str | None = None
    created: str = ""
    variant: Annotated[
        str | None, Meta(description="Number format of most weights: fp16, bf16, fp8, Q4_K_S, …")
    ] = None
    edition: Annotated[
        str | None, Meta(description="Of its family: inpaint, schnell, fill, union, clip-l, …")
    ] = None
    trigger_words: Annotated[
        list[str], Meta(description="Words that it was trained on, the most frequent first.")
    ] = []
    metadata: ModelFacts = ModelFacts()
    licence: str | None = None
    link: Annotated[str | None, Meta(description="Where it came from: a page for people.")] = None
    cover: Annotated[str | None, Meta(description="Id of a picture.")] = None
    missing: Annotated[
        bool, Meta(description="Its file is gone; once it is back, so is the model as it was.")
    ] = False
    duplicate_of: Annotated[
        str | None, Meta(description="Id of an older model with the same SHA-256.")
    ] = None
