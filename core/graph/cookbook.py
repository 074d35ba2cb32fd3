"""The table of recipes: for each its fields, how it is wired, and which settings a field fills.

A row is all that a new recipe needs here; ``wiring`` makes its nodes.
"""

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from core.errors import Problem
from core.graph import enlarging, wiring
from core.graph.regional import MAX_REGIONS
from core.graph.requests import (
    Generate,
    Hires,
    ImageToImage,
    Inpaint,
    Outpaint,
    TextToImage,
    Upscale,
    UpscaleDiffusion,
)
from core.graph.separate import PARTS
from core.records.graph import GraphNode, Json
from core.records.model import ModelDefaults

ROOM = ("extend_left", "extend_right", "extend_top", "extend_bottom")


def _nothing(values: dict[str, Json], defaults: ModelDefaults) -> None:
    return None


def _sound(request: Generate, pointer: str) -> Iterable[Problem]:
    return ()


class Recipe(Struct, frozen=True, kw_only=True):
    """One recipe: its name, its fields, and how it becomes a graph.

    ``bindings`` may name nodes that only some of its graphs have.
    """

    name: str
    family: str = ""  # whose recipe it is; most are for every family
    fields: type[Struct]
    make: Callable[[dict[str, Json]], Sequence[GraphNode]]
    bindings: dict[str, list[tuple[str, str]]]
    sized: bool = True  # draws at width × height, which come from picture and model where null
    finish: Callable[[dict[str, Json], ModelDefaults], None] = _nothing  # fills what is still null
    faults: Callable[[Generate, str], Iterable[Problem]] = _sound  # of fields beside each other


_SHARED: dict[str, list[tuple[str, str]]] = {
    "prompt": [("positive", "prompt"), ("adapt", "prompt")],
    "loras": [("adapt", "loras")],
    "negative_prompt": [("negative", "prompt")],
    "model": [("model", "checkpoint")],
    **{part: [("model", part)] for part in PARTS},
    **{name: [("sample", name)] for name in wiring.SAMPLED},
    "seamless": [("sample", "seamless"), ("decode", "seamless")],
    "scheduler": [("sample", "schedule")],
    "clip_skip": [
        ("positive", "clip_skip"),
        ("negative", "clip_skip"),
        *((f"region{number}", "clip_skip") for number in range(1, MAX_REGIONS + 1)),
    ],
}

_PART = {
    "width": [("crop", "width")],
    "height": [("crop", "height")],
    "init_image": [("image", "image")],
    "strength": [("sample", "strength")],
    "mask_blur": [("feather", "radius")],
}

# Both passes are drawn alike; only steps and strength are each one's own.
_BOTH = {
    field: [*targets, *(("refine", setting) for node, setting in targets if node == "sample")]
    for field, targets in _SHARED.items()
    if field != "steps"
}

_LARGER = {field: [("enlarge", field)] for field in ("upscaler", "factor", "width", "height")} | {
    "init_image": [("image", "image")]
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
            "match_colors": [("paste", "match_colors")],
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
    "hires": Recipe(
        name="hires",
        fields=Hires,
        make=wiring.hires,
        bindings={
            **_BOTH,
            "seamless": [*_BOTH["seamless"], ("first", "seamless")],
            "steps": [("sample", "steps")],
            "width": [("start", "width")],
            "height": [("start", "height")],
            "hires_factor": [("grow", "factor"), ("enlarge", "factor")],
            "hires_strength": [("refine", "strength")],
            "hires_steps": [("refine", "steps")],
            "hires_upscaler": [("enlarge", "upscaler")],
            "hires_resample": [("grow", "resample")],
        },
        finish=enlarging.finish_hires,
        faults=enlarging.hires_faults,
    ),
    "upscale": Recipe(
        name="upscale",
        fields=Upscale,
        make=wiring.upscale,
        bindings={
            **_LARGER,
            "tile_size": [("enlarge", "tile")],
            "tile_overlap": [("enlarge", "overlap")],
        },
        sized=False,
        faults=enlarging.faults,
    ),
    "upscale_diffusion": Recipe(
        name="upscale_diffusion",
        fields=UpscaleDiffusion,
        make=wiring.upscale_diffusion,
        bindings={
            **_SHARED,
            **_LARGER,
            "strength": [("sample", "strength")],
            "tile_size": [("sample", "tile")],
            "tile_overlap": [("sample", "overlap")],
        },
        sized=False,
        finish=enlarging.finish_tiles,
        faults=enlarging.tiled_faults,
    ),
}
