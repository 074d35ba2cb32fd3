"""Ways: which node draws for a family, and the recipes that are wired for it.

Most families share the sampling loop and the table of ``cookbook``. A family that is drawn another
way has a row here: its recipes by name, and what its checkpoint says of sizes. Knows no files.
"""

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct, structs

from core.errors import Problem
from core.graph.cookbook import RECIPES, Recipe
from core.graph.fields import join
from core.graph.requests import Generate, TextToImage
from core.records.graph import GraphNode, Json
from core.records.model import ModelDefaults

GENERIC = "generic"
WHOLE = "pipeline.generate"
LOAD = "model.load"
_TOLD = (  # what a pipeline of its own can be told of a picture
    "prompt", "negative_prompt", "model", "width", "height", "steps", "guidance_scale", "seed",
    "sampler", "scheduler",
)  # fmt: skip
_LEFT = ("sampler", "scheduler")  # of these only that they are left to it
_DEFAULT = "default"
_KEPT = (  # nodes around the drawing
    "image", "resize", "mask", "grow", "feather", "extend", "crop", "paste", "save",
)  # fmt: skip


class Way(Struct, frozen=True, kw_only=True):
    """How a checkpoint is drawn with."""

    family: str = ""
    recipes: Mapping[str, Recipe] = msgspec.field(default_factory=lambda: RECIPES)
    multiple: int = 8  # of both sides of a picture, in pixels


def node_of(family: str) -> str:
    """Name the node that takes checkpoints of a family."""
    return LOAD if WAYS.get(family) is None else WHOLE


def way_of(family: str, multiple: int = 8) -> Way:
    """Give the way of a family."""
    return Way(family=family, recipes=WAYS.get(family, RECIPES), multiple=multiple)


def _fields(whole: type[Struct]) -> type[Struct]:
    """Leave out of a recipe's fields what a pipeline of its own cannot be told."""
    refused = {*TextToImage.__struct_fields__} - {*_TOLD}
    kept = []
    for field in structs.fields(whole):
        if field.name in refused:
            continue
        if field.default is not msgspec.NODEFAULT:
            kept.append((field.name, field.type, field.default))
        else:
            kept.append((field.name, field.type))  # type: ignore[arg-type]  # either is a field
    return msgspec.defstruct(
        whole.__name__, kept, namespace={"__doc__": whole.__doc__}, frozen=True, kw_only=True,
        forbid_unknown_fields=True,
    )  # fmt: skip


def _unasked() -> dict[str, Json]:
    """Give the values by which nothing is asked for of the fields that are left out."""
    return {
        field.name: field.default if field.default_factory is msgspec.NODEFAULT else []
        for field in structs.fields(TextToImage)
        if field.name not in _TOLD
    }


def _redrawn(name: str, values: Mapping[str, Json]) -> list[GraphNode]:
    """Wire a recipe as for any family, and let the pipeline draw in the place of the loop."""
    wired = {node.id: node for node in RECIPES[name].make({**_unasked(), **values})}
    settings = {
        "checkpoint": values["model"],
        **{field: values[field] for field in _TOLD if field not in (*_LEFT, "model", *_SIZE)},
    }
    inputs: dict[str, tuple[str, str]] = {}
    if "crop" in wired:
        inputs = {"image": ("crop", "image"), "mask": ("crop", "mask")}
    elif "resize" in wired:
        inputs = {"image": ("resize", "out")}
    settings |= {field: values[field] for field in (("strength",) if inputs else _SIZE)}
    draw = GraphNode(id="draw", type=WHOLE, settings=settings, inputs=inputs)
    around = [wired[one] for one in _KEPT if one in wired]
    return [*(_after(one) for one in around if one.id not in _LAST), draw,
            *(_after(one) for one in around if one.id in _LAST)]  # fmt: skip


def _after(node: GraphNode) -> GraphNode:
    """Take from the pipeline what came from the decoder."""
    drawn = ("draw", "out")
    inputs = {port: drawn if wire[0] == "decode" else wire for port, wire in node.inputs.items()}
    return structs.replace(node, inputs=inputs)


def _left(values: dict[str, Json], defaults: ModelDefaults) -> None:
    values.update(dict.fromkeys(_LEFT, _DEFAULT))


def _choosing(request: Generate, pointer: str) -> Iterable[Problem]:
    """List what asks for a sampler or a schedule of ours: the pipeline has its own."""
    for field in _LEFT:
        if getattr(request, field) not in (None, _DEFAULT):
            yield Problem(
                code="field_unsupported",
                pointer=join(pointer, field),
                params={"field": field, "family": GENERIC},
            )


def _own(name: str) -> Recipe:
    """Make the row of a recipe for pipelines of their own."""
    ordinary = RECIPES[name]
    bindings = {
        field: [(node, setting) for node, setting in targets if node in _KEPT]
        for field, targets in ordinary.bindings.items()
    }
    for field in _DRAWN:
        target = ("draw", "checkpoint" if field == "model" else field)
        bindings[field] = [*bindings.get(field, []), target]
    return structs.replace(
        ordinary,
        family=GENERIC,
        fields=_fields(ordinary.fields),
        make=lambda values: _redrawn(name, values),
        bindings=bindings,
        finish=_left,
        faults=_choosing,
    )


_SIZE = ("width", "height")
_LAST = ("paste", "save")
_DRAWN = (*(field for field in _TOLD if field not in _LEFT), "strength")
WAYS: dict[str, Mapping[str, Recipe]] = {
    GENERIC: {name: _own(name) for name in ("txt2img", "img2img", "inpaint", "outpaint")}
}
