"""Recipes: a flat request becomes a graph. Every door uses them: web, CLI, compatible APIs.

Knows the names of the node types and nothing of what they do. Node ids are words, so that a
graph made here reads well in the editor.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from core.errors import Invalid, Params, Problem
from core.graph import fields as flat
from core.records.graph import Graph, GraphNode, Json
from core.records.model import ModelDefaults

MAX_SIDE = 4096  # pixels
MAX_SEED = flat.MAX_INT
FALLBACK = ModelDefaults(width=512, height=512, steps=20, guidance_scale=7.5, sampler="default")
NOT_YET = ("loras", "control", "mask_image")  # fields whose nodes are not there yet

_system_random = random.SystemRandom()

Prompt = Annotated[str, Meta(max_length=16_384, description="What to draw.")]
Negative = Annotated[str, Meta(max_length=16_384, description="What to keep away from.")]
ModelName = Annotated[
    str, Meta(min_length=1, max_length=512, description="Model by name, id or SHA-256.")
]
Side = Annotated[
    int, Meta(ge=8, le=MAX_SIDE, multiple_of=8, description="Pixels, a multiple of 8.")
]
Steps = Annotated[int, Meta(ge=1, le=500, description="Denoising steps.")]
Guidance = Annotated[
    float, Meta(ge=0, le=100, description="How strongly the prompt is followed; 1 turns it off.")
]
Name = Annotated[str, Meta(min_length=1, max_length=64)]
Seed = Annotated[
    int, Meta(ge=0, le=MAX_SEED, description="Start of the noise; null draws one and keeps it.")
]
ImageId = Annotated[
    str, Meta(min_length=1, max_length=64, description="Id of a picture in the gallery.")
]
Strength = Annotated[
    float, Meta(ge=0, le=1, description="How much of init_image is drawn anew; 1 is all of it.")
]
ClipSkip = Annotated[int, Meta(ge=0, le=12, description="Last text layers to leave out.")]


class LoraUse(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A LoRA and how strongly it is applied."""

    model: ModelName
    weight: Annotated[float, Meta(ge=-10, le=10)] = 1.0


class TextToImage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Draw a picture from a text."""

    prompt: Prompt
    negative_prompt: Negative = ""
    model: ModelName | None = None
    width: Side | None = None
    height: Side | None = None
    steps: Steps | None = None
    guidance_scale: Guidance | None = None
    sampler: Name | None = None
    scheduler: Name | None = None
    seed: Seed | None = None
    clip_skip: ClipSkip = 0


class ImageToImage(TextToImage, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Draw a picture anew from a text and a picture."""

    init_image: ImageId
    strength: Strength = 0.75


