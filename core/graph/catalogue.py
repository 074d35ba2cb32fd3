"""The catalogue: what the engine said it can run. Knows node types only as data."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from core.errors import Problem

PLAIN_TYPES = frozenset({"int", "float", "str", "bool"})  # outputs that may be wired into settings
ANY = "any"  # an input that takes every type; an output of what comes in by such inputs

# Setting formats (JSON Schema ``format``) whose value names something that the server resolves
# before dispatch. Their values enter cache keys by content, not by name.
MODEL_FORMATS = frozenset(
    {
        "checkpoint", "lora", "vae", "text_encoder", "controlnet", "ip_adapter", "embedding",
        "upscaler", "restorer",
    }
)  # fmt: skip
IMAGE_FORMATS = frozenset({"image"})
# Format → extra of the distribution that a value of it needs.
EXTRAS = {"upscaler": "upscale", "restorer": "upscale"}


class Port(Struct, frozen=True, kw_only=True):
    """One input or output of a node."""

    name: str
    types: Annotated[list[str], Meta(description="Value types; a wire fits if one is common.")]
    required: bool = True
    doc: str = ""


class NodeSpec(Struct, frozen=True, kw_only=True):
    """All that anybody but the engine knows of a node type."""

    type: str
    version: int = 1
    title: str
    category: str
    doc: str = ""
    pure: Annotated[bool, Meta(description="False: never cached, always run again.")] = True
    sink: Annotated[bool, Meta(description="Has no output; a root of execution.")] = False
    settings: Annotated[dict[str, Any], Meta(description="JSON Schema of the settings object.")]
    inputs: list[Port] = []
    outputs: list[Port] = []
    source: Annotated[str, Meta(description="Hash of a user's file; else empty.")] = ""


class Catalogue(Struct, frozen=True, kw_only=True):
    """Every node type, the samplers, and what is wrong with users' files."""

    nodes: dict[str, NodeSpec]
    samplers: list[str] = []
    schedules: list[str] = []
    problems: list[Problem] = []
    lacking: Annotated[
        list[str], Meta(description="Extras that are not installed: what needs them is refused.")
    ] = []


class OnTop(Struct, frozen=True, kw_only=True):
    """What a checkpoint is drawn with that is no model of its own: files on top of another one."""

    base: str  # identity of what lies at the resource's path
    adapters: list[tuple[str, str, float]] = []  # (identity, path, weight)
    weights: dict[str, str] = {}  # folder of a part in diffusers' layout → file of its weights


class Resource(Struct, frozen=True, kw_only=True):
    """Something a setting names, resolved by the server so that the engine never asks back."""

    id: str
    kind: str  # a setting format: "checkpoint", "image", …
    path: str  # absolute, on the engine's machine
    identity: str  # what enters cache keys: the SHA-256, or path+size+mtime until it is known
    family: str | None = None
    name: str = ""
    format: str = ""  # of a model: "diffusers", "single", …
    stamp: tuple[int, int] = (0, 0)  # of a model: bytes, and milliseconds of its last change
    on_top: OnTop | None = None


Resources = dict[str, Resource]  # setting value → what it names


def known(resources: Resources, value: str, kind: str) -> Resource | None:
    """Find what a setting of a format names; where kinds share a name, ``kind:name`` tells them."""
    for name in (f"{kind}:{value}", value):
        found = resources.get(name)
        if found is not None and found.kind == kind:
            return found
    return None
