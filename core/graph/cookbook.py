"""The table of recipes: for each its fields, how it is wired, and which settings a field fills.

A row is all that a new recipe needs here; ``wiring`` makes its nodes.
"""

from collections.abc import Callable, Sequence

from msgspec import Struct

from core.graph import wiring
from core.graph.requests import ImageToImage, Inpaint, Outpaint, TextToImage
from core.records.graph import GraphNode, Json

ROOM = ("extend_left", "extend_right", "extend_top", "extend_bottom")


class Recipe(Struct, frozen=True, kw_only=True):
    """One recipe: its name, its fields, and how it becomes a graph."""

    name: str
    fields: type[TextToImage]
    make: Callable[[dict[str, Json]], Sequence[GraphNode]]
    bindings: dict[str, list[tuple[str, str]]]


_SHARED = {
    "prompt": [("positive", "prompt"), ("adapt", "prompt")],
    "loras": [("adapt", "loras")],
    "negative_prompt": [("negative", "prompt")],
    "model": [("model", "checkpoint")],
    **{name: [("sample", name)] for name in wiring.SAMPLED},
    "seamless": [("sample", "seamless"), ("decode", "seamless")],
    "scheduler": [("sample", "schedule")],
    "clip_skip": [("positive", "clip_skip"), ("negative", "clip_skip")],
}

_PART = {
    "width": [("crop", "width")],
    "height": [("crop", "height")],
    "init_image": [("image", "image")],
    "strength": [("sample", "strength")],
    "mask_blur": [("feather", "radius")],
}

RECIPES: dict[str, Recipe] = {
    "txt2img": Recipe(
        name="txt2img",
        fields=TextToImage,
        make=wiring.txt2img,
        bindings={**_SHARED, "width": [("start", "width")], "height": [("start", "height")]},
    ),
    "img2img": Recipe(
        name="img2img",
        fields=ImageToImage,
        make=wiring.img2img,
        bindings={
            **_SHARED,
            "width": [("resize", "width")],
            "height": [("resize", "height")],
            "init_image": [("image", "image")],
            "strength": [("sample", "strength")],
        },
    ),
    "inpaint": Recipe(
        name="inpaint",
        fields=Inpaint,
        make=wiring.inpaint,
        bindings={
            **_SHARED,
            **_PART,
            "mask_image": [("mask", "image")],
            "mask_invert": [("mask", "invert")],
            "mask_grow": [("grow", "pixels")],
            "only_masked": [("crop", "only_masked")],
            "mask_padding": [("crop", "padding")],
        },
    ),
    "outpaint": Recipe(
        name="outpaint",
        fields=Outpaint,
        make=wiring.outpaint,
        bindings={
            **_SHARED,
            **_PART,
            **{side: [("extend", side.removeprefix("extend_"))] for side in ROOM},
            "infill": [("extend", "infill")],
        },
    ),
}