class Generate(TextToImage, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The flat request of the simple door: the fields of every recipe, and of the job."""

    count: Annotated[int, Meta(ge=1, le=64, description="Pictures; picture i has seed + i.")] = 1
    init_image: ImageId | None = None
    mask_image: ImageId | None = None
    strength: Strength = 0.75
    loras: Annotated[list[LoraUse], Meta(max_length=64)] = []
    control: Annotated[list[dict[str, Any]], Meta(max_length=16)] = []
    board: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    priority: Annotated[int, Meta(ge=-100, le=100)] = 0
    exact: Annotated[bool, Meta(description="Run alone, for bit-identical replay.")] = False
    dynamic_prompts: Annotated[
        Literal["off", "random", "combinatorial"],
        Meta(
            description="Whether {a|b} and __wildcard__ in prompt are chosen from: for each picture"
            " by its seed, or all there are, count pictures of each."
        ),
    ] = "off"


class Built(Struct, frozen=True, kw_only=True):
    """What a recipe made."""

    graph: Graph
    bindings: dict[str, list[tuple[str, str]]]  # field → the settings it fills: (node, setting)
    fields: dict[str, Json]  # the recipe's fields with nothing left open: stored, and shown


class Recipe(Struct, frozen=True, kw_only=True):
    """One recipe: its name, its fields, and how it becomes a graph."""

    name: str
    fields: type[TextToImage]
    make: Callable[[dict[str, Json]], Sequence[GraphNode]]
    bindings: dict[str, list[tuple[str, str]]]


def choose(request: Generate) -> str:
    """Name the recipe that a flat request means."""
    return "img2img" if request.init_image is not None else "txt2img"


def build(
    name: str,
    fields: Mapping[str, Json],
    defaults: ModelDefaults,
    *,
    source: tuple[int, int] | None = None,
    pointer: str = "",
) -> Built:
    """Make the graph of a recipe.

    Takes any field of ``Generate``; those of the job (count, dynamic_prompts, …) are the
    caller's to act on. What is null comes from the model's defaults, then from 512 × 512,
    20 steps and 7.5. A null seed is drawn here.

    :param source: width and height of ``init_image``, kept where no size is asked for.
    :param pointer: JSON pointer of the fields in the request, for problems.
    :raises Invalid: with every problem found; ``unknown_recipe`` for a name that is not there.
    """
    recipe = RECIPES.get(name)
    if recipe is None:
        problem = Problem(
            code="unknown_recipe", pointer=flat.join(pointer, "name"), params={"recipe": name}
        )
        raise Invalid(problems=(problem,))
    request = flat.decode_all(fields, Generate, pointer)
    if problems := _refused(recipe, request, pointer):
        raise Invalid(problems=tuple(problems))
    values = {
        field: value
        for field, value in msgspec.to_builtins(request).items()
        if field in recipe.fields.__struct_fields__
    }
    _complete(values, defaults, source if name == "img2img" else None)
    graph = Graph(nodes=list(recipe.make(values)))
    return Built(graph=graph, bindings=recipe.bindings, fields=values)


def _refused(recipe: Recipe, request: Generate, pointer: str) -> list[Problem]:
    """List the fields that this recipe cannot honour: never take one and leave it unused."""
    found = [
        Problem(
            code="not_supported_yet", pointer=flat.join(pointer, field), params={"field": field}
        )
        for field in NOT_YET
        if getattr(request, field)
    ]
    if request.model is None:
        found.append(Problem(code="no_model", pointer=flat.join(pointer, "model")))
    takes_image = "init_image" in recipe.fields.__struct_fields__
    at = flat.join(pointer, "init_image")
    if takes_image and request.init_image is None:
        found.append(Problem(code="missing_field", pointer=at, params={"field": "init_image"}))
    if not takes_image and request.init_image is not None:
        params: Params = {"field": "init_image", "recipe": recipe.name}
        found.append(Problem(code="not_in_recipe", pointer=at, params=params))
    return found


def _complete(
    values: dict[str, Json], defaults: ModelDefaults, source: tuple[int, int] | None
) -> None:
    width, height = values["width"], values["height"]
    if source is not None:
        width, height = _size_near(source, width, height)
    values["width"] = width or defaults.width or FALLBACK.width
    values["height"] = height or defaults.height or FALLBACK.height
    for name in ("steps", "guidance_scale", "sampler"):
        for origin in (defaults, FALLBACK):
            if values[name] is None:
                values[name] = getattr(origin, name)
    if values["scheduler"] is None:
        values["scheduler"] = "default"
    if values["seed"] is None:
        values["seed"] = _system_random.randrange(2**32)  # short enough to be typed again


def _size_near(source: tuple[int, int], width: int | None, height: int | None) -> tuple[int, int]:
    """Keep the shape of the source: its own size, or the side that is asked for."""
    wide, high = (max(1, side) for side in source)
    if width is None and height is None:
        scale = min(1.0, MAX_SIDE / max(wide, high))
        return _side(wide * scale), _side(high * scale)
    if width is None:
        assert height is not None
        return _side(wide * height / high), height
    return width, height or _side(high * width / wide)


def _side(pixels: float) -> int:
    return min(MAX_SIDE, max(8, round(pixels / 8) * 8))


def _node(id_: str, type_: str, settings: dict[str, Json], **inputs: tuple[str, str]) -> GraphNode:
    return GraphNode(id=id_, type=type_, settings=settings, inputs=inputs)


def _around(values: dict[str, Json], strength: float, *start: GraphNode) -> list[GraphNode]:
    """Put what every recipe shares around the nodes that make the first latent, ``start``."""
    encoder = ("model", "text_encoder")
    clip_skip = values["clip_skip"]
    return [
        _node("model", "model.load", {"checkpoint": values["model"]}),
        _node(
            "positive", "prompt.encode",
            {"prompt": values["prompt"], "clip_skip": clip_skip}, text_encoder=encoder,
        ),
        _node(
            "negative", "prompt.encode",
            {"prompt": values["negative_prompt"], "clip_skip": clip_skip}, text_encoder=encoder,
        ),
        *start,
        _node(
            "sample", "latent.sample",
            {
                "seed": values["seed"],
                "steps": values["steps"],
                "guidance_scale": values["guidance_scale"],
                "sampler": values["sampler"],
                "schedule": values["scheduler"],
                "strength": strength,
            },
            model=("model", "model"), positive=("positive", "out"), negative=("negative", "out"),
            latent=("start", "out"),
        ),
        _node("decode", "latent.decode", {}, vae=("model", "vae"), latent=("sample", "out")),
        _node("save", "image.save", {}, image=("decode", "out")),
    ]  # fmt: skip


def _txt2img(values: dict[str, Json]) -> list[GraphNode]:
    size = {"width": values["width"], "height": values["height"]}
    return _around(values, 1.0, _node("start", "latent.empty", size, vae=("model", "vae")))


def _img2img(values: dict[str, Json]) -> list[GraphNode]:
    size = {"width": values["width"], "height": values["height"]}
    return _around(
        values,
        values["strength"],
        _node("image", "image.load", {"image": values["init_image"]}),
        _node("resize", "image.resize", size, image=("image", "out")),
        _node("start", "latent.encode", {}, vae=("model", "vae"), image=("resize", "out")),
    )


_SHARED = {
    "prompt": [("positive", "prompt")],
    "negative_prompt": [("negative", "prompt")],
    "model": [("model", "checkpoint")],
    "steps": [("sample", "steps")],
    "guidance_scale": [("sample", "guidance_scale")],
    "sampler": [("sample", "sampler")],
    "scheduler": [("sample", "schedule")],
    "seed": [("sample", "seed")],
    "clip_skip": [("positive", "clip_skip"), ("negative", "clip_skip")],
}

RECIPES: dict[str, Recipe] = {
    "txt2img": Recipe(
        name="txt2img",
        fields=TextToImage,
        make=_txt2img,
        bindings={**_SHARED, "width": [("start", "width")], "height": [("start", "height")]},
    ),
    "img2img": Recipe(
        name="img2img",
        fields=ImageToImage,
        make=_img2img,
        bindings={
            **_SHARED,
            "width": [("resize", "width")],
            "height": [("resize", "height")],
            "init_image": [("image", "image")],
            "strength": [("sample", "strength")],
        },
    ),
}
